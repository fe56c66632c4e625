"""IS∞ of Chong & Forsyth (2020): the Inception score extrapolated to infinitely many fakes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.diversity import divergences, log_probabilities
from harness.metrics.extrapolated.line import Line
from harness.uncertainty import Vector, checked


class ISInfinity:
    """Intercept of the Inception score against 1 / n over random parts of the fake logits; higher is better.

    At most the number of classes but for noise. Rows are logits, as for `inception_score`, here over each part whole.
    The real set is unread. Sizes of the parts and the line are those of `fd_infinity`. It sees neither copies of
    training images nor images that look like nothing real. `classes` vouches for an encoder that nobody knows.

    Raises UsageError for bad features, too few rows for a line, another width than `classes`.
    """

    def __call__(
        self,
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        points: int = 15,
        seed: int = 0,
        classes: int | None = None,
    ) -> float:
        """The score of `fake`."""
        line, log_p = self._prepared(real, fake, points, seed, classes)
        return float(line.weights @ [np.exp(divergences(log_p[part]).mean()) for part in line.parts])

    def influence(
        self,
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        points: int = 15,
        seed: int = 0,
        classes: int | None = None,
    ) -> tuple[Vector, Vector]:
        """Zeros (m,), and n times the derivative in each fake row's weight (n,), part by part as there."""
        line, log_p = self._prepared(real, fake, points, seed, classes)
        n = len(log_p)
        found = np.zeros(n)
        for part, weight in zip(line.parts, line.weights, strict=True):
            each = divergences(log_p[part])
            found[part] += weight * n / len(part) * np.exp(each.mean()) * (each - each.mean())
        return np.zeros(len(np.asarray(real))), found

    @staticmethod
    def _prepared(
        real: npt.ArrayLike, fake: npt.ArrayLike, points: int, seed: int, classes: int | None
    ) -> tuple[Line, Vector]:
        _, rows = checked(real, fake)
        if classes is not None and rows.shape[1] != classes:
            raise UsageError(f"`classes` is {classes} and `fake` has {rows.shape[1]} columns: each is a class's logit")
        return Line.through(len(rows), points, seed), log_probabilities(rows)


is_infinity = ISInfinity()
