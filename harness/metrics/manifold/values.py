"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

A ball around each row reaches to its k-th nearest other row of the same set; exact duplicates count as neighbours, so a
row with k duplicates has radius 0, as in both papers' code. Closed balls (<=) are Kynkäänniemi's convention, open ones
(<) that of Naeem's `prdc` package: the defaults follow each paper. Arithmetic: see `bounds`.

None of the four has a population limit at a fixed k: each speaks about its own m and n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.manifold.authenticity import authentic
from harness.metrics.manifold.bounds import Product
from harness.metrics.manifold.edges import Edges, Radii, edges
from harness.metrics.manifold.neighbours import Nearest, Neighbours, nearest
from harness.uncertainty import MetricCall, Rows, checked, positive_integer, with_defaults


def precision(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Share of fake rows inside the k-NN ball of some real row, in [0, 1]; higher is better."""
    return _alone("precision", real, fake, k=k, closed=closed)


def recall(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Share of real rows inside the k-NN ball of some fake row, in [0, 1]; higher is better."""
    return _alone("recall", real, fake, k=k, closed=closed)


def density(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """Mean over fake rows of the number of real k-NN balls that hold them, over k; at least 0, not bounded by 1."""
    return _alone("density", real, fake, k=k, closed=closed)


def coverage(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """Share of real rows whose k-NN ball holds a fake row, in [0, 1]; higher is better."""
    return _alone("coverage", real, fake, k=k, closed=closed)


def reached(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """Share of fake rows whose own k-NN ball holds a real row, in [0, 1]: coverage with the roles changed."""
    return _alone("reached", real, fake, k=k, closed=closed)


@dataclass(frozen=True)
class BallCall:
    """One k-NN metric: its name, k and convention."""

    use: str
    k: int
    closed: bool

    @property
    def swapped(self) -> bool:
        """The balls are around fake rows."""
        return self.use in ("recall", "reached")

    @property
    def of_centres(self) -> bool:
        """It counts balls that hold a point, not points that lie in a ball."""
        return self.use in ("coverage", "reached")


BALLS = {f.__name__: f for f in (precision, recall, density, coverage, reached)}


def ball_calls(calls: Mapping[str, MetricCall], real: Rows, fake: Rows) -> dict[str, BallCall]:
    """Those calls that are of balls, checked: each set has more than k rows; UsageError otherwise."""
    found = {}
    for name, call in calls.items():
        if call.use in BALLS:
            chosen = with_defaults(BALLS[call.use], call.parameters)
            if not isinstance(chosen["closed"], bool):
                raise UsageError(f"`closed` is {chosen['closed']!r}; it must be true or false")
            if min(len(real), len(fake)) <= _k(chosen["k"]):
                checked_for_balls(real, fake, chosen["k"])
            found[name] = BallCall(call.use, int(chosen["k"]), chosen["closed"])
    return found


def checked_for_balls(real: npt.ArrayLike, fake: npt.ArrayLike, k: int) -> tuple[Rows, Rows]:
    """The two feature sets, each with more than k rows; UsageError otherwise."""
    return checked(real, fake, least=_k(k) + 1, because=f"`k`={k}")


def _k(k: object) -> int:
    if (number := positive_integer("k", k)) > 100:
        raise UsageError(f"`k` is {k}; it must be at most 100")
    return number


def neighbour_values(calls: Mapping[str, MetricCall], real: npt.ArrayLike, fake: npt.ArrayLike) -> dict[str, float]:
    """The values of several metrics of nearest neighbours, the four above and authenticity, from one search."""
    real, fake = checked(real, fake)
    balls = ball_calls(calls, real, fake)
    alone = [name for name in calls if name not in balls]
    around_real, around_fake = ([b for b in balls.values() if b.swapped == side] for side in (False, True))
    product = Product(real, fake)
    depth = max([b.k for b in around_real] + [1] * bool(alone), default=0)
    among_real = nearest(real, depth) if depth else None
    of_real = Hits(among_real, around_real, len(fake)) if among_real and around_real else None
    of_fake = Hits(nearest(fake, max(b.k for b in around_fake)), around_fake, len(real)) if around_fake else None
    to_real = Nearest(product, 1) if alone else None
    count_edges(product, of_real, of_fake, also=to_real)
    found = {}
    for name in calls:
        if name in balls:
            hits = of_fake if balls[name].swapped else of_real
            assert hits is not None
            found[name] = hits.value(balls[name])
        else:
            assert to_real is not None
            assert among_real is not None
            found[name] = float(authentic(to_real.neighbours(), among_real).mean())
    return found


class Hits:
    """How many balls hold each point, and how many points each ball holds, for every (k, closed) asked for."""

    def __init__(
        self, lists: Neighbours, calls: Iterable[BallCall], points: int, *, places: Iterable[int] = ()
    ) -> None:
        asked = sorted({(call.k, call.closed) for call in calls})
        places = sorted({k - 1 for k, _ in asked} | set(places))
        self.radii = Radii(lists, places)
        self.rank = {(k, closed): places.index(k - 1) for k, closed in asked}
        self.of_points = {key: np.zeros(points, np.int64) for key in asked}
        self.of_centres = {key: np.zeros(len(lists.index), np.int64) for key in asked}

    def add(self, found: Edges) -> None:
        """Take in some edges."""
        for key, rank in self.rank.items():
            inside = (found.closed if key[1] else found.open) <= rank
            self.of_points[key] += np.bincount(found.point[inside], minlength=len(self.of_points[key]))
            self.of_centres[key] += np.bincount(found.centre[inside], minlength=len(self.of_centres[key]))

    def value(self, call: BallCall) -> float:
        """The metric of the sets."""
        of_points, of_centres = self.of_points[call.k, call.closed], self.of_centres[call.k, call.closed]
        if call.use == "density":
            return float(of_points.mean() / call.k)
        return float(((of_centres if call.of_centres else of_points) > 0).mean())


def count_edges(product: Product, left: Any, right: Any, *, also: Nearest | None = None) -> None:
    """Give balls around rows of either set of a product, which may be None, their edges."""
    reach = {"around_left": left and left.radii, "around_right": right and right.radii}
    for forward, backward in edges(product, **reach, also=also):
        if forward is not None:
            left.add(forward)
        if backward is not None:
            right.add(backward)


def _alone(use: str, real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int, closed: bool) -> float:
    # First, so that the message counts the rows that this k needs.
    rows = checked_for_balls(real, fake, k)
    return neighbour_values({use: MetricCall(use, {"k": k, "closed": closed})}, *rows)[use]
