"""Joint replicates of several generators' means: one draw of the reference moves all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import Reference, Target, UsageError
from harness.uncertainty.analysis import SplitForm, same_real
from harness.uncertainty.ranks import own_variance
from harness.uncertainty.seeds import Means, SeedMember, means
from harness.uncertainty.variance import influences, reference_covariance, variance_of_sum

Draws = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Joint:
    """Replicates around the values, `draws` (count, generators): their covariance is that of the estimates.

    They are centred at the values, never shifted by resampling bias: quantiles of `draws` are intervals for the target.
    """

    names: tuple[str, ...]
    values: Draws
    draws: Draws

    def difference(self, first: str, second: str) -> Draws:
        """Replicates of one generator's mean minus another's."""
        i, j = self.names.index(first), self.names.index(second)
        return np.asarray(self.draws[:, i] - self.draws[:, j])


def joint_replicates(
    groups: Mapping[str, Sequence[SeedMember]],
    *,
    count: int = 1000,
    reference: Reference = "random",
    seed: int = 0,
    target: Target = "T_N",
) -> Joint:
    """Replicates of the mean over seeds of each generator, all scored against one reference set.

    Metrics in influence form: the reference's units are resampled once per replicate (within strata, where it has any)
    and enter every generator through its influence function, to first order (no matrix is decomposed again), scaled to
    the second-order corrected variance. Others draw the reference's part from its estimated covariance. Image noise, or
    the scatter of training seeds with its degrees of freedom, is independent per generator.
    """
    if count < 1:
        raise UsageError(f"`count` is {count}; it must be at least 1")
    names = tuple(groups)
    wholes = [means(groups[name]) for name in names]
    if not wholes:
        raise UsageError("no generators")
    rng = np.random.default_rng(seed)
    values = np.array([whole.centre(target, reference) for whole in wholes])
    draws = np.tile(values, (count, 1))
    for column, whole in enumerate(wholes):
        own = own_variance(whole, target, reference)
        noise = rng.standard_normal(count) * np.sqrt(own.variance)
        if np.isfinite(own.degrees):
            noise *= np.sqrt(own.degrees / rng.chisquare(own.degrees, count))
        draws[:, column] += noise
    if reference == "random":
        draws += _reference_draws(wholes, count, rng)
    return Joint(names, values, draws)


def _reference_draws(wholes: Sequence[Means], count: int, rng: np.random.Generator) -> Draws:
    analyses = [a for whole in wholes for a in whole.analyses]
    same_real(analyses)
    weights = np.zeros((len(wholes), len(analyses)))
    column = 0
    for row, whole in enumerate(wholes):
        weights[row, column : column + len(whole.members)] = whole.weights
        column += len(whole.members)
    if isinstance(analyses[0].form, SplitForm):
        covariance = weights @ reference_covariance(analyses) @ weights.T
        size, vectors = np.linalg.eigh(covariance)
        return np.asarray(rng.standard_normal((count, len(wholes))) @ (vectors * np.sqrt(np.maximum(size, 0.0))).T)
    influence = weights @ np.stack([form.influence_real for form in influences(analyses)])
    units = influence.shape[1]
    plain = influence.var(axis=1, ddof=1) / units
    # Of each mean, not summed from its sets: near the null their corrected covariances can sum to less than nothing.
    spread = [variance_of_sum(w.analyses, w.weights, "random") for w in wholes]
    variance = np.array([max(s.reference, s.total - s.fake) for s in spread])
    scale = np.sqrt(np.divide(variance, plain, out=np.ones(len(wholes)), where=plain > 0))
    scaled = np.ascontiguousarray((influence * scale[:, None]).T) / units
    draws = np.empty((count, len(wholes)))
    if (strata := analyses[0].strata_real) is not None:  # within strata: every replicate keeps the design
        order = np.argsort(strata, kind="stable")
        sizes = np.bincount(strata.astype(np.intp))
        start, size = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
        for b in range(count):
            chosen = order[start + rng.integers(0, size)]
            draws[b] = np.bincount(chosen, minlength=units) @ scaled
        return draws
    for b in range(count):
        draws[b] = np.bincount(rng.integers(0, units, units), minlength=units) @ scaled
    return draws
