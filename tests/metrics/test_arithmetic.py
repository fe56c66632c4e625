"""What arithmetic alone does to a value, against its standard error."""

import json

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.arithmetic import estimate_numerics, numerics
from harness.metrics.estimates import estimate


def test_the_component_is_the_largest_deviation_and_its_share_of_the_standard_error():
    found = numerics(2.0, {"batch size 1": 2.001, "batch size 7": 1.997}, se=0.1)
    assert found.largest == pytest.approx(0.003)
    assert found.under == "batch size 7"
    assert found.share_of_se == pytest.approx(0.03)
    assert "moves by 0.003 under batch size 7 (0.03 standard errors" in found.verdict


@pytest.mark.parametrize(("value", "exceeds"), [(2.00099, False), (2.00101, True), (1.99899, True), (2.0, False)])
def test_a_hundredth_of_the_standard_error_is_where_the_verdict_begins(value, exceeds):
    assert (numerics(2.0, {"float64 features": value}, se=0.1).verdict is not None) is exceeds


def test_without_a_standard_error_any_movement_exceeds_and_none_does_not():
    moved, same = (numerics(1.0, {"batch size 1": v}, se=0.0) for v in (1.1, 1.0))
    assert moved.verdict is not None
    assert moved.share_of_se == float("inf")
    assert json.loads(json.dumps(moved.to_facts(), allow_nan=False))["share_of_se"] is None
    assert same.verdict is None


@pytest.mark.parametrize(
    ("declared", "alternatives", "se", "word"),
    [
        (1.0, {}, 0.1, "`alternatives` is empty"),
        (1.0, {"batch size 1": float("nan")}, 0.1, "under batch size 1 is nan"),
        (float("inf"), {"batch size 1": 1.0}, 0.1, "under the declared computation is inf"),
        (1.0, {"batch size 1": 1.0}, float("nan"), "`se` is nan"),
    ],
)
def test_what_gives_no_component_is_refused(declared, alternatives, se, word):
    with pytest.raises(UsageError, match=word):
        numerics(declared, alternatives, se=se)


def encoded(images, weights, *, batch, centred):
    """A linear encoder in float32; `centred` subtracts the mean of the batch, as batch statistics in a network do."""
    parts = []
    for start in range(0, len(images), batch):
        rows = images[start : start + batch] @ weights
        parts.append(rows - rows.mean(axis=0) if centred else rows)
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("use", ["fd", "kd", "recall"])
def test_an_encoder_that_depends_on_the_batch_exceeds_and_one_that_does_not_is_quiet(use):
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((300, 12)), rng.standard_normal((300, 12)) + 0.3
    weights = rng.standard_normal((12, 5))

    def component(centred):
        def both(batch):
            return tuple(encoded(images, weights, batch=batch, centred=centred) for images in (real, fake))

        return estimate_numerics(use, *both(64), {f"batch size {b}": both(b) for b in (2, 7)})

    assert component(True).verdict is not None
    quiet = component(False)
    assert quiet.verdict is None
    assert quiet.share_of_se < 1e-4


def test_rounding_features_to_float32_is_negligible_and_to_float16_is_told_in_proportion():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 400, 6))
    fake = fake + 0.5
    rounded = {
        kind: (real.astype(kind).astype(float), fake.astype(kind).astype(float)) for kind in ("float32", "float16")
    }
    found = estimate_numerics("fd", real, fake, rounded)
    assert found.under == "float16"
    assert abs(found.values["float32"] - found.declared) < 1e-5 * estimate("fd", real, fake).se
    assert found.values["float32"] != found.declared


def test_alternatives_of_other_images_are_refused():
    real, fake = np.random.default_rng(0).standard_normal((2, 60, 3))
    with pytest.raises(UsageError, match="'batch size 1' has features of shapes"):
        estimate_numerics("fd", real, fake, {"batch size 1": (real, fake[:50])})
