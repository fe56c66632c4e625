"""Judges' scores and people's votes: closed forms, coverage, and what a file may get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from harness.base import UsageError, read_records
from harness.cli.main import main
from harness.studies.judges import ScoreColumns, difference_words, read_scores, read_votes, scored_by, voted
from harness.studies.judges.files import Score, Vote
from harness.uncertainty import difference
from tests.conftest import Small


def scores(values: dict[str, np.ndarray], seed: str | None = None) -> list[Score]:
    """One score for each generator and prompt."""
    return [
        Score(name, float(value), f"p{prompt}", seed)
        for name, row in values.items()
        for prompt, value in enumerate(row)
    ]


def test_a_paired_difference_is_students_over_prompts_and_a_mean_is_too():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=30)
    values = {"a": hard + rng.normal(0.3, 0.2, 30), "b": hard + rng.normal(0.0, 0.2, 30)}
    found = scored_by(scores(values), judge="vqa")
    gap = difference(found.groups["a"], found.groups["b"], reference="random")
    test = stats.ttest_rel(values["a"], values["b"])
    ends = test.confidence_interval()
    assert (gap.value, gap.low, gap.high) == pytest.approx((np.mean(values["a"] - values["b"]), *ends), rel=0.01)
    own = stats.ttest_1samp(values["a"], 0.0).confidence_interval()
    shown = found.placed[0].estimate
    assert (shown.low, shown.high) == pytest.approx(tuple(own), rel=0.02)
    assert [one.generator for one in found.placed] == ["a", "b"]
    assert found.placed[0].rank_high == 1  # told apart though the means' own intervals overlap
    assert found.placed[0].estimate.low < found.placed[1].estimate.high
    assert "a is better beyond noise" in difference_words(found, "a", "b")[0]


def test_images_of_one_prompt_hang_together():
    """Ten copies of each prompt's image say no more than one."""
    rng = np.random.default_rng(1)
    values = {"a": rng.normal(size=25), "b": rng.normal(size=25)}
    once, often = scores(values), scores(values) * 10
    one, ten = scored_by(once, judge="x"), scored_by(often, judge="x")
    assert [p.estimate.se for p in one.placed] == pytest.approx([p.estimate.se for p in ten.placed])
    loose = [Score(s.generator, s.value, None, None) for s in often]
    assert scored_by(loose, judge="x").placed[0].estimate.se < 0.5 * ten.placed[0].estimate.se


def test_without_prompts_it_is_welchs():
    rng = np.random.default_rng(2)
    values = {"a": rng.normal(0.5, 1, 200), "b": rng.normal(0, 3, 80)}
    loose = [Score(name, float(v), None, None) for name, row in values.items() for v in row]
    found = scored_by(loose, judge="x", lower_is_better=True)
    gap = difference(found.groups["a"], found.groups["b"], reference="random")
    ends = stats.ttest_ind(values["a"], values["b"], equal_var=False).confidence_interval()
    assert (gap.low, gap.high) == pytest.approx(tuple(ends), abs=0.01)
    assert found.placed[0].generator == "b"


def test_training_seeds_are_checkpoints():
    rng = np.random.default_rng(3)
    hard = rng.normal(size=40)
    rows = [s for seed in "012" for s in scores({"a": hard + 0.3 * int(seed), "b": hard}, seed)]
    found = scored_by(rows, judge="x")
    a = next(one for one in found.placed if one.generator == "a")
    assert "3 training seeds" in a.estimate.method
    assert a.estimate.value == pytest.approx(hard.mean() + 0.3)
    assert a.estimate.high - a.estimate.low > 2 * 0.3 * stats.t.ppf(0.975, 2) / np.sqrt(3)


@pytest.mark.parametrize("prompts", [12, 60])
def test_ranks_and_means_hold_their_level_over_prompts(prompts: int):
    """Five equal generators on common prompts: any distinction is false; means cover .95 within three errors."""
    rng = np.random.default_rng(4)
    trials, wrong, held = 150, 0, 0
    for _ in range(trials):
        hard = rng.exponential(size=prompts)
        values = {name: hard + rng.normal(size=prompts) for name in "abcde"}
        found = scored_by(scores(values), judge="x")
        wrong += any(one.rank_low > 1 or one.rank_high < 5 for one in found.placed)
        held += sum(one.estimate.low <= 1.0 <= one.estimate.high for one in found.placed)
    assert wrong / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
    assert wrong > 0
    assert held / trials / 5 == pytest.approx(0.94, abs=0.03)


def test_two_generators_strength_is_the_logit_of_the_share_won():
    votes = [Vote("a", "b", 1.0, None)] * 60 + [Vote("b", "a", 1.0, None)] * 30 + [Vote("a", "b", 0.5, None)] * 10
    found = voted(votes)
    by = {one.generator: one.estimate for one in found.placed}
    assert by["a"].value - by["b"].value == pytest.approx(np.log(0.65 / 0.35))
    assert by["a"].value == pytest.approx(-by["b"].value)
    gap = difference(found.groups["a"], found.groups["b"], reference="random")
    share, spread = 0.65, np.var([1.0] * 60 + [0.0] * 30 + [0.5] * 10)
    assert gap.se == pytest.approx(np.sqrt(spread / 100) / (share * 0.35), rel=0.01)


def test_strengths_and_intervals_are_right_where_voters_have_tastes():
    """Votes of one voter hang together: with voters the intervals cover, without they do not."""
    rng = np.random.default_rng(5)
    true = np.array([0.5, 0.1, -0.1, -0.5])
    held = {"voters": 0, "votes": 0}
    trials = 40
    for _ in range(trials):
        votes = []
        for voter in range(40):
            taste = true + rng.normal(0, 0.8, 4)
            for _ in range(30):
                i, j = rng.choice(4, 2, replace=False)
                wins = rng.random() < 1 / (1 + np.exp(taste[j] - taste[i]))
                votes.append(Vote("abcd"[i], "abcd"[j], float(wins), str(voter)))
        # The population's strengths are those of the average voter's odds, pulled towards 0 by the tastes.
        aimed = true * 0.845
        for name, given in (("voters", votes), ("votes", [Vote(v.left, v.right, v.share, None) for v in votes])):
            for one in voted(given).placed:
                held[name] += one.estimate.low <= aimed["abcd".index(one.generator)] <= one.estimate.high
    assert held["voters"] / trials / 4 == pytest.approx(0.95, abs=0.04)
    assert held["votes"] / trials / 4 < 0.8


def test_generators_without_a_win_or_a_meeting_are_named():
    with pytest.raises(UsageError, match="b never won against a"):
        voted([Vote("a", "b", 1.0, None)] * 20)
    apart = [Vote("a", "b", 0.5, None), Vote("c", "d", 0.5, None)] * 10
    with pytest.raises(UsageError, match="a and b never won against c and d"):
        voted(apart)


def test_generators_that_answered_different_prompts_are_refused_and_named():
    rng = np.random.default_rng(6)
    rows = scores({"a": rng.normal(size=10), "b": rng.normal(size=8)})
    with pytest.raises(UsageError, match=r"b did not answer all 10 prompts \(b lacks 'p8' and 1 more\).*--common"):
        scored_by(rows, judge="x")
    found = scored_by(rows, judge="x", common=True)
    assert (found.units, found.notes) == (8, ("8 of 10 prompts, those common to all generators",))


def test_faulty_files_are_told_by_line(tmp_path: Path):
    file = tmp_path / "scores.csv"
    file.write_text("generator,score,prompt\na,1,x\na,nan,y\n,2,x\nb,,x\n")
    with pytest.raises(UsageError) as caught:
        read_scores(file)
    assert [p.split("scores.csv")[1] for p in caught.value.problems] == [
        ":3: score is 'nan'; must be a finite number",
        ":4: no generator in column generator",
        ":5: score is ''; must be a finite number",
    ]
    with pytest.raises(UsageError, match="no column 'vqascore'"):
        read_scores(file, ScoreColumns(score="vqascore"))
    file.write_text("left,right,winner\na,a,left\na,b,c\n")
    with pytest.raises(UsageError, match=r":2: expected two different generators"):
        read_votes(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")


def test_the_commands_rank_compare_and_write(small: Small):
    rng = np.random.default_rng(7)
    hard = rng.normal(size=30)
    lines = ["model,geneval,prompt"]
    lines += [f"{m},{h + up + rng.normal(0, 0.1)},{p}" for m, up in (("x", 1), ("y", 0)) for p, h in enumerate(hard)]
    (small.folder / "s.csv").write_text("\n".join(lines))
    asked = ("scores", "s.csv", "--generator", "model", "--score", "geneval", "--compare", "x", "y", "--json", "s.json")
    outcome = small.harness(*asked)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith("x is best by geneval (higher is better), beyond noise.")
    assert "paired by the same prompts: x is better beyond noise" in outcome.stdout
    assert json.loads((small.folder / "s.json").read_text())["units"] == 30
    (small.folder / "v.csv").write_text(
        "left,right,winner,voter\n" + "".join(f"x,y,{'right' if v % 4 == 0 else 'x'},{v % 20}\n" for v in range(200))
    )
    outcome = small.harness("votes", "v.csv")
    assert outcome.returncode == 0, outcome.stderr
    assert "20 voters that all generators share" in outcome.stdout


def asked(*words: str, code: int = 0) -> str:
    """What a command prints; its exit code is the one that is asked for."""
    outcome = CliRunner().invoke(main, list(words))
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def test_a_folder_of_judgements_is_read_as_a_run_and_verified_from_its_table(tmp_path: Path, monkeypatch) -> None:
    """Scores with prompts and seeds, and votes: the numbers are those that are printed, and none can be changed."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    hard, skill = rng.normal(size=20), {"a": 0.5, "b": 0.0}
    told = [
        f"{name},p{p},{seed},{hard[p] + skill[name] + rng.normal(0, 0.3):.4f}"
        for p in range(20)
        for name in skill
        for seed in (0, 1)
    ]
    Path("s.csv").write_text("\n".join(["generator,prompt,training_seed,vqa (large)", *told]))
    votes = [f"a,b,{'left' if rng.random() < 0.7 else 'right'},v{v}" for v in range(30) for _ in range(3)]
    Path("v.csv").write_text("\n".join(["left,right,winner,voter", *votes]))
    for command in (["scores", "s.csv", "--score", "vqa (large)"], ["votes", "v.csv"]):
        out = f"results/{command[0]}"
        asked(*command, "--out", out, "--json", "told.json")
        printed = {one["generator"]: one["estimate"] for one in json.loads(Path("told.json").read_text())["generators"]}
        records = read_records(Path(out) / "records.jsonl")
        of_generators = {r.cell.generator: r.estimate for r in records if r.level == "generator"}
        assert {name: (e.value, e.low, e.high) for name, e in of_generators.items()} == {
            name: (e["value"], e["low"], e["high"]) for name, e in printed.items()
        }
        assert all(r.provenance["table"] == command[1] and r.inputs["judgements"] for r in records)
        assert "the recomputed records agree" in asked("verify", out)
        asked("submit", out, "--to", "b.zip")
        assert "Verified: the files of" in (told_of := asked("verify", "b.zip"))
        assert "computes them from its table" in told_of
        assert "a minus b" in asked("compare", out, "a", "b")
    assert asked("export", "metrics", "results/scores", "--to", "m").startswith("metrics: 1 file")
    assert "over 2 runs" in asked("site", "results", "--out", "site")
    # A number that is changed in the table, with all that vouches for it, is seen.
    table = Path("results/scores/judgements.csv")
    table.write_text(table.read_text().replace(told[0], told[0] + "9"))
    Path("results/scores/.complete.json").unlink()
    assert "not the table that the lock names" in asked("verify", "results/scores", code=1)
    Path("s.csv").write_text(Path("s.csv").read_text().replace("a,p", "a one,p"))
    assert "a generator is called 'a one'" in asked(
        "scores", "s.csv", "--score", "vqa (large)", "--out", "other", code=2
    )
