"""`harness rerank --metrics`: every two metrics of a run, what both order for sure, and groups that order alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import kendalltau

from harness.cli.main import main
from harness.studies.rerank.metric_words import agreement_lines, answer
from harness.studies.rerank.metrics import Agreements, Twice, _groups, _twice, of_metrics
from harness.uncertainty.agreements.orders import Orders


def test_the_metrics_of_a_run_are_compared_under_the_encoder_that_ranks(copy_of, tmp_path):
    out = copy_of().folder / "results/small"
    told = CliRunner().invoke(main, ["rerank", str(out), "--metrics", "--json", str(tmp_path / "m.json")])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("Of 15 pairs of metrics under digits_convnet, ")
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["metrics"] == ["fd", "kd", "precision", "recall", "density", "coverage"]
    assert "Do metrics rank alike? Under digits_convnet" in (out / "report.html").read_text()
    under = of_metrics(out, "pixels")
    twice = {(p.first, p.second): p for p in under.pairs}
    # Under pixels noise has recall 1 and precision 0: both beyond doubt.
    assert any("noise" in pair for pair in twice["precision", "recall"].reversed)
    assert twice["fd", "kd"].generators == ("kde", "mine", "holdout", "noise")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--encoder", "pixels"], "--encoder needs --metrics"),
        (["--metrics", "--metric", "fd"], "--metrics compares all metrics"),
        (["--metrics", "--encoder", "pixel"], "did you mean 'pixels'?"),
    ],
)
def test_what_does_not_go_together_is_refused(finished, arguments, words):
    told = CliRunner().invoke(main, ["rerank", str(finished.folder / "results/small"), *arguments])
    assert told.exit_code == 2
    assert words in told.output


def test_two_metrics_are_compared_on_the_generators_of_both_and_bounds_hold_every_order_left_open():
    values = {"a": {"x": 1.0, "y": 2.0, "z": 3.0, "w": 9.0}, "b": {"z": 1.0, "y": 2.0, "x": 4.0, "v": 0.0}}
    sure = {name: Orders(np.zeros((4, 4))) for name in values}
    open_ = _twice("a", "b", values, sure)
    assert open_.generators == ("x", "y", "z")
    assert open_.tau == kendalltau([1, 2, 3], [4, 2, 1]).statistic == -1
    assert (open_.low, open_.high, open_.reversed) == (-1.0, 1.0, ())
    for name, order in (("a", ("x", "z")), ("b", ("z", "x"))):
        at = [list(values[name]).index(one) for one in order]
        sure[name].signs[at[0], at[1]], sure[name].signs[at[1], at[0]] = -1.0, 1.0
    one = _twice("a", "b", values, sure)
    assert one.reversed == (("x", "z"),)
    assert (one.low, one.high) == pytest.approx((-1.0, 1 / 3))


def test_in_a_group_every_two_are_alike_and_metrics_without_common_generators_are_in_none():
    taus = {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): 0.5, ("c", "d"): 1.0}  # a, d and b, d: nothing in common
    pairs = [Twice(*both, (), tau, -1.0, 1.0, ()) for both, tau in taus.items()]
    assert _groups(("a", "b", "c", "d"), pairs) == (("a", "b"), ("c", "d"))


def test_the_answer_counts_what_turns_and_names_groups_and_loners():
    pairs = (
        Twice("fd", "kd", ("x", "y", "z"), 1.0, 0.2, 1.0, ()),
        Twice("fd", "recall", ("x", "y", "z"), -1.0, -1.0, 0.1, (("x", "z"), ("y", "z"), ("x", "y"))),
    )
    axes = {"fd": "whole", "kd": "whole", "recall": "diversity"}
    found = Agreements(Path("o"), "e", 0.95, tuple(axes), axes, pairs, (("fd", "kd"), ("recall",)), ())
    assert answer(found) == [
        "Of 2 pairs of metrics under e, 1 order some generators differently beyond noise; the other 1 do not.",
        "Median tau-b of two metrics of one axis, or of different axes: whole 1.00, different axes -1.00.",
        "Similar orders (tau-b ≥ 0.8 for every two): fd and kd.",
        "Similar to no other metric: recall.",
    ]
    (row,) = [line for line in agreement_lines(found) if line.startswith("  fd, recall ")]
    assert row.split()[2:] == ["different", "-1.00", "[-1.00,", "0.10]", "3"]
    (row,) = [line for line in agreement_lines(found, details=True) if line.startswith("  fd, recall ")]
    assert row.endswith("x/z, y/z, x/y")
