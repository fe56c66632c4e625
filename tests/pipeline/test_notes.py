"""What is said beside the metrics of a generator: shares that are neither all nor none never read so."""

import pytest

from harness.pipeline.notes import flags


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
