"""A value at infinitely many fakes, as Chong & Forsyth (2020) find it: a line in 1 / size through random parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Vector, positive_integer

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Line:
    """Parts of the fakes, and the weights with which their values make the intercept of the least-squares line.

    Weights sum to 1 and are negative for small parts.
    """

    parts: tuple[Index, ...]
    weights: Vector

    @classmethod
    def through(cls, n: int, points: int, seed: int) -> Line:
        """`points` sizes evenly from min(5000, n / 10) to n, as dgm-eval takes them; each part drawn without repeats.

        Raises UsageError where the sizes are not at least two different ones of two rows and more.
        """
        sizes = np.linspace(min(5000, max(n // 10, 2)), n, positive_integer("points", points)).astype(int)
        if len(sizes) < 3 or len(np.unique(sizes)) < 3:
            raise UsageError(f"`points` is {points} and `fake` has {n} rows: a line needs three sizes of parts")
        rng = np.random.default_rng(seed)
        x = 1.0 / sizes
        slope = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
        return cls(
            tuple(rng.choice(n, size, replace=False) for size in sizes), np.asarray(1.0 / len(x) - x.mean() * slope)
        )

    def leverage(self, n: int) -> Vector:
        """How many times each fake row counts in the intercept of means over the parts (n,); 1 on average."""
        found = np.zeros(n)
        for part, weight in zip(self.parts, self.weights, strict=True):
            found[part] += weight * n / len(part)
        return found

    def inflation(self, n: int) -> tuple[float, float]:
        """How much more than means over all n fakes the intercept varies: its linear and its quadratic part.

        Parts S, T of s, t rows covary through the rows that they share: means by |S ∩ T| / (s t), degenerate quadratic
        forms by the square of that, against 1 / n and 1 / n².
        """
        member = np.zeros((len(self.parts), n))
        for row, part in zip(member, self.parts, strict=True):
            row[part] = 1.0 / len(part)
        shared = n * (member @ member.T)
        return float(self.weights @ shared @ self.weights), float(self.weights @ shared**2 @ self.weights)
