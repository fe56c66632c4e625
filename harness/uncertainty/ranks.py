"""Which ranks do the data allow? Simultaneous rank sets from all pairwise differences (Mogstad et al. 2024)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.base import Reference, Target, UsageError
from harness.uncertainty.analysis import Analysis, NoInterval
from harness.uncertainty.intervals import centred, check, quantile_of
from harness.uncertainty.seeds import Means, SeedMember, means
from harness.uncertainty.variance import few_degrees, reference_covariance

Matrix = npt.NDArray[np.float64]
BLOCK = 128  # draws that are looked at together: their pairs with one generator fit the cache


@dataclass(frozen=True)
class Difference:
    """One generator's mean minus another's, with a standard error that knows of the shared reference."""

    first: str
    second: str
    value: float
    se: float
    distinguishable: bool


@dataclass(frozen=True)
class RankSets:
    """Ranks by mean value (1 is best; equal values share the lower rank), and the ranks that the data allow.

    With probability `level` all the intervals [low, high] hold the true ranks at once, of the expected metric at these
    set sizes (T_N) or of the population value (T_inf), as asked. `tied_with` names, per generator, those whose
    difference from it cannot be told from zero.
    """

    rank: Mapping[str, int]
    low: Mapping[str, int]
    high: Mapping[str, int]
    tied_with: Mapping[str, tuple[str, ...]]
    differences: tuple[Difference, ...]
    level: float
    reference: Reference
    method: str

    def among(self, names: Collection[str]) -> RankSets:
        """The ranks of some of the generators among themselves, by the comparisons already made of all.

        The sets still hold at once with probability `level`: fewer statements than all pairs allowed for.
        """
        kept = [name for name in self.rank if name in names]
        beaten_by = {a: [b for b in kept if b not in self.tied_with[a] and self.rank[b] < self.rank[a]] for a in kept}
        beats = {a: sum(a in others for others in beaten_by.values()) for a in kept}
        return replace(
            self,
            rank={a: 1 + sum(self.rank[b] < self.rank[a] for b in kept) for a in kept},
            low={a: 1 + len(beaten_by[a]) for a in kept},
            high={a: len(kept) - beats[a] for a in kept},
            tied_with={a: tuple(b for b in self.tied_with[a] if b in names) for a in kept},
            differences=tuple(d for d in self.differences if d.first in names and d.second in names),
        )


def rank_sets(
    groups: Mapping[str, Sequence[SeedMember]],
    *,
    lower_is_better: bool,
    level: float,
    reference: Reference,
    seed: int,
    draws: int = 10_000,
    target: Target = "T_N",
) -> RankSets:
    """Simultaneous confidence sets for the ranks of several generators scored against one reference set.

    All pairs are compared at once: each difference is studentised with its own degrees of freedom (few training seeds
    make them few), mapped to a normal scale, and the largest over all pairs is calibrated by `draws` simulated draws of
    every variance component. A generator's set is [1 + number that beat it, p - number that it beats]. For T_inf each
    value is less its bias, as in its interval; the variances are the same. A generator without an interval is ranked by
    its value; it beats nobody, and what is better beyond noise of its own beats it.

    Raises UsageError without generators, and for T_inf where one of them has none.
    """
    check(level, target, reference)
    if not groups:
        raise UsageError("no generators to rank")
    every = {name: means(group) for name, group in groups.items()}
    centres = {name: whole.centre(target, reference) for name, whole in every.items()}
    sign = 1.0 if lower_is_better else -1.0
    ordered = sign * np.array(list(centres.values()))
    rank = {name: 1 + int(np.sum(ordered < sign * value)) for name, value in centres.items()}
    alone = [name for name, whole in every.items() if any(isinstance(a.form, NoInterval) for a in whole.analyses)]
    names = [name for name in every if name not in alone]
    wholes = [every[name] for name in names]
    values = np.array([centres[name] for name in names])

    shared = _shared(wholes) if reference == "random" and wholes else np.zeros((len(names), len(names)))
    own = [own_variance(whole, target, reference) for whole in wholes]
    first, second = np.triu_indices(len(names), 1)
    gap = values[first] - values[second]
    pairs = _Pairs(first, second, shared)
    variance, z = pairs.studentise(gap, np.array([o.variance for o in own]), np.array([o.degrees for o in own]))
    critical = pairs.critical(own, level, seed, draws) if len(first) else 0.0
    apart = z > critical

    beaten_by = dict.fromkeys(every, 0)
    beats = dict.fromkeys(every, 0)
    tied: dict[str, list[str]] = {name: [] for name in every}
    differences = []
    for i, j, value, spread, distinct in zip(first, second, gap, np.sqrt(variance), apart, strict=True):
        differences.append(Difference(names[i], names[j], float(value), float(spread), bool(distinct)))
        if not distinct:
            tied[names[i]].append(names[j])
            tied[names[j]].append(names[i])
            continue
        better, worse = (names[i], names[j]) if sign * value < 0 else (names[j], names[i])
        beaten_by[worse] += 1
        beats[better] += 1
    # A value without an interval beats nobody: how far it could be off is not known. It is beaten by what is better
    # beyond that one's own noise, reference and all.
    least = max(critical, quantile_of(np.inf, level))
    noise = np.sqrt([o.variance for o in own] + np.diag(shared)) if names else np.zeros(0)
    for name in alone:
        for other, value, spread in zip(names, values, noise, strict=True):
            if sign * (centres[name] - value) > least * spread:
                beaten_by[name] += 1
                beats[other] += 1
            else:
                tied[name].append(other)
                tied[other].append(name)
        tied[name] += [other for other in alone if other != name]
    single = [name for name, whole in zip(names, wholes, strict=True) if whole.training_seeds == 1]
    method = f"all {len(first)} pairs at once, max-t over {draws} draws"
    if single and len(single) < len(names):
        method += f"; about this checkpoint only: {', '.join(single)}"
    elif single:
        method += "; about these checkpoints only"
    if alone:
        method += f"; without an interval, so better than none: {', '.join(alone)}"
    return RankSets(
        rank=rank,
        low={name: 1 + beaten_by[name] for name in every},
        high={name: len(every) - beats[name] for name in every},
        tied_with={name: tuple(sorted(others)) for name, others in tied.items()},
        differences=tuple(differences),
        level=level,
        reference=reference,
        method=method,
    )


@dataclass(frozen=True)
class OwnVariance:
    """A generator's own variance of its mean (seeds, or images when there is one checkpoint), never below `least`."""

    variance: float
    degrees: float
    least: float


def own_variance(whole: Means, target: Target, reference: Reference) -> OwnVariance:
    """What moves one generator's mean and no other's."""
    images = whole.fake_part
    if whole.training_seeds == 1:
        return OwnVariance(images, min(few_degrees(a.effective_fake) for a in whole.analyses), images)
    seed_means = [
        np.mean([centred(m.analysis, target=target, reference=reference)[0] for m in group])
        for group in whole.by_training_seed.values()
    ]
    between = float(np.var(seed_means, ddof=1)) / whole.training_seeds
    # Image noise alone is a floor, and better known than the scatter of a few seeds.
    own = between + whole.common if whole.together else max(between, images)
    return OwnVariance(own, float(whole.training_seeds - 1), images)


class _Pairs:
    """Every difference of two generators."""

    def __init__(self, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], shared: Matrix) -> None:
        self.first, self.second, self.shared = first, second, shared
        diagonal = np.diag(shared)
        self.reference: npt.NDArray[np.float64] = np.maximum(
            diagonal[first] + diagonal[second] - 2.0 * shared[first, second], 0.0
        )

    def studentise(
        self, gap: npt.NDArray[np.float64], own: npt.NDArray[np.float64], degrees: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Variance of each difference, and |t| on the normal scale; leading axes of `gap` and `own` are draws."""
        one, other = own[..., self.first], own[..., self.second]
        return _studentised(gap, self.reference, (one, other), (degrees[self.first], degrees[self.second]))

    def critical(self, own: Sequence[OwnVariance], level: float, seed: int, draws: int) -> float:
        """The `level` quantile of the largest |z| over all pairs when no two generators differ.

        Only draws that can reach the quantile are looked at in all their pairs, so that its cost grows with the number
        of generators rather than with that of pairs; the result is that of looking at all.
        """
        mean, drawn = self._draws(own, seed, draws)
        degrees = np.array([o.degrees for o in own])
        largest, highest = self._bounds(mean, drawn, degrees)
        reached = np.sort(largest)[int(np.floor(level * (draws - 1)))]
        open_ = np.flatnonzero(highest >= reached)
        for start in range(0, len(open_), BLOCK):
            rows = open_[start : start + BLOCK]
            largest[rows] = self._largest(mean[rows], drawn[rows], degrees, largest[rows])
        return float(np.quantile(largest, level))

    def _largest(
        self, mean: Matrix, drawn: Matrix, degrees: npt.NDArray[np.float64], least: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """The largest |z| over all pairs of each draw, of which `least` are known to be reached."""
        reference = np.zeros(self.shared.shape)
        reference[self.first, self.second] = self.reference
        largest = least.copy()
        for i in range(len(degrees) - 1):
            gap = mean[:, i : i + 1] - mean[:, i + 1 :]
            bar = drawn[:, i : i + 1] + drawn[:, i + 1 :]
            bar += reference[i, i + 1 :]
            bar *= (largest**2 * (1.0 - 1e-9))[:, None]
            row, other = np.nonzero(gap * gap >= bar)  # |z| <= |t|: the others need not be mapped
            j = other + i + 1
            spread = drawn[row, i], drawn[row, j]
            z = _studentised(gap[row, other], reference[i, j], spread, (degrees[i], degrees[j]))[1]
            np.maximum.at(largest, row, z)
        return largest

    def _draws(self, own: Sequence[OwnVariance], seed: int, draws: int) -> tuple[Matrix, Matrix]:
        """Means without any difference, and estimates of their own variances, (draws, generators) each."""
        rng = np.random.default_rng(seed)
        groups = len(own)
        values, vectors = np.linalg.eigh(self.shared)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        variance = np.array([o.variance for o in own])
        degrees = np.array([o.degrees for o in own])
        finite = np.isfinite(degrees)
        mean, drawn = np.empty((draws, groups)), np.empty((draws, groups))
        step = max(1, 2_000_000 // max(len(self.first), 1))  # decides which draws a seed gives
        for start in range(0, draws, step):
            count = min(step, draws - start)
            some = slice(start, start + count)
            mean[some] = rng.standard_normal((count, groups)) @ root.T
            mean[some] += rng.standard_normal((count, groups)) * np.sqrt(variance)
            drawn[some] = variance
            if finite.any():
                drawn[some, finite] *= rng.chisquare(degrees[finite], (count, int(finite.sum()))) / degrees[finite]
        return mean, np.maximum(drawn, np.array([o.least for o in own]))

    def _bounds(
        self, mean: Matrix, drawn: Matrix, degrees: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What the largest |z| of each draw is at least, from a few pairs, and at most.

        For any centre c, (a - b)^2 / (v + w) <= (a - c)^2 / v + (b - c)^2 / w (Cauchy-Schwarz), and where a and b lie
        on one side of c the larger term alone bounds it.
        """
        groups = mean.shape[1]
        with np.errstate(all="ignore"):
            weights = 1.0 / np.maximum(drawn, np.finfo(float).tiny)
            centred = mean - (mean * weights).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
            scaled = centred * np.sqrt(weights)
        few = min(3, groups - 1)
        order = np.argpartition(scaled, (few - 1, groups - few), axis=1)
        at = np.arange(len(mean))
        least = np.zeros(len(mean))
        for i in order[:, :few].T:
            for j in order[:, groups - few :].T:
                gap = mean[at, i] - mean[at, j]
                reference = np.maximum(
                    self.shared[i, i] + self.shared[j, j] - 2.0 * self.shared[np.minimum(i, j), np.maximum(i, j)], 0.0
                )
                spread = drawn[at, i], drawn[at, j]
                z = np.where(i == j, 0.0, _studentised(gap, reference, spread, (degrees[i], degrees[j]))[1])
                least = np.maximum(least, z)
        low, high = np.minimum(scaled.min(axis=1), 0.0), np.maximum(scaled.max(axis=1), 0.0)
        most = np.hypot(low, high) * (1.0 + 1e-9)  # of variances that are 0: squares would overflow
        return least, np.where(np.isfinite(most), most, np.inf)


def _studentised(
    gap: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    own: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    degrees: tuple[npt.ArrayLike, npt.ArrayLike],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Variance of differences and |t| on the normal scale; `own` are the variances of the two sides."""
    one, other = own
    variance = reference + one + other
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(gap == 0.0, 0.0, gap**2 / variance)
        freedom = variance**2 / (one**2 / np.asarray(degrees[0]) + other**2 / np.asarray(degrees[1]))
        freedom = np.where(np.isfinite(freedom), np.clip(freedom, 1.0, 1e9), 1e9)
        # Wallace (1959): t with v degrees of freedom to a normal deviate. Any monotone map is valid, since the
        # threshold is simulated; this one keeps pairs with few seeds from setting it for all.
        z = np.sqrt(freedom * np.log1p(squared / freedom)) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return variance, z


def _shared(wholes: Sequence[Means]) -> Matrix:
    """Covariance of the generators' means over redrawn reference sets."""
    analyses: list[Analysis] = [a for whole in wholes for a in whole.analyses]
    weights = np.zeros((len(wholes), len(analyses)))
    column = 0
    for row, whole in enumerate(wholes):
        weights[row, column : column + len(whole.members)] = whole.weights
        column += len(whole.members)
    return np.asarray(weights @ reference_covariance(analyses) @ weights.T)
