"""FDr6: six distances over six constants, one interval, and what another constant or its rounding does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.base import UsageError
from harness.benchmark import protocols
from harness.metrics import analyse
from harness.pipeline import Column, Leaderboard, Row, lockfile, results
from harness.studies import Scored
from harness.studies import fdr6 as study
from harness.studies.reproduce import verdicts
from harness.uncertainty import MetricCall, SeedMember

CONSTANTS = protocols.load("fdr6").constants
SHIFTS = {"near": 0.3, "far": 1.0}


def left_behind(out: Path, *, without: str | None = None, weights: str = "official") -> Path:
    """OUT of a run with six small encoders of the same images, as `harness run` leaves it."""
    rng = np.random.default_rng(0)
    real, fakes = rng.normal(size=(80, 12)), {name: rng.normal(s, 1, (70, 12)) for name, s in SHIFTS.items()}
    encoders = {f"mine-{name}": name for name in CONSTANTS if name != without}
    members = {}
    for e, encoder in enumerate(encoders):
        columns = slice(e, e + 3)
        members[encoder] = {
            "fd": {
                name: [
                    SeedMember(
                        None,
                        0,
                        analyse({"fd": MetricCall("fd")}, real[:, columns], fake[:, columns], real_seed=e, fake_seed=e)[
                            "fd"
                        ],
                    )
                ]
                for name, fake in fakes.items()
            }
        }
    out.mkdir(exist_ok=True)
    results.write_analyses(out, members)
    blank = ((), (), (0,), 80, 70, {}, ())
    rows = [Row(e, g, "ok", None, None, None, None, *blank) for e in encoders for g in fakes]
    board = Leaderboard(
        benchmark="six",
        rank_by={"metric": "fd", "encoder": next(iter(encoders))},
        interval={"level": 0.95, "target": "T_N", "reference": "random"},
        columns=(Column("fd", "FD", True),),
        encoder_notes=dict.fromkeys(encoders, ""),
        rows=tuple(rows),
        notes=(),
    )
    (out / "leaderboard.json").write_text(board.to_json())
    stated = {
        name: {
            "protocol": f"{p} 1 {protocols.load(p).digest()}",
            "parameters": {"weights": weights},
            "preprocessing": None,
        }
        for name, p in encoders.items()
    }
    bench = {
        "name": "six",
        "encoders": stated,
        "metrics": {"fd": {"use": "fd", "parameters": {}}},
        "dataset": "imagenet",
        "reference_split": "val",
        "n_real": 80,
        "n_fake": 70,
        "data": {"image": [256, 256, 3], "splits": {"val": {"size": 80}}},
    }
    (out / lockfile.LOCK).write_text(json.dumps({"benchmark": bench}))  # JSON is YAML
    return out


def test_it_is_the_mean_of_distances_over_the_published_constants(tmp_path):
    scored = Scored.read(left_behind(tmp_path))
    found = study.averaged(scored)
    assert dict(CONSTANTS) == {
        "fdr6-inception": 1.68,
        "fdr6-convnextv2": 56.87,
        "fdr6-dinov2": 14.19,
        "fdr6-mae": 0.04,
        "fdr6-siglip": 0.60,
        "fdr6-clip": 5.60,
    }
    assert [row.generator for row in found.rows] == ["near", "far"]
    for row in found.rows:
        each = [
            scored.under(f"mine-{name}").metrics["fd"][row.generator][0].analysis.value / constant
            for name, constant in CONSTANTS.items()
        ]
        assert row.estimate.value == pytest.approx(np.mean(each), rel=1e-12)
        assert [term.ratio for term in row.terms] == pytest.approx(each, rel=1e-12)
        assert row.estimate.low < row.estimate.value < row.estimate.high
    assert found.rows[0].rank_high == 1  # told apart


def test_one_digit_of_maes_constant_leaves_its_term_open_by_a_seventh(tmp_path):
    found = study.averaged(Scored.read(left_behind(tmp_path)))
    row = found.rows[0]
    mae = next(term for term in row.terms if term.constant == 0.04)
    assert mae.low / mae.ratio == pytest.approx(0.04 / 0.045)
    assert mae.high / mae.ratio == pytest.approx(0.04 / 0.035)
    low, high = row.by_constants
    others = [term for term in row.terms if term is not mae]
    assert high - row.estimate.value == pytest.approx(
        (mae.high - mae.ratio) / 6 + sum(t.high - t.ratio for t in others) / 6
    )
    said = study.text(found)
    assert "mine-fdr6-mae's 0.04 (-11% to +14% of its term)" in said
    assert f"from {low:.4g} to {high:.4g}" in said
    assert study.finding(found).tables[0].rows[0][1] == "near"


def test_a_run_without_one_of_the_six_is_told_which_and_how_to_get_it(tmp_path):
    with pytest.raises(UsageError, match=r"no encoder of protocol fdr6-clip; `encoders: \{all: \{protocol: fdr6\}\}`"):
        study.averaged(Scored.read(left_behind(tmp_path, without="fdr6-clip")))


def test_random_weights_are_said(tmp_path):
    found = study.averaged(Scored.read(left_behind(tmp_path, weights="random")))
    assert "random weights under mine-fdr6-inception" in found.notes[0]
    json.dumps(found.to_json(), allow_nan=False)


# ---------------------------------------------------------------- against published numbers

FACTS = {
    "metric": "fdr6",
    "protocol": "fdr6",
    "dataset": "imagenet",
    "resolution": 256,
    "reference_split": "val",
    "n_real": 80,
    "n_fake": 70,
    "selection": "single",
}


def claimed(tmp_path: Path, *claims: str) -> Path:
    path = tmp_path / "claims.yaml"
    rows = "".join(f"  - {{id: c{i}, model: m, source: notes, {claim}}}\n" for i, claim in enumerate(claims))
    path.write_text(f"title: averages\ncommon: {json.dumps(FACTS)}\nclaims:\n{rows}")
    return path


def test_two_averages_by_other_constants_are_not_comparable(tmp_path):
    path = claimed(tmp_path, "value: 2.31", "value: 2.27, constants: {fdr6-mae: 0.0412}", "value: 2.31")
    first, second, third = verdicts(str(path)).judged
    against = {test.against: test for test in first.tests}
    assert against["c1"].verdict == "not comparable"
    assert "constants differs (fdr6-mae 0.04 / fdr6-mae 0.0412)" in against["c1"].evidence[0]
    assert against["c2"].verdict == "consistent"  # the same constants, equal to the last digit
    assert second.verdict == "not comparable"
    assert third.verdict == "consistent"


def test_a_run_of_ours_is_held_against_a_claim_and_one_digit_of_the_constant_is_said(tmp_path):
    out = left_behind(tmp_path / "out")
    ours = study.averaged(Scored.read(out)).rows[0].estimate
    path = claimed(
        tmp_path,
        f"value: {ours.value + 0.5 * ours.se:.2f}, ours: {{generator: near, metric: fdr6}}",
        f"value: {ours.value + 12 * ours.se:.2f}, ours: {{generator: near, metric: fdr6}}",
    )
    near, far = verdicts(str(path), [out]).judged
    assert (near.verdict, far.verdict) == ("consistent", "inconsistent")
    said = " ".join(near.tests[0].evidence)
    assert "the constant of fdr6-mae is printed as 0.04" in said
    assert "-11% to +14%" in said
    assert "fdr6 by -1.9% to +2.4%" in said


def test_random_weights_are_no_published_average(tmp_path):
    out = left_behind(tmp_path / "out", weights="random")
    path = claimed(tmp_path, "value: 2.31, ours: {generator: near, metric: fdr6}")
    found = verdicts(str(path), [out]).judged[0]
    assert found.verdict == "not comparable"
    assert "harness fdr6 with other weights" in found.reason


def test_constants_of_another_encoder_or_metric_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no encoder 'fdr6-mea'; did you mean 'fdr6-mae'"):
        verdicts(str(claimed(tmp_path, "value: 2, constants: {fdr6-mea: 0.04}")))
    with pytest.raises(UsageError, match="only fdr6 is divided by constants"):
        verdicts(str(claimed(tmp_path, "value: 2, metric: fid, protocol: clean, constants: {fdr6-mae: 0.04}")))
