"""The claims that are shipped, and `harness reproduce`: verdicts on a terminal, as JSON and in a run's report."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from harness.base.component import RANDOM
from harness.benchmark.protocols.catalogue import load as protocol_of
from harness.cli.main import main
from harness.pipeline import Leaderboard
from harness.pipeline.results import read
from harness.report.finding import read_findings
from harness.studies.reproduce.claims import Claim, load, names, path_of
from harness.studies.reproduce.comparable import match
from harness.studies.reproduce.compute import verdicts as verdicts_of
from harness.studies.reproduce.judging import judge
from harness.studies.reproduce.rows import groups
from harness.studies.reproduce.runs import _protocol


@pytest.mark.parametrize("name", names())
def test_every_shipped_claim_is_sound_and_has_a_source(name):
    found = load(path_of(name))
    assert found.title
    assert all(one.source for one in found.claims)


def verdicts(name):
    found = load(path_of(name))
    return {one.id: judge(one, found.claims) for one in found.claims}


def test_clean_fids_legacy_numbers_agree_and_its_clean_ones_are_of_another_protocol():
    found = verdicts("clean-fid")
    reported = {name: one for name, one in found.items() if name.endswith("-reported")}
    # One of 42 tests has p = .022, which all of them read together explain.
    by_chance = [name for name, one in reported.items() if one.verdict == "inconsistent"]
    assert by_chance == ["ffhq256-140k-pa-gan-reported"]
    assert verdicts_of("clean-fid").alone == {"ffhq256-140k-pa-gan-reported", "ffhq256-140k-pa-gan-reproduced"}
    assert all(reported[n].verdict in ("consistent", "cannot be decided") for n in reported if n not in by_chance)
    once = ("munit", "drit")  # retrained for the other column
    undecided = [n for n, one in reported.items() if one.verdict == "cannot be decided" and n.split("-")[1] not in once]
    undecided.remove("horse2zebra-gcgan-reported")  # it has a gap of .84 and no spread
    assert all("selection" in found[name].reason for name in undecided)
    assert len(undecided) < len(reported) / 10
    clean = found["cifar10-mirror-clean"]
    assert clean.verdict == "not comparable"
    assert any(line.startswith("resize.antialias: ") for test in clean.tests for line in test.evidence)
    # The negative control: the same rows with one number moved.
    rows = load(path_of("clean-fid")).claims
    moved = next(one for one in rows if one.id == "cifar10-mirror-reported").model_copy(update={"value": 11.77})
    assert judge(moved, rows).verdict == "inconsistent"


@pytest.mark.parametrize("name", names())
def test_every_claim_that_cannot_be_decided_says_what_would_decide_it(name):
    found = verdicts_of(name)
    undecided = [one for one in found.judged if one.verdict == "cannot be decided"]
    assert set(found.deciding) == {one.claim.id for one in undecided}
    for one in undecided:
        told = found.deciding[one.claim.id]
        for fact in (f for t in one.tests[:1] for f in t.match.missing if f != "selection"):
            assert f"`{fact}`" in told, told
        if "harness score" in told:
            assert f"of {one.claim.model} in FAKE" in told, told
            assert f"--protocol {one.claim.protocol or 'P'} " in told, told
        assert f"`harness reproduce {name}.yaml" in told, told


def test_a_claim_with_all_its_facts_is_decided_by_a_run_and_one_without_needs_them_first():
    told = verdicts_of("imagenet256-progress").deciding
    assert told["dit-xl-2-g-paper"].startswith(
        "`harness score REAL FAKE --protocol adm --out OUT` with all reference images of imagenet train at 256 pixels "
        "in REAL and 50,000 images of DiT-XL/2-G in FAKE, `ours: {generator: FAKE, metric: fd, same: [dataset, "
    )
    assert told["glow"].startswith("`protocol`, `reference_split`, `n_real`, `n_fake` of glow (imagenet256-progress")
    assert "harness score" not in told["adm"]  # what it lacks decides it against the paper's number


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
    told = ask("reproduce", "imagenet256-progress", "--details").output
    assert "with [1], [5]: not comparable, differs in dataset, resolution" in told
    assert "16 cannot be decided" in told


KERNEL = {"kernel": "polynomial", "degree": 3, "gamma": None, "coef": 1.0, "bandwidth": None}
SUBSETS = {"subsets": 100, "subset_size": 1000, "degree": 3, "gamma": None, "coef": 1.0, "seed": 2020, "first": "fake"}
FOLLOWED = {  # protocol, claim's metric, run's metric, its parameters; and each change of one that is another way
    "fid": ("clean", "fid", "fd", {}, []),
    "precision": ("torch-fidelity", "precision", "precision", {"k": 3, "closed": True}, [{"k": 5}, {"closed": False}]),
    "an open k": ("prdc", "density", "density", None, [{}]),
    "all pairs": (
        "clean",
        "kid",
        "kd",
        KERNEL,
        [
            {"kernel": "rbf", "bandwidth": 1.0},
            {"gamma": 5.0},
            {"coef": 0.0},
            {"degree": 2},
            {"gamma": 1 / 2047},
        ],
    ),
    "subsets": (
        "torch-fidelity",
        "kid",
        "kid_subsets",
        SUBSETS,
        [
            {"subsets": 10},
            {"subset_size": 50},
            {"gamma": 5.0},
            {"coef": 0.0},
            {"degree": 2},
            {"seed": 1},
        ],
    ),
    "all pairs of kd": ("dgm-eval-dinov2", "kd", "kd", KERNEL, [{"gamma": 5.0}, {"coef": 0.0}]),
    "subsets of kd": ("dgm-eval-dinov2", "kd", "kid_subsets", SUBSETS, [{"subsets": 10}, {"subset_size": 50}]),
    "cmmd": ("cmmd", "mmd", "cmmd", {"bandwidth": 10.0, "scale": 1000.0}, [{"bandwidth": 5.0}, {"scale": 1.0}]),
    "another MMD": ("cmmd", "mmd", "kd", None, [KERNEL]),
    "not in it": ("ttur", "kid", "kd", None, [KERNEL]),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_run_followed_a_protocol_only_with_its_weights_facts_and_settings(case):
    name, metric, use, settings, others = FOLLOWED[case]
    made = protocol_of(name)
    claim = Claim(id="a", model="m", metric=metric, value=1.0, decimals=1, source="s", protocol=name)
    encoder = {"protocol": f"{name} {made.version} {made.digest()}", "parameters": {}}
    if settings is not None:
        assert _protocol(claim, encoder, use, settings) == name
        assert _protocol(claim, {**encoder, "parameters": {"weights": RANDOM}}, use, settings) is None
        assert _protocol(claim, {**encoder, "protocol": f"{name} {made.version} {'0' * 64}"}, use, settings) is None
        assert _protocol(claim, {"parameters": {}}, use, settings) is None
    for other in others:
        assert _protocol(claim, encoder, use, {**(settings or {}), **other}) is None, other
    if case == "all pairs":
        assert _protocol(claim, encoder, use, {**settings, "gamma": 1 / 2048}) == name


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_prints_verdicts_and_writes_the_same_as_json(tmp_path):
    told = ask("reproduce", "clean-fid", "--claim", "cifar10-mirror-reported", "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    assert "consistent: against cifar10-mirror-reproduced" in told.output
    (only,) = json.loads((tmp_path / "told.json").read_text())["claims"]
    assert only["verdict"] == "consistent"
    assert {test["against"]: test["verdict"] for test in only["tests"]} == {
        "cifar10-mirror-reproduced": "consistent",
        "cifar10-mirror-clean": "not comparable",
    }
    listed = ask("list", "claims").output
    assert all(name in listed for name in names())
    assert "did you mean 'clean-fid'?" in ask("reproduce", "cleanfid").output
    assert ask("reproduce", "clean-fid", "--claim", "nobody").exit_code == 2


def test_tests_that_two_claims_share_count_once_and_are_read_together(tmp_path):
    rows = load(path_of("clean-fid")).claims
    assert "all 42 tests read together (Holm): none is inconsistent." in ask("reproduce", "clean-fid").output
    text = path_of("clean-fid").read_text()
    assert text.count("value: 11.07, protocol") == 1
    moved = tmp_path / "moved.yaml"
    moved.write_text(text.replace("value: 11.07, protocol", "value: 13.07, protocol"))
    told = ask("reproduce", moved, "--json", tmp_path / "told.json").output
    assert "(Holm): inconsistent: cifar10-mirror-reported against cifar10-mirror-reproduced." in told
    tests = [t for one in json.loads((tmp_path / "told.json").read_text())["claims"] for t in one["tests"]]
    moved = [t for t in tests if t["verdict"] == "inconsistent" and "cifar10-mirror" in t["against"]]
    adjusted, raw = [t["p_holm"] for t in moved], [t["p"] for t in moved]
    assert len(adjusted) == 2  # seen from either claim
    assert adjusted == pytest.approx([42 * p for p in raw])
    assert len(rows) > 42


OURS = """\
title: ours
claims:
  - id: {name}
    model: kde
    metric: {of}
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
def test_a_finished_run_gives_verdicts_from_its_folder_alone(copy_of, tmp_path):
    out = copy_of().folder / "results/small"
    _, metrics = read(out)
    value = round(float(np.mean([m.analysis.value for m in metrics["fd"]["kde"]])), 3)
    said = {
        "name": "a",
        "value": value,
        "pipeline": "pipeline: unknown",
        "dataset": "digits",
        "generator": "kde",
        "metric": "fd",
        "out": f", out: {out}",
        "of": "fd",
    }

    def told(**changed):
        path = tmp_path / "ours.yaml"
        path.write_text(OURS.format(**{**said, **changed}))
        options = ["--json", tmp_path / "told.json"]
        answer = ask("reproduce", path, *options, *(["--out", out] if changed.get("out") == "" else []))
        if answer.exit_code:
            return answer.output
        return json.loads((tmp_path / "told.json").read_text())["claims"][0]

    other = told()
    assert other["verdict"] == "cannot be decided"  # words, of which nobody said whether they mean ours
    # The claim's pipeline becomes ours, which the reason gives as it is to be written, also to a claim without one.
    mine = "pipeline: harness " + other["reason"].partition("`pipeline: harness ")[2].partition("`")[0]
    assert f"`{mine}`" in told(pipeline="protocol: null")["reason"]
    assert len(mine) == len("pipeline: harness ") + 16
    assert told(pipeline=mine)["verdict"] == "consistent"
    assert told(pipeline=mine, out="")["verdict"] == "consistent"
    assert told(pipeline=mine, value=value * 3)["verdict"] == "inconsistent"
    assert told(pipeline=mine, dataset="faces")["tests"][0]["differs"] == ["dataset"]
    # What the run only calls otherwise, as `score` does with every data set, the claim's author may say to be the same.
    named = told(pipeline=mine, dataset="faces", metric="fd, same: [dataset]")
    assert named["verdict"] == "consistent"
    assert any("not said: dataset" in line for line in named["tests"][0]["evidence"])
    assert told(pipeline="protocol: null")["tests"][0]["missing"] == ["protocol"]
    assert told(pipeline="protocol: clean")["tests"][0]["differs"] == ["protocol"]
    assert "claim a: no generator 'kdee' in" in told(generator="kdee")
    assert "`ours.metric` kd is 'kd'; fd needs 'fd'" in told(metric="kd")
    assert told(metric="kd", of="kid")["tests"][0]["missing"] == ["protocol"]
    assert "is 'fd'; kid needs 'kd' or 'kid_subsets'" in told(of="kid")
    assert "is 'fd'; sfid needs 'sfid'" in told(of="sfid")
    assert "is 'fd'; inception_score needs 'inception_score'" in told(of="inception_score")
    board = json.loads((out / "leaderboard.json").read_text())
    for row in board["rows"]:
        if row["generator"] == "noise":
            row |= {"status": "failed", "reason": "disk full", "metrics": {}}
    (out / "leaderboard.json").write_text(json.dumps(board))
    (out / ".complete.json").unlink()  # whoever changes a file takes the receipt away
    assert "claim a: " in (failed := told(generator="noise"))
    assert "noise has no scores under digits_convnet: disk full" in failed
    # sFID has the analysis of FD: what the run's metric is called for decides. And images of any size have none.
    lock = out / "benchmark.lock.yaml"
    locked = YAML(typ="safe").load(lock.read_text())
    locked["benchmark"]["metrics"]["fd"]["use"] = "sfid"
    locked["benchmark"]["data"]["image"] = None
    with lock.open("w") as stream:
        YAML().dump(locked, stream)
    assert "is 'sfid'; fd needs 'fd'" in told(pipeline=mine)
    any_size = told(pipeline="protocol: null", of="sfid")
    assert any_size["tests"][0]["missing"] == ["protocol", "resolution"]


@pytest.mark.slow
def test_the_verdicts_become_a_section_of_the_runs_report(copy_of, tmp_path_factory):
    out = copy_of().folder / "results/small"
    path = tmp_path_factory.mktemp("claims") / "My claims.yaml"
    said = {"name": "a", "pipeline": "pipeline: words", "dataset": "digits", "metric": "fd", "of": "fd", "out": ""}
    path.write_text(OURS.format(value=1.0, generator="kde", **said))
    answer = ask("reproduce", path, "--out", out)
    assert answer.exit_code == 0, answer.output
    found = read_findings(out)["claims-my-claims"]
    assert found.title == "Claims: ours"
    assert found.verdict[0] == "1 published number: 1 cannot be decided."
    (row,) = found.tables[0].rows
    assert row[:3] == ("a", "1.000", "cannot be decided")
    assert row[5:7] == ("fd", "kde")
    page = (out / "report.html").read_text()
    assert "Claims: ours" in page
    assert "the words &#x27;words&#x27; mean harness " in page
    # One claim alone is looked at, not written.
    (out / "claims-my-claims.finding.json").unlink()
    assert "is unchanged" in ask("reproduce", path, "--claim", "a", "--out", out).output
    assert not (out / "claims-my-claims.finding.json").exists()
    # Another file of this name is another section, a file read again its own.
    ask("reproduce", path, "--out", out)
    other = tmp_path_factory.mktemp("others") / path.name
    other.write_text(path.read_text().replace("title: ours", "title: theirs"))
    for file in (other, path, other):
        assert ask("reproduce", file, "--out", out).exit_code == 0
    titles = {name: found.title for name, found in read_findings(out).items() if name.startswith("claims-my-claims")}
    assert titles.pop("claims-my-claims") == "Claims: ours"
    assert list(titles.values()) == ["Claims: theirs"]
    # A run that nothing points to is said to be one, and a generator that no run has.
    path.write_text(OURS.format(value=1.0, generator="nobody", **said))
    told = ask("reproduce", path, "--out", out).output
    assert "no claim was held against this run" in told
    assert "no run measured `ours.generator` nobody" in told
    empty = tmp_path_factory.mktemp("empty")
    refused = ask("reproduce", "clean-fid", "--out", empty)
    assert refused.exit_code == 2
    assert "holds no run" in refused.output
    assert not list(empty.iterdir())


@pytest.mark.parametrize("name", names())
def test_every_shipped_file_makes_a_sound_section(name, tmp_path):
    board = Leaderboard(
        benchmark="empty",
        rank_by={"metric": "fd", "encoder": "pixels"},
        interval={"level": 0.95, "target": "T_N", "reference": "random"},
        columns=(),
        encoder_notes={},
        rows=(),
        notes=(),
    )
    (tmp_path / "leaderboard.json").write_text(board.to_json())
    answer = ask("reproduce", name, "--out", tmp_path)
    assert answer.exit_code == 0, answer.output
    found = read_findings(tmp_path)[f"claims-{name}"]
    rows = load(path_of(name)).claims
    assert len(found.tables[0].rows) == len(rows)
    several = [group for group in groups(rows) if len(group.claims) > 1]
    may = sum(group.within.verdict == "comparable" for group in several)
    many = f"{len(several)} group{'s'[: len(several) != 1]}"
    assert f"Rows under the same said conditions: {many}; in {may} they may be compared." in found.verdict
    alone = [row for row, group in zip(found.tables[-1].rows, groups(rows), strict=True) if len(group.claims) == 1]
    assert all(row[3] is None for row in alone)
