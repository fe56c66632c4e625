"""Pairs of populations with known moments: x = mean + A u, u of independent standardised components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from harness.metrics.frechet.distance import distance, moments_of_covariance

Rng = np.random.Generator


def _relu(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    mean, second = 1 / np.sqrt(2 * np.pi), 0.5
    return (np.maximum(rng.standard_normal(shape), 0.0) - mean) / np.sqrt(second - mean**2)


def _mixture(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Two clusters along each axis, at ±0.9."""
    return 0.9 * (2.0 * rng.integers(0, 2, shape) - 1.0) + np.sqrt(1 - 0.81) * rng.standard_normal(shape)


FAMILIES: dict[str, Callable[[Rng, tuple[int, ...]], np.ndarray]] = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "gamma": lambda rng, shape: (rng.gamma(2.0, 1.0, shape) - 2.0) / np.sqrt(2.0),
    "relu": _relu,
    "mixture": _mixture,
    "heavy-tailed": lambda rng, shape: rng.standard_t(6, shape) / np.sqrt(1.5),
}


class Law(Protocol):
    """Where a real and a fake set come from; `training` rows, if a metric reads them, are drawn once."""

    @property
    def d(self) -> int:
        """Columns."""
        ...

    def real(self, rng: Rng, n: int) -> np.ndarray:
        """n real rows."""
        ...

    def fake(self, rng: Rng, n: int) -> np.ndarray:
        """n fake rows."""
        ...


@dataclass(frozen=True)
class Population:
    """Where a real and a fake set come from. `far` moves the fake mean and spectrum away; 0 makes them equal."""

    family: str
    d: int
    far: float
    decay: float = 0.5

    def real(self, rng: Rng, n: int) -> np.ndarray:
        """n real rows."""
        return self._rows(rng, n, 0.0)

    def fake(self, rng: Rng, n: int) -> np.ndarray:
        """n fake rows."""
        return self._rows(rng, n, self.far)

    def shifted(self, far: float) -> Population:
        """The same reference with another fake population."""
        return replace(self, far=far)

    def distance(self) -> float:
        """The population FD, in closed form."""
        sides = [
            moments_of_covariance(10**9, self._mean(far), self._root(far) @ self._root(far).T)
            for far in (0.0, self.far)
        ]
        return distance(*sides)

    def _rows(self, rng: Rng, n: int, far: float) -> np.ndarray:
        return FAMILIES[self.family](rng, (n, self.d)) @ self._root(far).T + self._mean(far)

    def _mean(self, far: float) -> np.ndarray:
        return 0.3 + far * np.cos(np.arange(self.d)) / np.sqrt(self.d)

    def _root(self, far: float) -> np.ndarray:
        rng = np.random.default_rng(self.d)
        first, _ = np.linalg.qr(rng.standard_normal((self.d, self.d)))
        tilt = np.eye(self.d) + 0.3 * far * rng.standard_normal((self.d, self.d)) / np.sqrt(self.d)
        return tilt @ first * np.arange(1, self.d + 1) ** -self.decay


@dataclass(frozen=True)
class Copies:
    """A population whose fakes are in part its `training` rows, slightly changed."""

    population: Population
    rows: int
    share: float = 0.25
    seed: int = 9

    @property
    def d(self) -> int:
        """Columns."""
        return self.population.d

    def training(self) -> np.ndarray:
        """The rows that fakes are copied from."""
        return self.population.real(np.random.default_rng(self.seed), self.rows)

    def real(self, rng: Rng, n: int) -> np.ndarray:
        """n real rows."""
        return self.population.real(rng, n)

    def fake(self, rng: Rng, n: int) -> np.ndarray:
        """n fake rows, the first of them copies."""
        rows, training, copies = self.population.fake(rng, n), self.training(), round(self.share * n)
        noise = 0.1 * rng.standard_normal((copies, self.d))
        rows[:copies] = training[rng.integers(len(training), size=copies)] + noise
        return rows


@dataclass(frozen=True)
class Wide:
    """Many columns of falling variance, not rotated: a rotation of thousands would cost more than a draw."""

    family: str
    d: int
    far: float

    def real(self, rng: Rng, n: int) -> np.ndarray:
        """n real rows."""
        return FAMILIES[self.family](rng, (n, self.d)) * self._scale()

    def fake(self, rng: Rng, n: int) -> np.ndarray:
        """n fake rows: another mean, other variances."""
        rows = FAMILIES[self.family](rng, (n, self.d)) * self._scale() * (1 + self.far * np.sin(np.arange(self.d)) / 2)
        return rows + self.far * np.cos(np.arange(self.d)) / np.sqrt(self.d)

    def _scale(self) -> np.ndarray:
        return np.arange(1, self.d + 1) ** -0.5
