"""Ranks across encoders, and the single seeds behind a mean."""

from __future__ import annotations

from itertools import pairwise

from harness.pipeline import rank_text, shown
from harness.report.figures.charts import direction, kind_of
from harness.report.figures.marks import (
    COLOURS,
    CONTROL,
    KINDS,
    UNTRAINED,
    axis_below,
    label,
    legend,
    line,
    mark,
    number,
    picture,
    shorten,
)
from harness.report.figures.scale import axis_for
from harness.report.html.markup import Child, Markup, tag
from harness.report.run_files import RunFiles

LANES = 48.0  # pixels to either side of an encoder's place that its lanes may take


def colours(run: RunFiles) -> dict[str, int]:
    """A number for every generator, the same in all figures: colour and shape follow from it."""
    rows = (*run.pictured(run.first), *run.board.rows)  # what is drawn first, so that no two of it are alike
    return {name: place for place, name in enumerate(dict.fromkeys(row.generator for row in rows))}


def bump(run: RunFiles, colour_of: dict[str, int]) -> Markup:
    """Each generator's rank under each encoder; bars are the ranks that the data allow.

    Of more generators than a figure has room for, the best by the encoder that ranks, down to the last one's rank.
    """
    encoders = [encoder for encoder in run.board.encoders if run.board.is_ranked(encoder)]
    found = {row.generator: row for row in run.pictured(run.first) if not row.control}
    shown_names = found or {row.generator: row for row in run.board.rows}
    whole = len(shown_names) == sum(not row.control for row in run.scored(run.first)) or not found
    ranks = [row.rank or 0 for row in (run.board.rows if whole else found.values())]
    last = max(ranks, default=1)
    colour_of = {name: code for name, code in colour_of.items() if name in shown_names or whole}
    left, right, top, step = 216.0, 844.0, 64.0, 34.0
    gap = (right - left) / max(1, len(encoders) - 1)
    rows = {
        e: {row.generator: row for row in run.scored(e) if row.generator in colour_of and (row.rank or 0) <= last}
        for e in encoders
    }
    # Bars side by side, each generator in a lane of its own, so that overlapping intervals stay apart.
    # All lanes end before the names at the sides begin.
    spread = min(9.0, min(0.6 * gap, 2 * LANES) / max(1, len(colour_of)))
    lane = {name: (place - (len(colour_of) - 1) / 2) * spread for place, name in enumerate(colour_of)}

    def x(place: int, name: str) -> float:
        return (left + gap * place if len(encoders) > 1 else (left + right) / 2) + lane[name]

    def y(rank: float) -> float:
        return top + step * (rank - 0.5)

    parts: list[Child] = [line(left - 60, y(r), right + 60, y(r), "grid") for r in range(1, last + 1)]
    for place, encoder in enumerate(encoders):
        at = left + gap * place if len(encoders) > 1 else (left + right) / 2
        note = run.board.encoder_notes[encoder]
        parts.append(label(at, 22, shorten(encoder), anchor="middle", kind="head"))
        parts.append(label(at, 40, shorten(note or "ranks by " + run.by.label, 48), anchor="middle", kind="quiet"))
    said = []
    for name, code in colour_of.items():
        colour = f"c{code % COLOURS}"
        seen = [(place, rows[e][name]) for place, e in enumerate(encoders) if name in rows[e]]
        drawn: list[Child] = []
        tips = []
        for (place, row), (following, other) in pairwise(seen):
            if row.rank and other.rank and following == place + 1:
                kind = f"link {colour}{' dash' if code >= COLOURS else ''}"
                drawn.append(line(x(place, name), y(row.rank), x(following, name), y(other.rank), kind))
        for place, row in seen:
            if not row.rank:
                continue
            low, high = row.rank_low or row.rank, min(row.rank_high or row.rank, last)
            drawn.append(line(x(place, name), y(low) - 6, x(place, name), y(high) + 6, f"bar {colour} faint"))
            drawn.append(mark(code, x(place, name), y(row.rank), colour=colour, size=6))
            tips.append(f"{encoders[place]} {rank_text(row)}")
            if place in (0, len(encoders) - 1):
                first = place == 0
                place_x = left - 66 if first else right + 66
                # Equal ranks share a line: the second name steps down a little.
                same = [r.generator for r in rows[encoders[place]].values() if r.rank == row.rank]
                at_y = y(row.rank) + 4 + 11 * same.index(name)
                if len(encoders) > 1 or first:
                    words = f"{shorten(name, 17)} {row.rank}" if first else f"{row.rank} {shorten(name, 17)}"
                    drawn.append(label(place_x, at_y, words, anchor="end" if first else "start"))
        said.append(f"{name}: {', '.join(tips)}")
        parts.append(tag("g", tag("title", said[-1]), *drawn))
    title = f"Ranks by {run.by.label} across encoders"
    return picture("bump", 1060, y(last) + step / 2 + 10, title, "; ".join(said) + ".", parts)


def strip(run: RunFiles) -> Markup:
    """Every image set's value of the ranking metric under the ranking encoder; the upright line is the mean."""
    rows, column, encoder = run.pictured(run.first), run.by, run.first
    names = {row.generator for row in rows}
    cells = [record for record in run.cells(encoder, column.metric) if record.cell.generator in names]
    values = [record.estimate.value for record in cells if record.estimate]
    left, right, top, step = 210.0, 1030.0, 44.0, 26.0
    bottom = top + step * max(1, len(rows))
    ends = [row.metrics[column.metric] for row in rows if column.metric in row.metrics]
    intervals = [e.ends[0] for e in ends], [e.ends[1] for e in ends]
    # Seeds lie close together: a logarithmic axis tells them apart sooner than it is needed for the intervals.
    axis = axis_for([*values, *(e.value for e in ends)], *intervals, left + 10, right - 10, wide=3)
    seeds = sorted({r.cell.training_seed for r in cells if r.cell.training_seed is not None})
    shape = {seed: place for place, seed in enumerate(seeds)}
    named = [(shape[seed], "c0 hollow", f"training seed {seed}") for seed in seeds[:5]]
    if any(kind_of(row) == UNTRAINED for row in rows):
        named.append((UNTRAINED, "c1 hollow", "not trained here"))
    if any(row.control for row in rows):
        named.append((CONTROL, KINDS[CONTROL], "control"))
    parts: list[Child] = [legend(named, left + 14, 20, step=134), axis_below(axis, top, bottom, direction(column))]
    said = []
    for place, row in enumerate(rows):
        y = top + step * (place + 0.5)
        parts.append(label(left - 10, y + 4, shorten(row.generator), anchor="end"))
        if place % 2:
            parts.append(tag("rect", class_="stripe", x=0, y=y - step / 2, width=1060, height=step))
        if column.metric in row.metrics:
            middle = axis(row.metrics[column.metric].value)
            parts.append(line(middle, y - 11, middle, y + 11, "mean"))
        own = [record for record in cells if record.cell.generator == row.generator]
        sampling = list(dict.fromkeys(record.cell.sampling_seed for record in own))
        for record in own:
            assert record.estimate is not None
            seed = record.cell.training_seed
            # Sampling seeds one above the other, so that equal values stay two marks.
            at = y + 12 * ((sampling.index(record.cell.sampling_seed) + 0.5) / len(sampling) - 0.5)
            words = f"{row.generator}: training seed {seed if seed is not None else 'none'}, "
            words += f"sampling seed {record.cell.sampling_seed}: {column.label} {record.estimate.value:.6g}"
            code, colour = kind_of(row) if seed is None else shape[seed], f"{KINDS[kind_of(row)]} hollow"
            dot = mark(code, axis(record.estimate.value), at, colour=colour, size=4)
            parts.append(tag("g", tag("title", words), dot))
        listed = ", ".join(number(r.estimate.value) for r in own if r.estimate)
        mean = f", mean {shown(row.metrics[column.metric])}" if column.metric in row.metrics else ""
        said.append(f"{row.generator}: {listed}{mean}")
    title = f"{column.label} of every single image set under {encoder}"
    return picture("strip", 1060, bottom + 38, title, "; ".join(said) + ".", parts)
