"""Feature likelihood (Jiralerspong et al. 2023, arXiv:2302.04440): how likely fakes make real images they never saw.

A Gaussian stands on each fake, its width fitted to training rows: one that repeats a training row becomes a needle,
which gives held-out rows nothing. So fidelity, diversity and novelty all count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.memorisation.mixture import FLD, FLS, Mixture, fitted
from harness.metrics.memorisation.roles import Roles, roles
from harness.uncertainty import (
    Analysis,
    MetricCall,
    NoIntervalError,
    Pair,
    Rows,
    SplitForm,
    Tables,
    Vector,
    deep_enough,
    labels,
    with_defaults,
)

MOST = 10_000  # fakes, as in both packages
SPLITS = 8  # random ones for an interval: each asks for a fit to every part of the fakes
LEAST = 16  # distinct rows a side
Rng = np.random.Generator


def fld(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, training: npt.ArrayLike | None = None, most: int = MOST, seed: int = 0
) -> float:
    """Feature likelihood divergence: 100 × (surprise of held-out real rows under the fakes' mixture - the baseline's).

    real (m, d) were not trained on, training (t, d) were; surprise is the negative log density in nats a column. Lower
    is better; about 0 for a generator as good as a fresh half of the training rows, a little below for a better one,
    above 1,000 where fakes are copies. Columns are scaled by the real rows' mean and standard deviation; the baseline
    stands on half of the training rows and is fitted to the others. Of more than `most` fakes as many are drawn by
    `seed`, which divides the training rows too. Conventions of marcojira/fld, `FLD(eval_feat="test")`, in double
    precision: the published code keeps to single and an unseeded shuffle.

    It cannot say which of fidelity, diversity or novelty is amiss, nor see fakes that are too narrow: that crowd at the
    middle of each mode, as blurred images do, or lie inside a sphere of real ones. The widths, fitted to training rows,
    make up for it, and it falls. Raises UsageError for what `roles` refuses, and for
    a column of real rows that does not vary.
    """
    return _Divergence.of(roles(training, real, fake), most, seed).value()


def fls(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, training: npt.ArrayLike | None = None, most: int = MOST, seed: int = 0
) -> float:
    """Feature likelihood score, the paper's first version: 100 exp(-2 × excess surprise), above 0; higher is better.

    About 100 for a generator as good as a fresh half of the training rows. As printed by layer6ai-labs/dgm-eval: half
    of the training rows fit the widths, the other half are the baseline's centres; of fakes and of each half as many
    are drawn by `seed` as the smallest of them, the real rows and `most` allow; columns are scaled by all four sets
    together. dgm-eval cuts the real rows to that number too, here all count.

    Its width fit starts at variance 1 and has no far Gaussian, so values are not a function of `fld`. It is blind where
    `fld` is. Raises UsageError
    as `fld` does.
    """
    return _Score.of(roles(training, real, fake), most, seed).value()


def fls_overfit(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, training: npt.ArrayLike | None = None, most: int = MOST, seed: int = 0
) -> float:
    """The memorised share: fakes whose Gaussian makes training rows likelier than held-out ones, in [0, 1].

    Lower is better: about one half for a generator that has not memorised, 1 for copies. dgm-eval prints 100 times
    this, less 50 (`fls_overfit`, the percentage of overfit Gaussians). The widths are those of `fls`; as many training
    as real rows are compared. Raises UsageError as `fld` does.
    """
    return _Score.of(roles(training, real, fake), most, seed).overfit()


@dataclass(frozen=True)
class _Divergence:
    """The scaled sets and the baseline's mixture of `fld`; `drawn` says which fakes count."""

    sets: Roles
    drawn: npt.NDArray[np.intp]
    baseline: Mixture
    seed: int

    @classmethod
    def of(cls, sets: Roles, most: int, seed: int) -> _Divergence:
        rng = np.random.default_rng(seed)
        middle, spread = _scale(sets.real)
        scaled = Roles(*((rows - middle) / spread for rows in (sets.training, sets.real, sets.fake)))
        drawn = _some(len(sets.fake), most, rng)
        order = rng.permutation(len(sets.training))
        half = min(len(drawn), len(order) // 2)
        parts = scaled.training[order[:half]], scaled.training[order[half:]]
        return cls(scaled, drawn, fitted(*parts, FLD, rng), seed)

    def mixture(self, fakes: Rows) -> Mixture:
        return fitted(fakes, self.sets.training, FLD, np.random.default_rng(self.seed))

    def value(self) -> float:
        mixture = self.mixture(self.sets.fake[self.drawn])
        return 100.0 * float((mixture.surprises(self.sets.real) - self.baseline.surprises(self.sets.real)).mean())


@dataclass(frozen=True)
class _Score:
    """The scaled sets and the baseline's mixture of `fls`; `sets.training` is the half that widths are fitted to."""

    sets: Roles
    drawn: npt.NDArray[np.intp]
    centres: Rows

    @classmethod
    def of(cls, sets: Roles, most: int, seed: int) -> _Score:
        rng = np.random.default_rng(seed)
        n = min(most, len(sets.training) // 2, len(sets.real), len(sets.fake))
        order, drawn = rng.permutation(len(sets.training)), _some(len(sets.fake), n, rng)
        fit, base = sets.training[order[:n]], sets.training[order[n : 2 * n]]
        middle, spread = _scale(np.concatenate([fit, base, sets.real, sets.fake[drawn]]))
        fit, base, real, fake = ((rows - middle) / spread for rows in (fit, base, sets.real, sets.fake))
        return cls(Roles(fit, real, fake), drawn, base)

    def mixture(self, centres: Rows) -> Mixture:
        return fitted(centres, self.sets.training, FLS, np.random.default_rng(0))

    def value(self) -> float:
        mine, base = (self.mixture(rows).surprises(self.sets.real) for rows in (self._fakes, self.centres))
        return 100.0 * float(np.exp(-2.0 * (mine - base).mean()))

    def overfit(self) -> float:
        return float(overfit(self.mixture(self._fakes), self.sets.training, self.sets.real).mean())

    @property
    def _fakes(self) -> Rows:
        return np.asarray(self.sets.fake[self.drawn])


def overfit(mixture: Mixture, training: Rows, real: Rows) -> npt.NDArray[np.bool_]:
    """Which Gaussians make training rows likelier than as many held-out ones (n,)."""
    same = min(len(training), len(real))
    return np.asarray(mixture.peaks(training[:same]) > mixture.peaks(real[:same]))


def _scale(rows: Rows) -> tuple[Vector, Vector]:
    middle, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, ddof=1, dtype=np.float64)
    if not spread.all():
        column = int((spread == 0).argmax())
        raise UsageError(
            f"column {column} of the real rows is constant, so it cannot be standardised; use "
            "another encoder, or more images"
        )
    return middle, spread


def _some(rows: int, most: int, rng: Rng) -> npt.NDArray[np.intp]:
    """Which rows are taken: all, or `most` of them at random, in their order."""
    return np.arange(rows) if rows <= most else np.sort(rng.permutation(rows)[:most]).astype(np.intp)


# ---------------------------------------------------------------- intervals


def analyse_fld(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """FLD on parts of the fakes, each with a fit of its own, and parts of the real rows; training rows are fixed.

    The mixture's influence function alone falls short by a third: with fewer fakes each takes more of the training
    rows and becomes wider.
    """
    found = _Divergence.of(_sets(pair), *_read(call))
    base = found.baseline.surprises(found.sets.real)

    def entries(fakes: Rows) -> Callable[[npt.NDArray[np.bool_]], float]:
        excess = found.mixture(fakes).surprises(found.sets.real) - base
        return lambda real: 100.0 * float(excess[real].mean())

    return _by_parts("fld", pair, found.sets.fake, found.drawn, found.value(), entries)


def analyse_fls(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """FLS likewise."""
    found = _Score.of(_sets(pair), *_read(call))
    base = found.mixture(found.centres).surprises(found.sets.real)

    def entries(fakes: Rows) -> Callable[[npt.NDArray[np.bool_]], float]:
        excess = found.mixture(fakes).surprises(found.sets.real) - base
        return lambda real: 100.0 * float(np.exp(-2.0 * excess[real].mean()))

    return _by_parts("fls", pair, found.sets.fake, found.drawn, found.value(), entries)


def analyse_overfit(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The memorised share likewise; parts of the real rows are compared with as many training rows."""
    found = _Score.of(_sets(pair), *_read(call))

    def entries(fakes: Rows) -> Callable[[npt.NDArray[np.bool_]], float]:
        mixture = found.mixture(fakes)
        return lambda real: float(overfit(mixture, found.sets.training, found.sets.real[real]).mean())

    return _by_parts("fls_overfit", pair, found.sets.fake, found.drawn, found.overfit(), entries, share=True)


def _sets(pair: Pair) -> Roles:
    if min(pair.units_real.count, pair.units_fake.count) < LEAST:
        raise NoIntervalError(f"feature likelihood's interval needs at least {LEAST} distinct rows in each set")
    return roles(pair.reference.training, pair.real, pair.fake)


def _read(call: MetricCall) -> tuple[int, int]:
    chosen: dict[str, Any] = with_defaults(fld, call.parameters)
    return int(chosen["most"]), int(chosen["seed"])


def _by_parts(
    use: str,
    pair: Pair,
    fakes: Rows,
    drawn: npt.NDArray[np.intp],
    value: float,
    entries: Callable[[Rows], Callable[[npt.NDArray[np.bool_]], float]],
    *,
    share: bool = False,
) -> Analysis:
    """The value with its tables on halves and quarters of both sets; `entries` fits a part of the fakes once."""
    deep = deep_enough(pair.units_real) and deep_enough(pair.units_fake)
    tables: dict[int, Tables] = {}
    for groups in (2, 4) if deep else (2,):
        of_real = labels(pair.units_real, groups, SPLITS, pair.real_seed)
        of_fake = labels(pair.units_fake, groups, SPLITS, pair.fake_seed)[:, drawn]
        table = tables[groups] = np.empty((SPLITS, groups, groups))
        for s in range(SPLITS):
            for b in range(groups):
                entry = entries(fakes[drawn][of_fake[s] == b])
                for a in range(groups):
                    table[s, a, b] = entry(of_real[s] == a)
    words = "halves and quarters, extrapolated" if 4 in tables else "halves, halved"
    method = f"variance between disjoint {words}; training rows fixed"
    return Analysis(
        use=use,
        value=value,
        form=SplitForm(tables[2], tables.get(4)),
        **pair.sizes(),
        method=method,
        method_fixed=method,
        bias=f"but {use} has no population value; ask for 'T_N'",
        share_of="fake" if share else None,
    )
