"""What is said beside the metrics of a generator: shares that are neither all nor none never read so."""

import pytest

from harness.base import UsageError
from harness.pipeline.notes import flags, without_value
from harness.pipeline.rows import Row
from harness.pipeline.score import _failure


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        (1.0, "100%"),
        (399 / 400, "over 99%"),
        (0.999999, "over 99%"),
        (0.99, "99%"),
        (0.25, "25%"),
        (0.004, "0.4%"),
        (1e-5, "under 0.1%"),
    ],
)
def test_a_share_of_copies_is_all_of_them_only_where_it_is(copies, said):
    assert flags({"training_copies": copies}) == (f"{said} exact copies of training images",)


def test_no_copies_are_no_flag():
    assert flags({"training_copies": 0.0, "reference_copies": 0.0, "repeats": 0.0}) == ()


def test_near_copies_and_their_baseline_are_not_rounded_to_all_or_none():
    assert flags({"near_copies": 0.998, "near_copies_unseen": 0.002}) == (
        "over 99% near a training image (held-out real: 0.2%)",
    )
    assert flags({"near_copies": 1.0, "near_copies_unseen": 0.0}) == ("100% near a training image (held-out real: 0%)",)


def test_one_reason_that_costs_several_generators_some_metrics_is_one_note():
    def row(generator, reason, status="ok"):
        return Row("lenet", generator, status, reason, None, None, None, (), (), (0,), 9, 9, {}, ())

    rows = [
        row("kde", "too few"),
        row("vae", "too few"),
        row("own", "odd"),
        row("bad", "no", "failed"),
        row("ok", None),
    ]
    assert without_value(rows, lambda encoder: ("fld", "fls")) == [
        "no fld and fls of kde and vae under lenet: too few",
        "no fld and fls of own under lenet: odd",
    ]


def test_metrics_that_fail_for_one_reason_are_named_together():
    lost = {
        "fld": UsageError("a column is constant"),
        "fls": UsageError("a column is constant"),
        "own": UsageError("no"),
    }
    told = str(_failure(lost, of=4)).splitlines()
    assert told == ["metrics fld, fls: a column is constant", "metric own: no"]
