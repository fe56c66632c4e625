"""How far a value moves when only its arithmetic changes: batch size, precision of the features.

An encoder sums in another order at another batch size, float32 features round what float64 ones keep. Neither is a
sample of anything, so the component is a deviation, not a variance, and is reported beside the standard error rather
than added to it: below a hundredth of it, it could not be seen; above, the declared computation decides the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import Reference, UsageError, derive_seed
from harness.metrics.analyses import analyse, value_of
from harness.metrics.rounding import NEGLIGIBLE
from harness.uncertainty import MetricCall, interval


@dataclass(frozen=True)
class Numerics:
    """What other computations of the same metric on the same images gave.

    `values` by computation, in the metric's unit; `largest` is the largest absolute deviation from the `declared` value
    and `under` the computation that gave it; `share_of_se` its ratio to the standard error, infinite where that is zero
    and a value moved. `verdict` is a sentence where the share exceeds `NEGLIGIBLE`, else None.
    """

    declared: float
    values: Mapping[str, float]
    largest: float
    under: str
    share_of_se: float
    verdict: str | None

    def to_facts(self) -> dict[str, Any]:
        """A JSON object of all fields; an infinite share is None, which JSON can hold."""
        facts = asdict(self) | {"values": dict(self.values)}
        return facts | {"share_of_se": self.share_of_se if np.isfinite(self.share_of_se) else None}


def numerics(declared: float, alternatives: Mapping[str, float], *, se: float) -> Numerics:
    """The numerics component of a value: its largest deviation under other computations, against its standard error.

    `alternatives` are the metric's values by the words for the computation ("batch size 7", "float64 features").

    Raises UsageError for no alternatives, a value that is not finite, or a standard error that is negative or NaN.
    """
    if not alternatives:
        raise UsageError("`alternatives` is empty; give the value under at least one other batch size or precision")
    for name, value in {"the declared computation": declared, **alternatives}.items():
        if not np.isfinite(value):
            raise UsageError(f"the value under {name} is {value}; a deviation needs finite values")
    if not se >= 0:
        raise UsageError(f"`se` is {se}; it must be zero or positive")
    deviations = {name: abs(value - declared) for name, value in alternatives.items()}
    under = max(deviations, key=lambda name: deviations[name])
    largest = deviations[under]
    share = largest / se if se > 0 else (float("inf") if largest > 0 else 0.0)
    verdict = None
    if share > NEGLIGIBLE:
        size = f"{share:.2g} standard errors" if np.isfinite(share) else "a value without a standard error"
        verdict = (
            f"the value moves by {largest:.3g} under {under} ({size}; up to {NEGLIGIBLE:g} is negligible): it depends "
            "on how it was computed, so compare it only with values computed in the same way"
        )
    return Numerics(declared, dict(alternatives), largest, under, share, verdict)


def estimate_numerics(
    name: str,
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    alternatives: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    reference: Reference = "random",
    seed: int = 0,
    replicates: int = 200,
    **parameters: Any,
) -> Numerics:
    """The numerics component of metric `name` on two feature sets.

    `alternatives` are the features (real, fake) of the same images under other computations, by the words for each. The
    standard error is that of `estimate` with the same `reference`, `seed`, `replicates` and `parameters`. Give float64
    features as float64 arrays: metrics take sums over either in float64.

    Raises UsageError as `estimate` and `numerics` do, and for alternatives of other shapes.
    """
    shapes = np.shape(real), np.shape(fake)
    for words, pair in alternatives.items():
        if (found := tuple(np.shape(part) for part in pair)) != shapes:
            raise UsageError(
                f"alternative {words!r} has features of shapes {found}; the same images under another computation have "
                f"{shapes}"
            )
    call = {name: MetricCall(name, parameters)}
    analysis = analyse(
        call,
        real,
        fake,
        replicates=replicates,
        real_seed=derive_seed(seed, "real"),
        fake_seed=derive_seed(seed, "fake"),
    )[name]
    se = interval(analysis, level=0.95, target="T_N", reference=reference).se
    if se is None:
        raise UsageError(f"{name} has no standard error on these sets: {analysis.method}")
    values = {words: value_of(call[name], *pair) for words, pair in alternatives.items()}
    return numerics(value_of(call[name], real, fake), values, se=se)
