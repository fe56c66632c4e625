"""Several tests read together: what is left of each p when any false alarm among them counts."""

from __future__ import annotations

from collections.abc import Sequence


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
