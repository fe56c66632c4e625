"""Names beside points of a plane: each where it covers no point and no other name, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LETTER, LINE = 7.0, 13.0  # about the width of a letter and the height of a line of the figures' text, in pixels
GAP = 8.0  # from a point's centre
MARK = 7.0  # half the size of a point


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether both cover a place."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def within(self, other: Box) -> bool:
        """Whether all of it lies in the other."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.top <= self.top and self.bottom <= other.bottom


@dataclass(frozen=True)
class Label:
    """A name and the place where it begins on its baseline."""

    text: str
    x: float
    y: float

    @property
    def box(self) -> Box:
        """About what it covers."""
        return Box(self.x, self.y - 0.8 * LINE, self.x + LETTER * len(self.text), self.y + 0.2 * LINE)


def placed(points: Sequence[tuple[float, float]], names: Sequence[str], area: Box) -> list[Label | None]:
    """A label for each point, in their order, or None where every place beside it is taken or leaves the area.

    Earlier points choose first: right of the point and above, below, then left of it.
    """
    marks = [Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]
    taken: list[Box] = []
    found: list[Label | None] = []
    for (x, y), name in zip(points, names, strict=True):
        width = LETTER * len(name)
        left, right, above, below = x - GAP - width, x + GAP, y - 5, y + 14
        # Between the arms of the cross that its intervals make.
        places = ((right, above), (right, below), (left, above), (left, below))
        labels = (Label(name, *place) for place in places)
        chosen = next(
            (
                label
                for label in labels
                if label.box.within(area) and not any(label.box.meets(other) for other in (*marks, *taken))
            ),
            None,
        )
        found.append(chosen)
        if chosen is not None:
            taken.append(chosen.box)
    return found
