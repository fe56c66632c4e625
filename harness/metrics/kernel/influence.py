"""Kernel distance: jackknife of the U-statistic minus its degenerate part (Sutherland 2019 for the exact variance)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics.contract import Effort
from harness.metrics.kernel.kernels import Kernel, kernel_function
from harness.metrics.kernel.skewness import skewness, some_rows
from harness.metrics.kernel.sums import Groups, KernelSums, kernel_sums
from harness.metrics.processor import Processor
from harness.metrics.rounding import IN_SINGLE
from harness.uncertainty import (
    UNBIASED,
    Analysis,
    Bias,
    InfluenceForm,
    MetricCall,
    Pair,
    Rows,
    Units,
    Vector,
    contrasts,
    pair_products,
)

PAIRS, AMONG = 1024, 4096
STRATA_PAIRS = 4096  # with strata the mean square comes from the pairs themselves


def analyse_kd(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of `kernel_distance`: it draws nothing."""
    kernel = kernel_function(pair.real.shape[1], **call.parameters)
    return analyse_kernel(pair, pair_sums(pair, kernel, effort.processor))


def pair_sums(pair: Pair, kernel: Kernel, processor: Processor, groups: Groups | None = None) -> KernelSums:
    """The sums that `analyse_kernel` needs, and those within groups."""
    some = some_rows(len(pair.real), pair.real_seed), some_rows(len(pair.fake), pair.fake_seed)
    once = pair.reference.once
    return kernel_sums(pair.real, pair.fake, kernel, groups=groups, some=some, once=once, processor=processor)


def analyse_kernel(pair: Pair, sums: KernelSums) -> Analysis:
    """The distance, h_x = 2 (mean k(x, X) - mean k(x, Y)) and h_y likewise, and the variance of the degenerate part."""
    real, units_real, real_seed = pair.real, pair.units_real, pair.real_seed
    fake, units_fake, fake_seed = pair.fake, pair.units_fake, pair.fake_seed
    function = sums.sides[0].kernel
    m, n = units_real.effective, units_fake.effective
    second_real, second_fake, second_cross = _second_order(sums, m, n)
    within = _Strata(function, real, fake, sums, units_real, units_fake)
    if within.any:
        second_real, second_fake, second_cross = within.second_order(m, n, real_seed, fake_seed)
    # Declared clusters: as in `frechet`, their second-order part is left in.
    second_real *= not units_real.clustered
    second_fake *= not units_fake.clustered
    second_cross *= not (units_real.clustered or units_fake.clustered)
    count = PAIRS if units_real.strata is None else STRATA_PAIRS
    pairs = pair_products(within.real, units_real, None, count, AMONG, np.random.default_rng(real_seed))
    spread = float((pairs**2).mean())
    # Scaled to the exact mean square over all pairs: the sample of pairs serves differences of generators only.
    pairs *= np.sqrt(second_real / spread) if spread > 0 else 0.0
    bias: Bias | str = UNBIASED
    if within.any and pair.clustered:
        bias = "but the bias of a kernel distance is not known for clusters in strata; ask for 'T_N'"
    elif within.any:
        bias = Bias(
            _bias_of_strata(function, real, sums.real, units_real, real_seed),
            _bias_of_strata(function, fake, sums.fake, units_fake, fake_seed),
            "minus the design's bias",
        )
    influence_real = units_real.total(2.0 * (sums.real - sums.real_to_fake))
    influence_fake = units_fake.total(2.0 * (sums.fake - sums.fake_to_real))
    some = some_rows(len(real), real_seed), some_rows(len(fake), fake_seed)
    skew = skewness(sums, (units_real, units_fake), (influence_real, influence_fake), some)
    of_real, of_fake = (
        side.itself - float(mean.mean()) for side, mean in zip(sums.sides, (sums.real, sums.fake), strict=True)
    )
    method = "jackknife minus second-order term" + (IN_SINGLE if sums.single else "")
    return Analysis(
        use="kd",
        value=sums.distance,
        form=InfluenceForm(
            influence_real=influence_real,
            influence_fake=influence_fake,
            pairs_real=pairs,
            second_order_real=second_real,
            second_order_fake=second_fake,
            second_order_cross=second_cross,
            # The V-statistic: each row's pair with itself adds E k(x, x) - E k(x, x') over n.
            magnitude=sums.distance + of_real / m + of_fake / n,
            third_order=skew,
        ),
        **pair.sizes(),
        method=method,
        method_fixed=method,
        bias=bias,
        # Within the range of values at P = Q, where the second order is all there is.
        conservative=not pair.few and sums.distance < 3.0 * float(np.sqrt(second_real + second_fake + second_cross)),
    )


@dataclass(frozen=True)
class _Strata:
    """Doubly centred kernels on pairs of rows, and the degenerate variances where a side is stratified."""

    function: Kernel
    rows_real: Rows
    rows_fake: Rows
    sums: KernelSums
    units_real: Units
    units_fake: Units

    @property
    def any(self) -> bool:
        """Whether either side is stratified."""
        return self.units_real.strata is not None or self.units_fake.strata is not None

    def real(self, i: Any, j: Any) -> Vector:
        """k(x_i, x_j) less its means over either row."""
        own = self.sums.real
        return np.asarray(self.function.paired(self.rows_real[i], self.rows_real[j]) - own[i] - own[j] + own.mean())

    def fake(self, i: Any, j: Any) -> Vector:
        """k(y_i, y_j), likewise."""
        own = self.sums.fake
        return np.asarray(self.function.paired(self.rows_fake[i], self.rows_fake[j]) - own[i] - own[j] + own.mean())

    def across(self, i: Any, j: Any) -> Vector:
        """k(x_i, y_j), likewise."""
        of_real, of_fake = self.sums.real_to_fake, self.sums.fake_to_real
        return np.asarray(
            self.function.paired(self.rows_real[i], self.rows_fake[j]) - of_real[i] - of_fake[j] + of_real.mean()
        )

    def second_order(self, m: float, n: float, real_seed: int, fake_seed: int) -> tuple[float, float, float]:
        """As `_second_order`, with kernels centred within strata, from random pairs."""

        def square(product: Any, left: Units, right: Units | None, seed: Any) -> float:
            rng = np.random.default_rng(seed)
            return float((pair_products(product, left, right, STRATA_PAIRS, AMONG, rng) ** 2).mean())

        return (
            2.0 * square(self.real, self.units_real, None, real_seed) / (m * max(m - 1, 1)),
            2.0 * square(self.fake, self.units_fake, None, fake_seed) / (n * max(n - 1, 1)),
            4.0 * square(self.across, self.units_real, self.units_fake, [real_seed, fake_seed]) / (m * n),
        )


def _bias_of_strata(kernel: Kernel, rows: Rows, mean: Vector, units: Units, seed: int) -> float:
    """What fixed counts do to the mean over pairs of different rows: too few of them lie within one stratum.

    With n_h rows of stratum h the share of such pairs is Σ n_h (n_h - 1) / (n (n - 1)), that of the population
    Σ (n_h / n)²; the mean kernel within strata is the larger one, so that the distance comes out too small.
    """
    if units.strata is None:
        return 0.0
    i, j = contrasts(units, AMONG, np.random.default_rng([seed, AMONG]))
    return -(float(kernel.paired(rows[i], rows[j]).mean()) - float(mean.mean())) / len(rows)


def _second_order(sums: KernelSums, m: float, n: float) -> tuple[float, float, float]:
    """Variances of the degenerate parts of m real and n fake independent rows."""
    real, fake, cross = sums.degenerate
    return 2.0 * real / (m * max(m - 1, 1)), 2.0 * fake / (n * max(n - 1, 1)), 4.0 * cross / (m * n)
