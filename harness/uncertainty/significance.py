"""Student's t at any degrees of freedom, the normal distribution at infinitely many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def quantile(probability: float, degrees: float) -> float:
    """The value that t stays below with this probability."""
    from scipy.special import ndtri, stdtrit  # scipy.stats would cost 1.5 s

    return float(ndtri(probability) if np.isinf(degrees) else stdtrit(degrees, probability))


def upper_tail(t: float, degrees: float) -> float:
    """The probability of a value above `t`."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(-t) if np.isinf(degrees) else stdtr(degrees, -t))


def exceeded(distance: float, se: float, degrees: float) -> float:
    """The probability of an error above a distance of 0 or more; without any noise 0, of a distance of 0 always 1/2."""
    if distance == 0:
        return 0.5
    return upper_tail(distance / se, degrees) if se > 0 else 0.0


def satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of independent estimates of variance (Welch 1947; Satterthwaite 1946).

    `parts` are pairs of a variance and its degrees of freedom. Without any variance the fewest, which errs on the wide
    side.
    """
    bottom = sum(variance**2 / degrees for variance, degrees in parts)
    total = sum(variance for variance, _ in parts)
    return total**2 / bottom if bottom > 0 else min(degrees for _, degrees in parts)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given, in [0, 1], never below the plain ones.

    Calling a test significant where its adjusted p is at most α keeps the chance of any false alarm among all of them
    at or below α, however the tests depend on each other (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).
    """
    adjusted = [0.0] * len(p)
    largest = 0.0
    for rank, number in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[number]))
        adjusted[number] = largest
    return tuple(adjusted)
