"""Claims are data with sources; a verdict names the test behind it, or the fact that differs or that nobody said."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from test_uncertainty_comparisons import seeds, single

from harness.cli import main
from harness.errors import UsageError
from harness.outfolder import read
from harness.studies.claims import Claim, Facts, against_published, against_run, judge, load, match, names, path_of
from harness.studies.claims.groups import groups
from harness.studies.claims.judge import Run
from harness.studies.claims.noise import MINIMUM_MEAN, MINIMUM_VARIANCE
from harness.uncertainty import reproduction

SAID = {
    "metric": "fid", "protocol": "clean", "dataset": "faces", "resolution": 64, "reference_split": "train",
    "n_real": 200, "n_fake": 200, "selection": "single",
}  # fmt: skip


def claim(name="reported", value=11.07, decimals=2, **changed):
    made = {**SAID, "id": name, "model": "gan", "value": value, "decimals": decimals, "source": "a paper", **changed}
    return Claim.model_validate(made)


def again(value=11.07, std=0.10, seeds=10, **changed):
    return claim("again", value, selection="mean", seeds=seeds, std=std, std_decimals=2, **changed)


def written(folder, body, head="title: t\n"):
    path = folder / "claims.yaml"
    path.write_text(head + body)
    return path


ROW = "claims:\n  - {id: a, model: m, metric: fid, value: 7.40, source: s}\n"


@pytest.mark.parametrize("name", names())
def test_every_shipped_claim_is_sound_and_has_a_source(name):
    found = load(path_of(name))
    assert found.title
    assert all(one.source for one in found.claims)


def test_the_text_of_a_number_says_how_it_was_rounded(tmp_path):
    for text, decimals, rounding in (("7.40", 2, 0.005), ("7.4", 1, 0.05), ("7", 0, 0.5), ("-2.9e-05", 6, 5e-7)):
        one = load(written(tmp_path, ROW.replace("7.40", text))).claims[0]
        assert (one.decimals, one.rounding) == (decimals, pytest.approx(rounding))
        assert one.value == float(text)
    bound = load(written(tmp_path, ROW.replace("7.40", '"< 2.0"'))).claims[0]
    assert (bound.value, bound.bound, bound.decimals, bound.rounding) == (2.0, "below", 1, 0.0)
    assert load(written(tmp_path, ROW.replace("7.40", "7.40, decimals: 1"))).claims[0].rounding == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (ROW.replace("7.40", "seven"), "claims.yaml:3:43: claims.0.value: found the text 'seven'; a number as it was"),
        (ROW.replace("metric: fid", "metric: fidd"), "claims.0.metric: found the text 'fidd'; did you mean 'fid'?"),
        (ROW.replace("source: s", "source: s, protocol: cleen"), "no protocol 'cleen'; did you mean 'clean'?"),
        (ROW.replace("source: s", "source: s, protocol: prdc"), "the protocol 'prdc' has no fid"),
        (ROW.replace(", source: s", ""), "claims.0.source: this key is missing"),
        (ROW.replace("source: s", "source: s, std: .1"), "claims.0.std: `seeds`, how many runs"),
        (ROW.replace("source: s", "source: s, selection: mean"), "`seeds`, the number of evaluations"),
        (ROW.replace("source: s", "source: s, sead: 1"), "claims.0.sead: unknown key; did you mean 'seeds'?"),
        (ROW.replace("source: s", "source: s, inferred: [protokol]"), "no fact 'protokol'; did you mean 'protocol'?"),
        (ROW + "  - {id: a, model: m, metric: fid, value: 1, source: s}\n", "claims.1.id: 'a' is already at"),
        ("common: {metric: 3}\n" + ROW, "claims.yaml:2:18: common.metric"),
        ("claims: []\n", "a list of at least one claim is needed"),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path, body, words):
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, body))
    assert any(words in line for line in caught.value.problems), caught.value.problems
    assert all(line.startswith(str(tmp_path / "claims.yaml") + ":") for line in caught.value.problems)


def test_what_is_common_counts_unless_a_claim_says_otherwise(tmp_path):
    body = "common: {metric: fid, n_fake: 10, protocol: clean}\nclaims:\n"
    body += "  - {id: a, model: m, value: 1, source: s}\n"
    body += "  - {id: b, model: m, value: 1, source: s, n_fake: null, pipeline: mine}\n"
    one, other = load(written(tmp_path, body)).claims
    assert (one.n_fake, one.protocol) == (10, "clean")
    assert (other.n_fake, other.protocol, other.pipeline) == (None, None, "mine")


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"protocol": "clean-legacy-tensorflow"}, "protocol"),
        ({"dataset": "cats"}, "dataset"),
        ({"resolution": 1024}, "resolution"),
        ({"reference_split": "test"}, "reference_split"),
        ({"n_real": 100}, "n_real"),
        ({"n_fake": 100}, "n_fake"),
        ({"selection": "minimum_over_checkpoints"}, "selection"),
        ({"metric": "kid"}, "metric"),
    ],
)
def test_each_condition_alone_makes_numbers_not_comparable_or_undecided(changed, fact):
    one, same = Facts(**SAID), Facts(**SAID)
    assert match(one, same).verdict == "comparable"
    differing = match(one, Facts(**{**SAID, **changed}))
    assert differing.verdict == "not comparable"
    assert [d.fact for d in differing.differs] == [fact]
    if fact != "metric":
        silent = match(one, Facts(**{**SAID, fact: None}))
        assert (silent.verdict, silent.missing) == ("cannot be decided", (fact,))


def test_a_known_difference_decides_whatever_else_is_not_said():
    found = match(Facts(**SAID), Facts(**{**SAID, "dataset": "cats", "protocol": None}))
    assert found.verdict == "not comparable"
    assert "dataset differs (faces / cats)" in found.words
    assert "not said: protocol" in found.words


def test_only_the_parts_of_a_protocol_that_make_the_number_count():
    # These two share features and FID; improved-pr's network is another.
    one, other = Facts(**SAID), Facts(**{**SAID, "protocol": "clean-legacy-pytorch"})
    assert match(one, other).differs[0].details
    assert any(line.startswith("resize.filter: bicubic / bilinear") for line in match(one, other).differs[0].details)
    assert not any(line.startswith("kid.") for line in match(one, other).differs[0].details)


def test_an_inception_score_has_no_reference_to_differ_in():
    said = {**SAID, "metric": "inception_score", "protocol": "torch-fidelity"}
    assert match(Facts(**said), Facts(**{**said, "reference_split": "test", "n_real": None})).verdict == "comparable"


def test_the_mean_and_variance_of_the_smallest_of_three_are_those_of_draws():
    drawn = np.random.default_rng(0).standard_normal((400_000, 3)).min(axis=1)
    assert drawn.mean() == pytest.approx(-MINIMUM_MEAN, abs=0.005)
    assert drawn.var() == pytest.approx(MINIMUM_VARIANCE, abs=0.005)


def test_a_reported_number_is_judged_by_the_spread_that_the_other_prints():
    found = against_published(claim(value=11.2), again())
    assert found.verdict == "consistent"
    # t(9) at .975 is 2.262157; the spread is taken at the upper end of its rounding.
    assert found.allowed == pytest.approx(2.262157 * 0.105 * math.sqrt(1.1) + 0.01, rel=1e-6)
    assert against_published(claim(value=11.77), again()).verdict == "inconsistent"
    assert against_published(again(), claim(value=11.77)).verdict == "inconsistent"


def test_a_reported_number_judged_by_ten_runs_is_called_inconsistent_as_often_as_promised():
    rng, wrong, rounds = np.random.default_rng(1), 0, 2_000
    for _ in range(rounds):
        reported, runs = rng.standard_normal(), rng.standard_normal(10)
        other = again(float(runs.mean()), std=float(runs.std(ddof=1)), decimals=12).model_copy(
            update={"std_decimals": 12}
        )
        wrong += against_published(claim(value=float(reported), decimals=12), other).verdict == "inconsistent"
    assert 0.036 < wrong / rounds < 0.065  # 5% ± 3 standard errors


def test_a_best_of_three_is_corrected_for_its_bias_and_the_plain_reading_is_not():
    rng, wrong, plain, rounds = np.random.default_rng(2), 0, 0, 2_000
    for _ in range(rounds):
        best, runs = rng.standard_normal(3).min(), rng.standard_normal(200)
        other = again(float(runs.mean()), std=float(runs.std(ddof=1)), seeds=200, decimals=12)
        other = other.model_copy(update={"std_decimals": 12})
        for selection in ("best_of_three", "single"):
            one = claim(value=float(best), decimals=12, selection=selection)
            hit = against_published(one, other).verdict == "inconsistent"
            wrong, plain = wrong + (hit and selection != "single"), plain + (hit and selection == "single")
    assert wrong / rounds < 0.065
    assert plain / rounds > 0.065
    told = against_published(claim(selection="best_of_three"), again()).evidence[0]
    assert "as a best of three flatters by 0.089" in told


def test_the_best_of_three_of_a_score_that_should_be_high_is_too_high():
    score = {"metric": "inception_score", "protocol": "torch-fidelity"}
    found = against_published(claim(selection="best_of_three", **score), again(**score))
    assert found.gap == pytest.approx(-MINIMUM_MEAN * 0.105)
    assert against_published(claim(selection="best_of_three"), again()).gap == pytest.approx(MINIMUM_MEAN * 0.105)


def test_a_verdict_that_hangs_on_how_the_number_was_chosen_is_not_given():
    for value, verdict in ((11.07, "consistent"), (11.30, "cannot be decided"), (11.77, "inconsistent")):
        found = against_published(claim(value=value, selection=None), again())
        assert found.verdict == verdict
    hanging = against_published(claim(value=11.30, selection="unknown"), again())
    assert "selection" in hanging.evidence[0]
    assert [line.split(" if")[0] for line in hanging.evidence[1:]] == ["consistent", "inconsistent"]


def test_a_best_over_checkpoints_is_refused():
    found = against_published(claim(selection="minimum_over_checkpoints"), again())
    assert found.verdict == "not comparable"
    found = against_published(
        claim(selection="minimum_over_checkpoints"), again().model_copy(update={"selection": None})
    )
    assert found.verdict == "cannot be decided"


def test_without_noise_only_numbers_equal_up_to_rounding_get_a_verdict():
    fine = claim("fine", 3.9425574, 7)
    assert against_published(claim(value=3.94), fine).verdict == "consistent"
    found = against_published(claim(value=3.95), fine)
    assert found.verdict == "cannot be decided"
    assert "noise of one evaluation" in found.evidence[0]
    # A spread over splits of one evaluation is no noise of the value.
    splits = again().model_copy(update={"std_of": "splits"})
    assert against_published(claim(value=11.2), splits).verdict == "cannot be decided"


def test_the_same_images_leave_room_for_nothing_but_rounding():
    same = {"images": "set 1"}
    assert against_published(claim(value=3.94, **same), claim("fine", 3.9425574, 7, **same)).verdict == "consistent"
    assert against_published(claim(value=3.95, **same), claim("fine", 3.9425574, 7, **same)).verdict == "inconsistent"


def test_a_bound_is_contradicted_only_from_its_wrong_side_and_beyond_noise():
    for value, verdict in ((1.5, "consistent"), (2.05, "consistent"), (2.5, "inconsistent")):
        found = against_published(claim(value=2.0, decimals=1, bound="below"), again(value))
        assert found.verdict == verdict, value
    assert against_published(claim(value=2.0, bound="above"), again(1.5)).verdict == "inconsistent"
    two = claim("other", 3.0, bound="below")
    assert against_published(claim(value=2.0, bound="below"), two).verdict == "cannot be decided"


def run_of(members, **changed):
    return Run("ours", Facts(**{**SAID, **changed}), members, False)


def test_a_run_of_ours_is_held_against_a_claim_by_reproduction():
    members = single(2.0)
    expected = reproduction(members, 2.1, published_n_fake=200, decimals=1, retrained=False)
    found = against_run(claim(value=2.1, decimals=1), run_of(members))
    assert (found.verdict, found.gap, found.allowed) == ("consistent", -expected.gap, expected.allowed)
    assert against_run(claim(value=2.6, decimals=1), run_of(members)).verdict == "inconsistent"
    assert against_run(claim(value=2.1, decimals=1), run_of(members, protocol="edm")).verdict == "not comparable"
    assert against_run(claim(value=2.1, decimals=1), run_of(members, protocol=None)).verdict == "cannot be decided"


def test_a_best_of_three_against_a_run_is_corrected_by_the_runs_own_noise():
    # 1.68 lies within the noise of both of the 2.0 only once it counts as a smallest of three.
    plain, best = (claim(value=1.68, selection=selection) for selection in ("single", "best_of_three"))
    assert against_run(plain, run_of(single(2.0))).verdict == "inconsistent"
    found = against_run(best, run_of(single(2.0)))
    assert found.verdict == "consistent"
    assert found.gap == pytest.approx(-0.32 + 0.1 * MINIMUM_MEAN)
    silent = against_run(claim(value=1.68, selection=None), run_of(single(2.0)))
    assert silent.verdict == "cannot be decided"


def test_a_bound_against_a_run():
    for ours, verdict in ((1.5, "consistent"), (2.5, "inconsistent")):
        bound = claim(value=2.0, decimals=1, bound="below")
        assert against_run(bound, run_of(single(ours))).verdict == verdict


def test_a_retrained_model_needs_several_training_seeds():
    ours = Run("ours", Facts(**SAID), seeds([1.0, 2.0, 3.0], spread=0.01), True)
    assert against_run(claim(value=3.5, decimals=1), ours).verdict == "consistent"
    with pytest.raises(UsageError, match="at least 2"):
        against_run(claim(value=3.5, decimals=1), Run("ours", Facts(**SAID), single(2.0), True))


def test_a_run_of_ours_decides_before_other_papers_and_an_inconsistency_before_agreement():
    reported = claim()
    others = [reported, again(), again(12.0).model_copy(update={"id": "late"})]
    assert judge(reported, others).verdict == "inconsistent"
    assert judge(reported, others[:2]).verdict == "consistent"
    ours = judge(reported, others, [run_of(single(11.0))])
    assert (ours.verdict, len(ours.tests)) == ("consistent", 3)
    alone = judge(claim(dataset=None, selection=None), [])
    assert alone.verdict == "cannot be decided"
    assert "does not say: dataset, selection" in alone.reason


def verdicts(name):
    found = load(path_of(name))
    return {one.id: judge(one, found.claims) for one in found.claims}


def test_clean_fids_legacy_numbers_agree_and_its_clean_ones_are_of_another_protocol():
    found = verdicts("clean-fid")
    reported = {name: one for name, one in found.items() if name.endswith("-reported")}
    assert all(one.verdict in ("consistent", "cannot be decided") for one in reported.values())
    undecided = [name for name, one in reported.items() if one.verdict == "cannot be decided"]
    assert all("selection" in found[name].reason for name in undecided)
    assert len(undecided) < len(reported) / 10
    clean = found["cifar10-mirror-clean"]
    assert clean.verdict == "not comparable"
    assert any(line.startswith("resize.antialias: ") for test in clean.tests for line in test.evidence)
    # The negative control: the same rows with one number moved.
    rows = load(path_of("clean-fid")).claims
    moved = next(one for one in rows if one.id == "cifar10-mirror-reported").model_copy(update={"value": 11.77})
    assert judge(moved, rows).verdict == "inconsistent"


def test_adms_table_is_that_of_its_samples():
    found = verdicts("adm")
    for metric in ("fid", "sfid", "inception_score", "precision", "recall"):
        assert found[f"adm-g-u-{metric}-table"].verdict == "consistent"
    assert "protocol" in found["vq-vae-2-fid-table"].reason


def test_the_progress_table_is_not_one_table():
    rows = load(path_of("imagenet256-progress")).claims
    by_id = {one.id: one for one in rows}
    stylegan2 = match(by_id["stylegan2"], by_id["adm"])
    assert [d.fact for d in stylegan2.differs] == ["dataset", "resolution"]
    assert match(by_id["glow"], by_id["adm"]).verdict == "cannot be decided"
    assert "it is a bound and no value; and it does not say: protocol, dataset" in judge(by_id["sdxl"], rows).reason
    told = {group.claims[0].id: group for group in groups(rows)}
    assert told["sdxl"].claims == (by_id["sdxl"],)
    assert {apart.verdict for apart in told["stylegan2"].apart} == {"not comparable", "cannot be decided"}
    assert not any(group.within.verdict == "comparable" for group in told.values())


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_prints_verdicts_and_writes_the_same_as_json(tmp_path):
    told = ask("reproduce", "clean-fid", "--claim", "cifar10-mirror-reported", "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    assert "consistent: against cifar10-mirror-reproduced" in told.output
    (only,) = json.loads((tmp_path / "told.json").read_text())["claims"]
    assert only["verdict"] == "consistent"
    assert {test["against"]: test["verdict"] for test in only["tests"]} == {
        "cifar10-mirror-reproduced": "consistent", "cifar10-mirror-clean": "not comparable",
    }  # fmt: skip
    listed = ask("list", "claims").output
    assert all(name in listed for name in names())
    assert "did you mean 'clean-fid'?" in ask("reproduce", "cleanfid").output
    assert ask("reproduce", "clean-fid", "--claim", "nobody").exit_code == 2


OURS = """\
title: ours
claims:
  - id: {name}
    model: kde
    metric: fd
    value: {value}
    decimals: 3
    {pipeline}
    dataset: {dataset}
    resolution: 8
    reference_split: reference
    n_real: 120
    n_fake: 100
    selection: single
    source: a paper
    ours: {{generator: {generator}, metric: {metric}{out}}}
"""


@pytest.mark.slow
def test_a_finished_run_gives_verdicts_from_its_folder_alone(finished, tmp_path):
    out = finished.folder / "results/small"
    _, metrics = read(out)
    value = round(float(np.mean([m.analysis.value for m in metrics["fd"]["kde"]])), 3)
    said = {
        "name": "a", "value": value, "pipeline": "pipeline: unknown", "dataset": "digits", "generator": "kde",
        "metric": "fd", "out": f", out: {out}",
    }  # fmt: skip

    def told(**changed):
        path = tmp_path / "ours.yaml"
        path.write_text(OURS.format(**{**said, **changed}))
        options = ["--json", tmp_path / "told.json"]
        answer = ask("reproduce", path, *options, *(["--out", out] if changed.get("out") == "" else []))
        if answer.exit_code:
            return answer.output
        return json.loads((tmp_path / "told.json").read_text())["claims"][0]

    other = told()
    assert other["verdict"] == "not comparable"
    # The claim's pipeline becomes ours, which the message names.
    mine = "pipeline: harness " + other["reason"].partition("/ harness ")[2].partition(")")[0]
    assert told(pipeline=mine)["verdict"] == "consistent"
    assert told(pipeline=mine, out="")["verdict"] == "consistent"
    assert told(pipeline=mine, value=value * 3)["verdict"] == "inconsistent"
    assert told(pipeline=mine, dataset="faces")["tests"][0]["differs"] == ["dataset"]
    assert told(pipeline="protocol: null")["tests"][0]["missing"] == ["protocol"]
    # No protocol made these features, so that a claim under one cannot be held against them.
    assert told(pipeline="protocol: clean")["tests"][0]["missing"] == ["protocol"]
    assert "claim a: no generator 'kdee' in" in told(generator="kdee")
    assert "`ours.metric` kd is 'kd'; fd needs 'fd'" in told(metric="kd")
