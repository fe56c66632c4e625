"""`harness rerank`: encoders against each other and against people, from a run's OUT or a file of scores."""

import dataclasses
import json
import shutil
from itertools import combinations

import click
import pytest
from click.testing import CliRunner

from harness.cli.main import main
from harness.pipeline.lockfile import run_key
from harness.pipeline.results import read, write_analyses
from harness.report.finding import read_findings
from harness.studies.rerank import human
from harness.studies.rerank.distances import of_distances
from harness.studies.rerank.runs import of_run
from harness.studies.rerank.words import answer, distance_words
from harness.uncertainty.agreements.orders import independent
from harness.uncertainty.agreements.rankings import agreement, consensus
from harness.uncertainty.seeds import SeedMember, combine
from tests.uncertainty.test_comparisons import analysis_of


def ask(*arguments):
    return CliRunner().invoke(main, ["rerank", *map(str, arguments)])


def refused(*arguments):
    told = ask(*arguments)
    assert told.exit_code == 2, told.output
    return told.output


@pytest.fixture
def scores(tmp_path):
    """`good` ranks as people do, `bad` takes the worst for the best; the names are in capitals."""

    def write(lines="", header="generator,encoder,value,se"):
        path = tmp_path / "scores.csv"
        if not lines:
            means = {name: answers.mean for name, answers in human.load("cifar10").items()}
            lines = "\n".join(
                f"{name.upper()},good,{100 - 100 * m},0.2\n{name.upper()},bad,{100 * m},0.2"
                for name, m in means.items()
            )
        path.write_text(f"{header}\n{lines}\n")
        return path

    return write


def test_an_encoder_that_ranks_as_people_do_agrees_better_than_one_that_does_the_reverse(scores, tmp_path):
    file = tmp_path / "told.json"
    told = ask("--scores", scores(), "--human", "cifar10", "--json", file)
    assert told.exit_code == 0, told.output
    found = json.loads(file.read_text())
    (both,) = found["agreement"]
    assert both["tau"]["high"] < -0.5
    people = {one["first"]: one for one in found["people"]["agreement"]}
    assert people["good"]["tau"]["low"] > 0 > people["bad"]["tau"]["high"]
    assert people["good"]["tau"]["value"] == pytest.approx(1)
    (judged,) = found["people"]["judgement"]
    assert judged["gain"]["low"] > 0
    assert judged["gain"]["p"] < 0.002
    assert "good rather than bad: good agrees better with people beyond noise" in told.output
    assert "MIT" in told.output
    assert "328 participants, 13 generators" in told.output
    assert ask("--scores", scores(), "--human", "cifar10").output == told.output  # the same seed


def test_the_direction_of_a_metric_is_heard(scores, tmp_path):
    file = tmp_path / "told.json"
    ask("--scores", scores(), "--human", "cifar10", "--higher-is-better", "--json", file)
    (judged,) = json.loads(file.read_text())["people"]["judgement"]
    assert judged["gain"]["high"] < 0


def test_generators_that_one_encoder_or_the_study_lacks_are_left_out_and_said(scores):
    path = scores(
        "ACGAN,a,1\nBigGAN,a,2\nNVAE,a,3\nmine,a,4\nLOGAN,a,5\nACGAN,b,1\nBigGAN,b,2\nNVAE,b,4\nmine,b,3",
        "generator,encoder,value",
    )
    told = ask("--scores", path, "--human", "cifar10")
    assert told.exit_code == 0, told.output
    assert "left out, since not scored under every encoder: LOGAN" in told.output
    assert "left out, since not in the study: mine" in told.output
    assert "noise unknown" in told.output
    whole = ask("--scores", path, "--human", "cifar10", "--details")
    assert "ordered the other way in value: NVAE/mine" in whole.output


def reverse(encoders="xy", se=""):
    """Three generators, which the last encoder orders the other way than the others."""
    values = {encoder: (3, 2, 1) if encoder == encoders[-1] else (1, 2, 3) for encoder in encoders}
    return "\n".join(f"{g},{e},{v}{se}" for e, own in values.items() for g, v in zip("abc", own, strict=True))


def test_scores_without_standard_errors_differ_in_value_and_nothing_is_beyond_noise(scores, tmp_path):
    file = tmp_path / "told.json"
    told = ask("--scores", scores(reverse(), "generator,encoder,value"), "--json", file).output
    assert told.startswith("Encoders order 3 of 3 pairs of generators differently in value")
    assert "noise unknown: give standard errors in a column se" in told.splitlines()[0]
    assert "beyond noise" not in told.replace("says what is beyond noise", "")
    assert "[" not in told, "no interval without noise"
    assert "OUT" not in told
    assert json.loads(file.read_text())["noise_known"] is False
    alike = ask("--scores", scores(reverse().replace("a,y,3", "a,y,0.5"), "generator,encoder,value")).output
    assert "in value" in alike.splitlines()[0]
    with_people = ask("--scores", scores(), "--human", "cifar10").output
    assert "beyond noise" in with_people


def test_scores_with_standard_errors_say_what_holds_at_once_and_name_no_run(scores):
    told = ask("--scores", scores(reverse(se=",0.1"))).output
    assert told.startswith("No: encoders order 3 of 3 pairs of generators differently beyond noise")
    assert "what it calls beyond noise holds for all pairs and encoders at once" in told
    assert "holds by itself" not in told
    assert "OUT" not in told
    assert "smaller standard errors" in told


def test_what_scores_turn_beyond_noise_holds_for_all_encoders_at_once(scores, tmp_path):
    """A gap that shows between two encoders is not called sure where nine are looked at together."""
    found = {}
    for encoders in ("xy", "xstuvwqzy"):
        file = tmp_path / f"{encoders}.json"
        ask("--scores", scores(reverse(encoders, se=",0.5")), "--json", file)
        told = json.loads(file.read_text())["agreement"]
        (both,) = (both for both in told if (both["first"], both["second"]) == ("x", "y"))
        found[encoders] = sum(pair["reversed_for_sure"] for pair in both["pairs"])
    assert found["xy"] > found["xstuvwqzy"]


def test_faults_of_the_file_are_told_line_by_line(scores):
    words = refused("--scores", scores("A,x,1,0.1\nA,x,2,0.1\nB,x,high,0.1\nC,x,3,-1\n,x,3,1"))
    assert ":3: 'A' under 'x' is there twice" in words
    assert ":4: value is 'high'" in words
    assert ":5: se is '-1'" in words
    assert ":6: a generator and an encoder are needed" in words
    some = refused("--scores", scores("A,x,1,0.1\nB,x,2,\nC,x,3,0.2\nA,y,1,"))
    assert ":3: se is blank, but other lines have one" in some
    assert ":5: se is blank" in some
    assert ":4:" not in some
    none = ask("--scores", scores("A,x,1,\nB,x,2,\nC,x,3,\nA,y,1,\nB,y,2,\nC,y,3,"))
    assert "noise unknown" in none.output
    exact = ask("--scores", scores("A,x,1,0\nB,x,2,0\nC,x,3,0\nA,y,1,0\nB,y,2,0\nC,y,3,0"))
    assert "values taken as exact (every se is 0)" in exact.output
    assert "no column value" in refused("--scores", scores("A,x,1", "generator,encoder,fid"))
    assert "holds no scores" in refused("--scores", scores("\n"))
    assert "cannot be read" in refused("--scores", "absent.csv")


def test_a_seed_below_0_is_refused_in_words(scores):
    assert "-5 is not in the range x>=0" in refused("--scores", scores(), "--seed", -5)
    assert ask("--scores", scores(), "--seed", 0).exit_code == 0


def test_no_command_takes_a_seed_below_0():
    """Every option whose name ends in `seed`, whatever its command, so that a new one is seen too."""
    found = {}

    def look(command, name):
        if isinstance(command, click.Group):
            context = click.Context(command)
            for inner in command.list_commands(context):
                look(command.get_command(context, inner), f"{name} {inner}".strip())
        for option in command.params:
            if option.name.endswith("seed"):
                found[f"{name} --{option.name}"] = getattr(option.type, "min", None)

    look(main, "")
    assert set(found) >= {"rerank --seed", "score --seed"}
    assert set(found.values()) == {0}


def test_what_goes_together_is_told(scores, tmp_path):
    one = scores("A,x,1\nB,x,2\nC,x,3", "generator,encoder,value")
    assert "and not both" in refused()
    assert "and not both" in refused(tmp_path, "--scores", one)
    assert "--metric needs OUT" in refused("--scores", one, "--metric", "fd")
    assert "--higher-is-better needs --scores" in refused(tmp_path, "--higher-is-better")
    assert "x is the only encoder" in refused("--scores", one)
    assert "0 generators are in the human study of cifar10" in refused("--scores", one, "--human", "cifar10")
    assert "did you mean 'cifar10'" in refused("--scores", one, "--human", "cifar1")
    assert "holds no run" in refused(tmp_path)


def test_a_mistake_is_one_line_without_half_a_report_before_it(scores):
    for arguments in (("--human", "cifar1"), ("--level", "2"), ("--level", "0.9999")):
        assert len(refused("--scores", scores(), *arguments).splitlines()) == 1
    assert "at most 0.999 is possible with 4,000 replicates" in refused("--scores", scores(), "--level", "0.9999")
    assert ask("--scores", scores(), "--level", "0.999").exit_code == 0


@pytest.mark.slow
def test_a_run_ranks_its_generators_under_every_encoder(copy_of, tmp_path):
    out, file = copy_of().folder / "results/small", tmp_path / "told.json"
    told = ask(out, "--json", file)
    assert told.exit_code == 0, told.output
    found = json.loads(file.read_text())
    (both,) = found["agreement"]
    assert {both["first"], both["second"]} == {"digits_convnet", "pixels"}
    assert len(both["pairs"]) == 6
    board = json.loads((out / "leaderboard.json").read_text())
    ranks = {row["generator"]: [] for row in board["rows"]}
    for encoder in ("digits_convnet", "pixels"):
        groups = read(out, encoder)[1]["fd"]
        value = {g: combine(m, level=0.95, target="T_N", reference="random").estimate.value for g, m in groups.items()}
        for place, generator in enumerate(sorted(value, key=value.__getitem__), 1):
            ranks[generator].append(place)
    assert all(len(places) == 2 for places in ranks.values())
    assert {name: rank[0] for name, rank in found["consensus"]["mean_rank"].items()} == {
        name: sum(places) / 2 for name, places in ranks.items()
    }
    assert found["consensus"]["first_place"]["digits_convnet"]["noise"] == 0
    assert "fd of" in told.output
    section = read_findings(out)["rerank"]
    assert list(section.verdict[: len(found["verdict"])]) == found["verdict"]
    assert section.verdict[0] in told.output
    assert section.run == run_key(out)
    assert {row[0]: row[1] for row in section.tables[1].rows} == {
        name: rank[0] for name, rank in found["consensus"]["mean_rank"].items()
    }
    assert section.verdict[0] in (out / "report.html").read_text()
    precision = ask(out, "--metric", "precision")
    assert "rerank-precision" in read_findings(out)
    assert precision.exit_code == 0, precision.output
    assert "no metric 'fid'" in refused(out, "--metric", "fid")
    assert "the human study of lsun256" in refused(out, "--human", "lsun256")


def agreements(first, second):
    """Two rankings of a, b and c by exact values."""
    rankings = [
        independent(n, v, dict.fromkeys(v, 0.0), lower_is_better=True, count=200, seed=i)
        for i, (n, v) in enumerate((("x", first), ("y", second)))
    ]
    return [agreement(*rankings)], consensus(rankings)


def test_the_answer_is_no_yes_or_not_shown_and_leaves_random_weights_out():
    same, other = {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 2.0, "b": 1.0, "c": 3.0}
    pairs, whole = agreements(same, same)
    assert answer(pairs, whole, {})[0].startswith("Yes: every encoder orders all 3 pairs")
    turned, turned_whole = agreements(same, other)
    assert "No: encoders order 1 of 3 pairs" in answer(turned, turned_whole, {})[0]
    assert "x prefers a to b, y the reverse" in answer(turned, turned_whole, {})[0]
    tied, tied_whole = agreements(same, {**same, "b": 1.0})
    assert answer(tied, tied_whole, {})[0].startswith("Not shown to differ")
    assert answer(turned, turned_whole, {"y": "random weights"})[-1] == "y: random weights."
    random = dataclasses.replace(turned[0], second="r")
    said = answer([*pairs, random], whole, {"r": "random weights"})
    assert said[0].startswith("Yes: every encoder orders all 3")
    assert said[1].startswith("r (random weights) is not counted above; with it 1 more pair of generators would be")


def test_random_weights_add_pairs_of_generators_and_not_pairs_of_encoders():
    def exact(name, *values):
        own = dict(zip("abc", map(float, values), strict=True))
        return independent(name, own, dict.fromkeys("abc", 0.0), lower_is_better=True, count=200, seed=0)

    def said(*rankings):
        pairs = [agreement(*both) for both in combinations(rankings, 2)]
        return answer(pairs, consensus(rankings[:2]), {"r": "random weights"})[-1]

    assert "with it 1 more pair of generators would be" in said(
        exact("x", 1, 2, 3), exact("y", 1, 2, 3), exact("r", 2, 1, 3)
    )
    # x and y disagree on a and b already.
    assert "with it no more pairs of generators" in said(exact("x", 1, 2, 3), exact("y", 2, 1, 3), exact("r", 2, 1, 3))
    assert "with it 2 more pairs of generators" in said(exact("x", 1, 2, 3), exact("y", 2, 1, 3), exact("r", 3, 2, 1))


@pytest.mark.slow
def test_an_encoder_under_which_all_failed_is_left_out_and_said(copy_of):
    out = copy_of().folder / "results/small"
    (out / ".complete.json").unlink()  # whoever changes a file takes the receipt away
    board = json.loads((out / "leaderboard.json").read_text())
    third = [{**row, "encoder": "third"} for row in board["rows"] if row["encoder"] == "pixels"]
    shutil.copy(out / "analyses/pixels.safetensors", out / "analyses/third.safetensors")
    for row in board["rows"]:
        if row["encoder"] == "pixels":
            row |= {"status": "failed", "reason": "no weights", "metrics": {}, "rank": None}
    write_analyses(out, {"pixels": {"fd": {}}})
    (out / "leaderboard.json").write_text(json.dumps(board))
    alone = refused(out)
    assert "digits_convnet is the only encoder" in alone
    assert "every generator failed under it: pixels (no weights)" in alone
    board["rows"] += third
    board["encoders"]["third"] = ""
    (out / "leaderboard.json").write_text(json.dumps(board))
    told = ask(out)
    assert told.exit_code == 0, told.output
    assert "note: left out, since every generator failed under it: pixels (no weights)" in told.output
    assert "digits_convnet, third" in told.output
    assert any("pixels (no weights)" in line for line in read_findings(out)["rerank"].verdict)


@pytest.mark.slow
def test_what_a_run_orders_for_sure_is_what_its_leaderboard_tells_apart(finished):
    """The same test as the rank brackets, stricter for two encoders: no pair is sure that the brackets leave open."""
    out = finished.folder / "results/small"
    run = of_run(out, None, 0)
    board = json.loads((out / "leaderboard.json").read_text())
    names = run.rankings[0].names
    ties = {(row["encoder"], row["generator"]): row["tied_with"] for row in board["rows"]}
    sure = 0
    for encoder, orders in zip(run.tables, run.orders(run.rankings, run.level), strict=True):
        value = dict(zip(names, next(x for x in run.rankings if x.name == encoder).scored, strict=True))
        for i, one in enumerate(names):
            for j, other in enumerate(names):
                assert orders.signs[i, j] == -orders.signs[j, i]
                if orders.signs[i, j]:
                    sure += 1
                    assert other not in ties[encoder, one]
                    assert (orders.signs[i, j] < 0) == (value[one] < value[other])
    assert sure >= 12  # noise is told from every other one under both encoders


def board_of(encoders):
    """A leaderboard.json with FD and KD of three generators under each encoder."""
    estimate = {metric: {"target": "T_N"} for metric in ("fd", "kd")}
    rows = [{"encoder": e, "generator": g, "metrics": estimate} for e in encoders for g in "abc"]
    columns = [{"metric": metric, "lower_is_better": True} for metric in ("fd", "kd")]
    interval = {"level": 0.95, "reference": "fixed"}
    return {"interval": interval, "rows": rows, "columns": columns, "encoders": dict.fromkeys(encoders)}


def both(fd, kd, spread=0.05):
    def groups(values, use):
        made = {g: analysis_of(v, spread=spread, seed=i) for i, (g, v) in enumerate(zip("abc", values, strict=True))}
        return {g: [SeedMember(None, 0, dataclasses.replace(a, use=use))] for g, a in made.items()}

    return {"fd": groups(fd, "fd"), "kd": groups(kd, "kd")}


def test_fd_and_kd_that_disagree_under_an_encoder_that_does_not_rank_are_said():
    under = {"ranks": both((1, 2, 3), (1, 2, 3)), "other": both((1, 2, 3), (2, 1, 3))}
    orders = of_distances(board_of(under), under)
    assert [order.pairs for order in orders] == [(), (("a", "b"),)]
    (told,) = distance_words(orders)
    assert told.startswith("fd and kd disagree beyond noise under other: fd prefers a (a minus b: ")
    assert told.endswith("Under the other encoder they do not.")
    (none,) = distance_words(orders[:1])
    assert none == "FD and KD order no pair of generators differently beyond noise under its encoder."


def test_what_fd_and_kd_turn_beyond_noise_holds_for_all_encoders_at_once():
    """A gap that shows where one encoder is looked at is not called sure where twenty are."""
    near = both((1, 1.21, 3), (1.21, 1, 3))
    alone = of_distances(board_of("x"), {"x": near})
    many = of_distances(board_of("abcdefghijklmnopqrst"), dict.fromkeys("abcdefghijklmnopqrst", near))
    assert alone[0].pairs
    assert not any(order.pairs for order in many)
