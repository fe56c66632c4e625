"""Values with their intervals: one metric of all generators, precision against recall, and a study's matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.metrics import facts_of
from harness.pipeline import Column, Row, rank_text, shown
from harness.report.figures.labels import Box, placed
from harness.report.figures.marks import (
    COLOURS,
    CONTROL,
    KINDS,
    TRAINED,
    UNTRAINED,
    axis_below,
    axis_left,
    label,
    legend,
    line,
    mark,
    picture,
    shorten,
)
from harness.report.figures.scale import Axis, axis_for
from harness.report.finding import Heatmap
from harness.report.html.markup import Child, Markup, join, tag
from harness.report.run_files import RunFiles

STEP = 24.0  # pixels a row


def direction(column: Column) -> str:
    """ "FD, lower is better"."""
    return f"{column.label}, {'lower' if column.lower_is_better else 'higher'} is better"


LEGEND = {TRAINED: "trained here", UNTRAINED: "files or a fixed sampler", CONTROL: "control: known answer"}
APART = "controls: known answers, not ranked"


def kind_of(row: Row) -> int:
    """Shape of a row, whose colour is `KINDS` of it: trained here, not trained here, or a control."""
    return CONTROL if row.control else TRAINED if row.training_seeds else UNTRAINED


def apart(rows: Sequence[Row]) -> list[Row | None]:
    """Rows in the order of a figure, None between the contestants and the controls where there are both."""
    contestants = [row for row in rows if not row.control]
    controls = [row for row in rows if row.control]
    return [*contestants, *([None] if contestants and controls else []), *controls]


def ranked_forest(run: RunFiles, encoder: str) -> Markup:
    """The ranking metric under one encoder: interval, rank with the ranks that the data allow, and ties in words."""
    rows, column = run.pictured(encoder), run.by
    drawn = apart(rows)
    left, right, width, top = 270.0, 690.0, 1060.0, 54.0
    bottom = top + STEP * max(1, len(drawn))
    kinds = sorted({kind_of(row) for row in rows})
    axis = _axis(rows, column, left + 10, right - 10)
    parts: list[Child] = [
        label(4, top - 10, "rank (set)", kind="head"),
        label(104, top - 10, "generator", kind="head"),
        label(right + 12, top - 10, f"{column.label} and interval", kind="head"),
        label(right + 172, top - 10, "tied with", kind="head"),
        legend([(kind, KINDS[kind], LEGEND[kind]) for kind in kinds], left + 14, 20, step=185),
        axis_below(axis, top, bottom, direction(column)),
    ]
    for place, row in enumerate(drawn):
        y = top + STEP * (place + 0.5)
        if row is None:
            parts += [line(0, y - 8, width, y - 8, "grid"), label(4, y + 7, APART, kind="quiet")]
            continue
        parts += [_stripe(place, y, width), label(4, y + 4, rank_text(row)), label(104, y + 4, shorten(row.generator))]
        parts.append(_interval(row, column, axis, y))
        if column.metric in row.metrics:
            parts.append(label(right + 12, y + 4, shown(row.metrics[column.metric])))
        parts.append(label(right + 172, y + 4, shorten(", ".join(row.tied_with), 30) or "none", kind="quiet"))
    said = "; ".join(
        f"{rank_text(row)} {row.generator} {shown(row.metrics[column.metric])}"
        for row in rows
        if column.metric in row.metrics
    )
    title = f"{direction(column)}, under {encoder}"
    return picture(f"forest-{_id(run, encoder)}", width, bottom + 38, title, f"By rank: {said}.", parts)


def small_forest(run: RunFiles, encoder: str, column: Column) -> Markup:
    """Another metric under one encoder, rows in the order of the ranking metric."""
    rows = run.pictured(encoder)
    drawn = apart(rows)
    left, width, top = 128.0, 350.0, 26.0
    bottom = top + 19.0 * max(1, len(drawn))
    axis = _axis(rows, column, left + 6, width - 12)
    title = direction(column)
    k = run.parameters(column.metric).get("k")
    parts: list[Child] = [
        label(4, 15, f"{title}{f' (k = {k})' if k else ''}", kind="head"),
        axis_below(axis, top, bottom, "share" if facts_of(column.metric).share else "value", most=4),
    ]
    said = []
    for place, row in enumerate(drawn):
        y = top + 19.0 * (place + 0.5)
        if row is None:
            parts.append(line(0, y, width, y, "grid"))
            continue
        parts += [label(4, y + 4, shorten(row.generator, 17)), _interval(row, column, axis, y)]
        if column.metric in row.metrics:
            said.append(f"{row.generator} {shown(row.metrics[column.metric])}")
    name = f"panel-{_id(run, encoder)}-{run.board.columns.index(column)}"
    return picture(name, width, bottom + 36, f"{title}, under {encoder}", "; ".join(said) + ".", parts)


def _id(run: RunFiles, encoder: str) -> int:
    """A number in an id: names may hold anything."""
    return run.board.encoders.index(encoder)


def _axis(rows: list[Row], column: Column, start: float, end: float) -> Axis:
    found = [row.metrics[column.metric] for row in rows if column.metric in row.metrics]
    ends = [e.value for e in found], [e.ends[0] for e in found], [e.ends[1] for e in found]
    return axis_for(*ends, start, end, share=facts_of(column.metric).share)


def _stripe(place: int, y: float, width: float) -> Markup | None:
    return tag("rect", class_="stripe", x=0, y=y - STEP / 2, width=width, height=STEP) if place % 2 else None


def _interval(row: Row, column: Column, axis: Axis, y: float) -> Markup | None:
    estimate = row.metrics.get(column.metric)
    if estimate is None:
        return None
    colour = KINDS[kind_of(row)]
    low, high = estimate.ends
    about = f"[{low:.6g}, {high:.6g}]" if estimate.has_interval else f"no interval, {estimate.method}"
    tip = tag("title", f"{row.generator}: {column.label} {estimate.value:.6g} {about}")
    bar = line(axis(low), y, axis(high), y, f"bar {colour}")
    return tag("g", tip, bar, mark(kind_of(row), axis(estimate.value), y, colour=colour))


def has_plane(run: RunFiles) -> bool:
    """Whether the run measured both precision and recall, under the encoder that ranks."""
    return {"precision", "recall"} <= {column.metric for column in run.board.columns_of(run.first)}


def plane(run: RunFiles, encoder: str, colour_of: dict[str, int]) -> Markup:
    """Precision over recall with both intervals: up is fidelity, right is diversity.

    Points are named where there is room, and all of them in a list at the side, with their values.
    """
    rows = [row for row in run.pictured(encoder) if {"precision", "recall"} <= set(row.metrics)]
    left, side, top = 64.0, 470.0, 18.0
    bottom, names = top + side, left + side + 36

    def ends(metric: str, start: float, end: float) -> Axis:
        found = [row.metrics[metric] for row in rows]
        return axis_for([], [e.ends[0] for e in found], [e.ends[1] for e in found], start, end, share=True)

    across, up = ends("recall", left, left + side), ends("precision", bottom, top)
    parts: list[Child] = [
        axis_below(across, top, bottom, "recall: share of real images near a fake"),
        axis_left(up, left, left + side, "precision: share of fakes near a real image"),
        label(names - 8, top + 4, "generator: precision, recall", kind="head"),
    ]
    marks: list[Child] = []
    for place, row in enumerate(rows):
        p, r = row.metrics["precision"], row.metrics["recall"]
        number = colour_of[row.generator]
        colour = f"c{number % COLOURS}{' hollow' if row.control else ''}"
        tip = tag("title", f"{row.generator}: precision {shown(p)}, recall {shown(r)}")
        x, y = across(r.value), up(p.value)
        flat = line(across(r.ends[0]), y, across(r.ends[1]), y, f"thin {colour}")
        upright = line(x, up(p.ends[0]), x, up(p.ends[1]), f"thin {colour}")
        marks.append(tag("g", tip, flat, upright, mark(number, x, y, colour=colour, size=6)))
        at = top + 26 + 22.0 * place
        parts += [mark(number, names, at - 4, colour=colour), label(names + 14, at, shorten(row.generator))]
        parts.append(label(names + 196, at, f"{shown(p)}, {shown(r)}", kind="quiet"))
    points = [(across(row.metrics["recall"].value), up(row.metrics["precision"].value)) for row in rows]
    beside = placed(points, [shorten(row.generator) for row in rows], Box(left, top, left + side, bottom))
    marks += [label(one.x, one.y, one.text, kind="beside") for one in beside if one is not None]
    said = "; ".join(f"{r.generator} {shown(r.metrics['precision'])}, {shown(r.metrics['recall'])}" for r in rows)
    height = max(bottom + 38, top + 26 + 22.0 * len(rows))
    title = f"Precision against recall under {encoder}"
    return picture(f"plane-{_id(run, encoder)}", 1060, height, title, f"Precision, recall: {said}.", [*parts, *marks])


def prd(
    run: RunFiles, encoder: str, curves: Mapping[str, Sequence[tuple[float, float]]], colour_of: dict[str, int]
) -> Markup:
    """Curves of precision over recall, from (recall, precision) of each generator; up and right is better."""
    left, side, top = 64.0, 470.0, 18.0
    bottom, names = top + side, left + side + 36
    across, up = Axis(0.0, 1.0, left, left + side), Axis(0.0, 1.0, bottom, top)
    parts: list[Child] = [
        axis_below(across, top, bottom, "recall of clusters"),
        axis_left(up, left, left + side, "precision of clusters"),
    ]
    for place, (generator, points) in enumerate(curves.items()):
        number = colour_of[generator]
        colour = f"c{number % COLOURS}"
        at = [(across(r), up(p)) for r, p in points]
        kind = f"link {colour}{' dash' if number >= COLOURS else ''}"
        drawn = [line(*one, *other, kind) for one, other in pairwise(at)]
        parts.append(tag("g", tag("title", generator), *drawn))
        y = top + 14 + 22.0 * place
        parts += [mark(number, names, y - 4, colour=colour), label(names + 14, y, shorten(generator))]
    title = f"Precision and recall of distributions under {encoder}"
    said = f"Curves of {', '.join(curves)}."
    return picture(f"prd-{_id(run, encoder)}", 1060, max(bottom + 38, top + 22.0 * len(curves)), title, said, parts)


# Nine colours of matplotlib's cividis (Nuñez, Anderton, Renslow 2018), blended linearly between.
CIVIDIS = (
    (0, 34, 78),
    (26, 56, 111),
    (67, 78, 108),
    (97, 101, 111),
    (125, 124, 120),
    (155, 148, 118),
    (188, 174, 108),
    (222, 201, 88),
    (254, 232, 56),
)


def cividis(share: float) -> tuple[int, int, int]:
    """Red, green, blue (0 to 255) at a share of the scale, which is clipped to 0 to 1."""
    at = min(1.0, max(0.0, share)) * (len(CIVIDIS) - 1)
    first = min(int(at), len(CIVIDIS) - 2)
    red, green, blue = (round(a + (at - first) * (b - a)) for a, b in zip(*CIVIDIS[first : first + 2], strict=True))
    return red, green, blue


ROOM = 1150.0  # pixels that a page has for a figure


def heatmap(name: str, matrix: Heatmap) -> Markup:
    """A matrix whose every number is printed in its square; names of many columns lean, so that it fits the page."""
    left = 20 + 7.2 * max((len(shorten(row, 40)) for row in matrix.rows), default=0)
    names = [7.2 * len(shorten(column)) for column in matrix.columns] or [0.0]
    cell = max(56.0, 14 + max(names))
    lean = left + cell * len(names) > ROOM
    over = 0.87 * names[-1] if lean else 4.0  # what the last name needs beside its column
    if lean:
        cell = max(56.0, (ROOM - left - over) / len(names))
    top = 24 + (0.5 * max(names) if lean else 0.0)
    parts: list[Child] = []
    for number, column in enumerate(matrix.columns):
        x = left + cell * (number + 0.5)
        if lean:
            turn = f"rotate(-30 {x:.2f} {top - 8:.2f})"
            parts.append(tag("text", shorten(column), x=x, y=top - 8, transform=turn, class_="head"))
        else:
            parts.append(label(x, 16, shorten(column), anchor="middle", kind="head"))
    for place, (row, values) in enumerate(zip(matrix.rows, matrix.values, strict=True)):
        y = top + 28.0 * place
        parts.append(label(left - 8, y + 18, shorten(row, 40), anchor="end"))
        for number, value in enumerate(values):
            x = left + cell * number
            if value is None:
                continue
            red, green, blue = cividis((value - matrix.low) / (matrix.high - matrix.low))
            # The ink that stands out more: cividis grows lighter evenly, so one lightness parts them.
            fill, ink = f"rgb({red},{green},{blue})", "#fff" if 2 * red + 5 * green + blue < 8 * 118 else "#000"
            text = f"{value:z.{matrix.decimals}f}"
            parts.append(tag("rect", x=x + 1, y=y + 1, width=cell - 2, height=26.0, fill=fill))
            parts.append(tag("text", text, x=x + cell / 2, y=y + 18, text_anchor="middle", style=f"fill:{ink}"))
    said = "; ".join(
        f"{row}: " + ", ".join(f"{c} {v}" for c, v in zip(matrix.columns, values, strict=True) if v is not None)
        for row, values in zip(matrix.rows, matrix.values, strict=True)
    )
    width = left + cell * len(matrix.columns) + over
    return picture(name, width, top + 6 + 28.0 * len(matrix.rows), matrix.caption, said, [join(parts)])
