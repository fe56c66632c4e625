"""Kullback-Leibler divergences by nearest neighbours (Wang, Kulkarni & Verdú 2009): what is missed, what is made up.

k-th neighbour distances estimate densities, and the biases of two estimates at one k cancel in their ratio:

    D(P ‖ Q) ≈ d / m Σ_i log(ν_i / ρ_i) + log(n / (m - 1)),

ρ_i from row i to its k-th other row, ν_i to the k-th row of the other set. d counts the encoder's columns: features
that fill fewer dimensions make both divergences too large by about that ratio, so compare within one encoder only.

In many dimensions a set that crowds inside the other lies nearer to its rows than they do to one another: `kl_forward`
then falls far below 0 for fakes that are too narrow, and `kl_reverse` for those that are too wide (`harness exam`). A
value well below 0 says that and nothing good.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.manifold.groups import Near, NearMetric, analyse_near
from harness.uncertainty import (
    Analysis,
    MetricCall,
    Pair,
    Vector,
    checked,
    positive_integer,
    with_defaults,
)


def kl_forward(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> float:
    """D(real ‖ fake) in nats, 0 for equal laws and without bound; lower is better: large where real images are missed.

    Mode covering: it punishes a generator for what it never makes. The estimate can be below 0, and its bias falls
    slowly with the set sizes in high dimension. Raises UsageError for bad features, no more rows than k, and for a row
    with k exact copies: log 0 has no value.
    """
    left, right = checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")
    return _forward(int(k))(left, right)


def kl_reverse(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> float:
    """D(fake ‖ real) in nats, 0 for equal laws, lower is better: large where fakes look like nothing real.

    Mode seeking: what a generator never makes counts only through its fakes, which crowd elsewhere. What is said of
    `kl_forward` holds of it too.
    """
    left, right = checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")
    return _reverse(int(k))(left, right)


def _forward(k: int) -> NearMetric:
    def value(near: Near) -> float:
        own, other = near.real_real.squared[:, k - 1], near.real_fake.squared[:, k - 1]
        m, n = len(near.rows_real), len(near.rows_fake)
        return float(near.lists.real.shape[1] / 2.0 * _log_ratio("real", other, own) + np.log(n / (m - 1)))

    return NearMetric("kl_forward", k, value)


def _reverse(k: int) -> NearMetric:
    def value(near: Near) -> float:
        own, other = near.fake_fake.squared[:, k - 1], near.fake_real.squared[:, k - 1]
        m, n = len(near.rows_real), len(near.rows_fake)
        return float(near.lists.real.shape[1] / 2.0 * _log_ratio("fake", other, own) + np.log(m / (n - 1)))

    return NearMetric("kl_reverse", k, value)


def _log_ratio(side: str, other: Vector, own: Vector) -> float:
    """Mean of log(other / own), squared distances."""
    if not (own.all() and other.all()):
        row = int(((own == 0) | (other == 0)).argmax())
        raise UsageError(
            f"a row of `{side}` (number {row}) is at distance 0 from its k-th neighbour: it has k "
            "exact copies; use a larger `k`, or sets without repeats"
        )
    return float(np.log(other / own).mean())


def _analyse(make: Callable[[int], NearMetric], call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    k = with_defaults(kl_forward, call.parameters)["k"]
    return analyse_near(make(k), pair, effort)


analyse_forward = partial(_analyse, _forward)
analyse_reverse = partial(_analyse, _reverse)
