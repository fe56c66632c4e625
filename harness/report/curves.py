"""Curves of a sweep, from the leaderboard: a metric over the axis that was swept, one curve for each other choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.base import percent
from harness.pipeline import Chosen, Leaderboard, Row

BESIDE = ("precision", "recall")  # metrics that are drawn next to the one that ranks


@dataclass(frozen=True, slots=True)
class Point:
    """A cell: its place on the axis, and its value with the ends of its interval."""

    x: float
    value: float
    low: float
    high: float
    generator: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Cells that differ on the axis alone, by what else was chosen for them."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A metric over an axis."""

    entry: str
    axis: str
    metric: str
    label: str
    curves: tuple[Curve, ...]


def panels(board: Leaderboard, encoder: str) -> list[Panel]:
    """Of every swept entry with an axis of numbers: the metric that ranks, precision and recall."""
    found = []
    for entry, rows in _entries(board, encoder).items():
        axis = _axis(rows)
        if axis is None:
            continue
        for column in board.columns_of(encoder):
            if column.metric == board.rank_by["metric"] or column.metric in BESIDE:
                label = f"{column.label} {'↓' if column.lower_is_better else '↑'}"
                found.append(Panel(entry, axis, column.metric, label, _curves(rows, axis, column.metric)))
    return [panel for panel in found if any(len(curve.points) > 1 for curve in panel.curves)]


def size_panel(board: Leaderboard) -> Panel | None:
    """The metric that ranks over the number of images, and with its bias taken off where that is possible."""
    if not board.sizes:
        return None
    curves = []
    for name in dict.fromkeys(point.generator for point in board.sizes):
        own = [point for point in board.sizes if point.generator == name]
        curves.append(Curve(name, tuple(Point(p.n, p.value, p.low, p.high, name) for p in own)))
        less = tuple(
            Point(p.n, p.debiased, p.debiased_low, p.debiased_high, name)
            for p in own
            if p.debiased is not None and p.debiased_low is not None and p.debiased_high is not None
        )
        if less:
            curves.append(Curve(f"{name}, bias taken off", less))
    label = next(c.label for c in board.columns if c.metric == board.rank_by["metric"])
    return Panel("", "images (n_fake)", board.rank_by["metric"], label, tuple(curves))


def steps(board: Leaderboard, encoder: str) -> list[tuple[str, float, int]]:
    """The curves as (name, value, step): the axis where it is whole numbers, as MLflow needs it, else the place."""
    found = []
    for panel in panels(board, encoder):
        for curve in panel.curves:
            whole = all(point.x == int(point.x) for point in curve.points)
            for place, point in enumerate(curve.points):
                name = f"curve/{panel.entry}/{curve.name} over {panel.axis}/{panel.metric}"
                found.append((name, point.value, int(point.x) if whole else place))
    return found


def words(choice: Chosen, label: str) -> str:
    """A choice in a sentence."""
    level = percent(choice.level)
    naive = f"{choice.value:.4g} [{choice.low:.4g}, {choice.high:.4g}]"
    honest = f"{choice.corrected:.4g} [{choice.corrected_low:.4g}, {choice.corrected_high:.4g}]"
    return (
        f"{choice.entry}: the best of {len(choice.cells)} cells is {choice.best}, {label} {naive}; "
        f"{honest} after correcting for the choice ({level} CI, {choice.folds} folds over {choice.over}, "
        f"{choice.picked} of which choose it too)"
    )


def _entries(board: Leaderboard, encoder: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in board.of(encoder):
        swept = row.observations.get("swept")
        if swept and row.status == "ok":
            found.setdefault(swept["entry"], []).append(row)
    return found


def _axes(row: Row) -> dict[str, Any]:
    return dict(row.observations["swept"]["axes"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _axis(rows: list[Row]) -> str | None:
    """The axis of numbers with the most values; None where there is none."""
    values: dict[str, set[Any]] = {}
    for row in rows:
        for axis, value in _axes(row).items():
            values.setdefault(axis, set()).add(value)
    numbers = {axis: len(own) for axis, own in values.items() if all(map(_is_number, own)) and len(own) > 1}
    return max(numbers, key=numbers.__getitem__) if numbers else None


def _curves(rows: list[Row], axis: str, metric: str) -> tuple[Curve, ...]:
    found: dict[str, list[Point]] = {}
    for row in rows:
        axes = _axes(row)
        x = axes.pop(axis)
        others = [value if isinstance(value, str) else f"{name} {value}" for name, value in axes.items()]
        name = ", ".join(others) or row.observations["swept"]["entry"]
        if (estimate := row.metrics.get(metric)) is not None:
            low, high = estimate.ends
            found.setdefault(name, []).append(Point(float(x), estimate.value, low, high, row.generator))
    return tuple(Curve(name, tuple(sorted(points, key=lambda p: p.x))) for name, points in found.items())
