"""The Fréchet distance to a reference of which only mean and covariance are kept, with its interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.base import Estimate, UsageError, derive_seed
from harness.metrics.frechet.distance import Moments, from_roots, moments
from harness.metrics.frechet.influence import TRUSTED, Side, second_order, transport
from harness.uncertainty import Analysis, InfluenceForm, check, checked, interval, units

UNKNOWN_SIZE = (
    "how many images the reference was computed from is not known: FD falls as that number grows, so this value "
    "compares with others against the same file only"
)


def estimate_against_moments(
    real: Moments, fake: npt.ArrayLike, *, n_real: int | None, level: float = 0.95, seed: int = 0
) -> Estimate:
    """The Fréchet distance of `fake` (n, d) to a Gaussian, with the interval for that reference held fixed; T_N.

    Value and interval are those of `estimate("fd", …, reference="fixed")` on the features that the moments are of: the
    fake side's influence function needs no more of the other side. `n_real` is what the moments were computed from;
    None where nobody says, which the notes then do, and 0 stands in the Estimate.

    Raises UsageError for features that are not (n, d) of the reference's width, finite, and at least two of them.
    """
    check(level, "T_N", "fixed")
    d = len(real.mean)
    # The reference's mean stands in for its rows, so that both are held to the rules that features are held to.
    _, rows = checked(np.stack([real.mean, real.mean]), fake)
    of_fake_units = units(rows)
    if of_fake_units.count < 2:
        raise UsageError(f"`fake` has {len(rows)} rows, all of them equal: there is no spread to estimate")
    of_fake = moments(rows)
    _, whiten_fake, s, every = transport(real, of_fake)
    value = from_roots(real, of_fake, every)
    side = Side(rows, of_fake, of_fake.mean - real.mean, whiten_fake, s)
    influence, norm = side.influence_and_norm()
    n = of_fake_units.effective
    notes = [UNKNOWN_SIZE] if n_real is None else []
    if (repeats := of_fake_units.note("fake")) is not None:
        notes.append(repeats)
    analysis = Analysis(
        use="fd",
        value=value,
        form=InfluenceForm(
            influence_real=np.zeros(1),  # held fixed: it varies by nothing
            influence_fake=of_fake_units.total(influence),
            second_order_fake=second_order(side, of_fake_units, seed=derive_seed(seed, "fake")),
            magnitude=value,
        ),
        n_real=n_real or 0,
        n_fake=len(rows),
        d=d,
        method="",
        method_fixed="influence function minus second-order term",
        units_real=n_real or 0,
        units_fake=of_fake_units.count,
        effective_real=float(n_real or 0),
        effective_fake=n,
        bias="but a reference of mean and covariance alone has no rows to tell its bias by; ask for 'T_N'",
        floor=0.0,
        conservative=min(n, n_real or n) / d < TRUSTED or norm / n > value / 2,
        notes=tuple(notes),
    )
    return interval(analysis, level=level, target="T_N", reference="fixed")
