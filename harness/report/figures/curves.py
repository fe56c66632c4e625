"""Curves with bands over a swept axis, and precision against recall along it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from harness.metrics import facts_of
from harness.report.curves import Curve, Panel
from harness.report.figures.marks import COLOURS, axis_below, axis_left, label, line, mark, picture, shorten
from harness.report.figures.scale import Axis, axis_for
from harness.report.html.markup import Child, Markup, tag

LEFT, SIDE, TOP, UP, NAMES = 64.0, 330.0, 34.0, 230.0, 190.0
BOTTOM = TOP + UP
FAR = 10  # largest over smallest value of an axis from which on it is logarithmic


def curve_panel(panel: Panel, number: int) -> Markup:
    """A metric over the axis: a line through the cells of each curve, and its intervals as a band."""
    points = [point for curve in panel.curves for point in curve.points]
    across = x_axis([point.x for point in points])
    own = [p.value for p in points], [p.low for p in points], [p.high for p in points]
    up = axis_for(*own, BOTTOM, TOP, share=facts_of(panel.metric).share)
    title = f"{panel.label} over {panel.axis}{f', {panel.entry}' if panel.entry else ''}"
    parts: list[Child] = [label(4, 16, title, kind="head")]
    parts += [axis_below(across, TOP, BOTTOM, panel.axis), axis_left(up, LEFT, LEFT + SIDE, panel.label)]
    for code, curve in enumerate(panel.curves):
        colour = f"c{code % COLOURS}"
        ends = [(across(p.x), up(p.high)) for p in curve.points]
        ends += [(across(p.x), up(p.low)) for p in reversed(curve.points)]
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
        parts.append(tag("polygon", points=outline, class_=f"{colour} band"))
        at = [
            (across(p.x), up(p.value), f"{p.generator}: {p.value:.4g} [{p.low:.4g}, {p.high:.4g}]")
            for p in curve.points
        ]
        parts += [*_line(at, code), _name(curve, code)]
    said = "; ".join(f"{p.generator} {p.value:.4g}" for p in points)
    return picture(f"curve-{number}", LEFT + SIDE + NAMES, BOTTOM + 38, title, f"{said}.", parts)


def trade_off(precision: Panel, recall: Panel, number: int) -> Markup:
    """Precision against recall, the cells of each curve joined in the order of the axis."""
    of_recall = {p.generator: p.value for curve in recall.curves for p in curve.points}
    points = [p for curve in precision.curves for p in curve.points if p.generator in of_recall]
    across = _shares([of_recall[p.generator] for p in points], LEFT + 6, LEFT + SIDE - 6)
    up = _shares([p.value for p in points], BOTTOM - 6, TOP + 6)
    title = f"Precision against recall along {precision.axis}, {precision.entry}"
    parts: list[Child] = [label(4, 16, title, kind="head"), axis_below(across, TOP, BOTTOM, "recall ↑")]
    parts.append(axis_left(up, LEFT, LEFT + SIDE, "precision ↑"))
    for code, curve in enumerate(precision.curves):
        own = [p for p in curve.points if p.generator in of_recall]
        at = [(across(of_recall[p.generator]), up(p.value), p.generator) for p in own]
        ends = [(at[0], own[0]), (at[-1], own[-1])] if len(own) > 1 else []
        parts += [*_line(at, code), _name(curve, code)]
        parts += [label(x + 7, y - 6, f"{p.x:g}", kind="quiet") for (x, y, _), p in ends]
    said = "; ".join(f"{p.generator} {p.value:.3f}, {of_recall[p.generator]:.3f}" for p in points)
    return picture(f"trade-off-{number}", LEFT + SIDE + NAMES, BOTTOM + 38, title, f"Precision, recall: {said}.", parts)


def x_axis(values: Sequence[float]) -> Axis:
    """The axis below: logarithmic where the values span more than a factor of ten."""
    low, high = min(values), max(values)
    if low > 0 and high / low > FAR:
        return Axis(low / 1.1, high * 1.1, LEFT, LEFT + SIDE, "log")
    room = 0.04 * (high - low) or 1.0
    return Axis(low - room, high + room, LEFT, LEFT + SIDE)


def _shares(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05
    return Axis(max(0.0, low - room), min(1.0, high + room), start, end)


def _line(at: Sequence[tuple[float, float, str]], code: int) -> list[Child]:
    colour = f"c{code % COLOURS}"
    kind = f"link {colour}{' dash' if code >= COLOURS else ''}"
    drawn: list[Child] = [line(x, y, u, v, kind) for (x, y, _), (u, v, _) in pairwise(at)]
    return drawn + [tag("g", tag("title", tip), mark(code, x, y, colour=colour)) for x, y, tip in at]


def _name(curve: Curve, code: int) -> Markup:
    y = TOP + 12 + 20.0 * code
    x = LEFT + SIDE + 18
    return tag("g", mark(code, x, y - 4, colour=f"c{code % COLOURS}"), label(x + 12, y, shorten(curve.name)))
