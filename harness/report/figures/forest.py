"""One picture per encoder: every generator's value and interval under every metric, in the order of the leaderboard."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base import Record, digest, percent, write_atomically
from harness.metrics import facts_of
from harness.report.words import NAMED, REFERENCES, TARGETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]  # of leaderboard.json

DRAWING = 4  # raise when the drawing changes: plots of another number are drawn anew
# Okabe & Ito's palette tells colours apart under every common colour blindness; marker and colour say the same thing,
# so that print without colour loses nothing.
TRAINED, UNTRAINED, CONTROL, DOT = ("#0072B2", "o"), ("#D55E00", "s"), ("#777777", "D"), "#555555"
KINDS = {
    TRAINED: "trained here",
    UNTRAINED: "files or a fixed sampler",
    CONTROL: "control: known answer, not ranked",
}
NAMES = {"FD": "FD, Fréchet distance", "KD": "KD, kernel distance"}
# Text stays text in the SVG (searchable, read aloud); ids come from the salt, so the same run gives the same bytes.
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
# Inches
PANEL, ROW, HEAD, TOP, LINE, EDGE = 3.0, 0.24, 0.8, 0.95, 0.17, 0.15
PANELS_ACROSS = 3


def write_plots(folder: Path, records: Sequence[Record], leaderboard: Mapping[str, Any]) -> list[Path]:
    """Draw `<encoder>.svg` and `<encoder>.png` for every encoder of the leaderboard; the same run gives the same bytes.

    A pair that was already drawn from these numbers is left as it is: its SVG names the digest of what it shows.
    """
    written = []
    for encoder in dict.fromkeys(row["encoder"] for row in leaderboard["rows"]):
        own = [record for record in records if record.cell.encoder == encoder]
        svg, png = folder / f"{encoder}.svg", folder / f"{encoder}.png"
        identity = _identity(own, leaderboard, encoder)
        if not (png.exists() and svg.exists() and identity in svg.read_text(encoding="utf-8")):
            figure, raster, vector = draw_encoder(own, leaderboard, encoder), BytesIO(), BytesIO()
            with plot_style():
                figure.savefig(raster, format="png", dpi=150)
                figure.savefig(vector, format="svg", metadata={"Date": None, "Identifier": identity})
            write_atomically(png, raster.getvalue())
            write_atomically(svg, vector.getvalue())
        written += [svg, png]
    return written


def draw_encoder(records: Iterable[Record], leaderboard: Mapping[str, Any], encoder: str) -> Figure:
    """The figure of one encoder: a panel per metric, a row per generator, best rank on top.

    `leaderboard` is the content of `leaderboard.json`; the records give the single image sets (small dots) and the
    metrics' parameters. Generators that failed have no row: the caption names them and the reason.
    """
    from matplotlib.figure import Figure

    rows = [row for row in leaderboard["rows"] if row["encoder"] == encoder]
    drawn = [row for row in rows if row["status"] == "ok"]
    ranked = sorted(drawn, key=lambda row: (_is_control(row), row["rank"] or len(rows)))
    cells = [record for record in records if record.cell.encoder == encoder and record.level == "cell"]
    first = leaderboard["rank_by"]["metric"]
    had = {metric for row in rows for metric in row["metrics"]}
    columns = [column for column in leaderboard["columns"] if not had or column["metric"] in had]
    columns.sort(key=lambda column: column["metric"] != first)
    labels = [f"{_rank(row)}  {row['generator']}" for row in ranked]

    across, down = min(PANELS_ACROSS, len(columns)), -(-len(columns) // PANELS_ACROSS)
    left = 0.25 + 0.072 * max((len(label) for label in labels), default=0)
    width = max(left + PANEL * across + EDGE, 9.0)
    caption = _caption(leaderboard, rows, cells, encoder, characters=int(width / 0.062))
    bottom = LINE * len(caption) + 0.7
    body = down * ROW * max(1, len(ranked)) + (down - 1) * HEAD
    height = TOP + body + bottom
    with plot_style():
        figure = Figure(figsize=(width, height))
        grid = figure.add_gridspec(
            down,
            across,
            left=left / width,
            right=1 - EDGE / width,
            top=1 - TOP / height,
            bottom=bottom / height,
            wspace=0.12,
            hspace=HEAD / (ROW * max(1, len(ranked))),
        )
        for place, column in enumerate(columns):
            axes = figure.add_subplot(grid[divmod(place, across)])
            _panel(axes, ranked, [cell for cell in cells if cell.metric == column["metric"]], column)
            axes.set_yticks(range(len(ranked)), labels if place % across == 0 else [""] * len(ranked))

        def text(x: float, down: float, content: str, **style: Any) -> None:
            figure.text(x / width, 1 - down / height, content, va="top", **style)

        title = f"{leaderboard['benchmark']}: generators as {encoder} sees them"
        if note := _note(rows):
            title += f" ({note.split(':')[0]})"
        text(0.1, 0.12, title, fontsize=13, fontweight="bold")
        text(0.1, 0.5, "rank [interval]  generator", color=DOT, fontsize=8.5)
        text(0.1, height - LINE * len(caption) - 0.12, "\n".join(caption), fontsize=8.5, linespacing=1.35)
        corner = (1 - 0.1 / width, 1 - 0.46 / height)
        figure.legend(
            handles=_legend(ranked),
            loc="upper right",
            bbox_to_anchor=corner,
            ncols=3,
            frameon=False,
            fontsize=8.5,
            borderaxespad=0,
        )
    return figure


def _identity(records: Sequence[Record], leaderboard: Mapping[str, Any], encoder: str) -> str:
    """Digest of all that a plot shows and of what draws it."""
    shown = [{k: v for k, v in asdict(record).items() if k != "provenance"} for record in records]
    rows = [row for row in leaderboard["rows"] if row["encoder"] == encoder]
    context = {key: leaderboard.get(key) for key in ("benchmark", "rank_by", "interval", "columns")}
    return "sha256:" + digest([DRAWING, version("matplotlib"), version("pillow"), context, rows, shown])


def plot_style() -> Any:
    """A context with matplotlib's own defaults and STYLE, whatever the user's matplotlibrc says."""
    import matplotlib

    parameters: Any = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(("backend", "date"))}
    return matplotlib.rc_context(parameters | STYLE)


def _rank(row: Row) -> str:
    low, high = row["rank_low"], row["rank_high"]
    if row["rank"] is None:
        return "control" if _is_control(row) else "–"
    return f"{row['rank']}" if low is None or low == high else f"{row['rank']} [{low}–{high}]"


def _kind(row: Row) -> tuple[str, str]:
    return CONTROL if _is_control(row) else TRAINED if row["training_seeds"] else UNTRAINED


def _is_control(row: Row) -> bool:
    return bool(row.get("control"))


def _panel(axes: Axes, ranked: Sequence[Row], cells: Sequence[Record], column: Mapping[str, Any]) -> None:
    """Values with intervals of one metric, one row per generator; dots below a row are its single image sets."""
    metric = column["metric"]
    shown = [(place, row, row["metrics"][metric]) for place, row in enumerate(ranked) if metric in row["metrics"]]
    place_of = {row["generator"]: place for place, row, _ in shown}
    for place in range(1, len(ranked), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#F2F2F2", zorder=0, linewidth=0)
    if 0 < (contestants := sum(not _is_control(row) for row in ranked)) < len(ranked):
        axes.axhline(contestants - 0.5, color=DOT, linewidth=0.8, zorder=1)
    # A cell has one Record for each reading of the reference set, all of one value.
    dots = {
        cell.cell: (cell.estimate.value, place_of[cell.cell.generator] + 0.28)
        for cell in cells
        if cell.estimate is not None and cell.cell.generator in place_of
    }.values()
    axes.plot([x for x, _ in dots], [y for _, y in dots], ".", color=DOT, markersize=3.5, markeredgewidth=0, zorder=2)
    for colour, marker in KINDS:
        own = [(place, entry) for place, row, entry in shown if _kind(row) == (colour, marker)]
        bars = [(place, entry["low"], entry["high"]) for place, entry in own if entry["low"] is not None]
        places, lows, highs = zip(*bars, strict=True) if bars else ((), (), ())
        axes.hlines(places, lows, highs, color=colour, linewidth=1.8, zorder=3)
        axes.plot([e["value"] for _, e in own], [p for p, _ in own], marker, color=colour, markersize=4.5, zorder=4)
    label = _set_scale(axes, metric, [entry for _, _, entry in shown])
    axes.set_title(_title(column, cells[0].parameters if cells else {}), loc="left")
    axes.set_xlabel(label, fontsize=8, labelpad=1)
    axes.set_ylim(max(1, len(ranked)) - 0.5, -0.5)
    axes.grid(axis="x", color="#D5D5D5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", left=False)


def _title(column: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    k = f" (k = {parameters['k']})" if "k" in parameters else ""
    better = "lower" if column["lower_is_better"] else "higher"
    return f"{NAMES.get(column['label'], column['label'])}{k} – {better} is better"


def _set_scale(axes: Axes, metric: str, entries: Sequence[Mapping[str, float | None]]) -> str:
    """Choose the x axis of a panel and return its label.

    A control ten times worse than the rest would press the others together on a linear axis, so the axis is then
    logarithmic; with intervals at or near zero (KD may be negative) it is linear up to a threshold.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, SymmetricalLogLocator

    values, lows, highs = (
        np.array([entry[part] for entry in entries if entry[part] is not None], float)
        for part in ("value", "low", "high")
    )
    if facts_of(metric).share:  # of a set, so its axis is always 0 to 1
        axes.set_xlim(min([0.0, *lows]) - 0.03, max([1.0, *highs]) + 0.03)
        return "share"
    sizes = np.abs(values[values != 0])
    half_width = float(np.median((highs - lows) / 2)) if len(lows) else 0.0
    threshold = 10.0 ** np.ceil(np.log10(half_width)) if half_width > 0 else np.inf
    wide = len(sizes) > 0 and sizes.max() >= 8 * np.median(sizes)
    if wide and min([*values, *lows]) > values.min() / 10:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if sizes.max() < 300 * sizes.min() else (1,)))
        label = "value, logarithmic axis"
    elif wide and sizes.max() >= 10 * threshold:
        axes.set_xscale("symlog", linthresh=threshold, linscale=0.8)
        axes.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
        label = f"value, logarithmic axis beyond ±{threshold:g}"
    else:
        axes.margins(x=0.06)
        return "value"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    return label


def _legend(ranked: Sequence[Row]) -> list[Any]:
    from matplotlib.lines import Line2D

    present = {_kind(row) for row in ranked}
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4.5, linewidth=1.8, label=label)
        for (colour, marker), label in KINDS.items()
        if (colour, marker) in present
    ]
    dot = Line2D([], [], color=DOT, marker=".", markersize=4, linewidth=0, label="one image set (single seeds)")
    return [*handles, dot]


def _note(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(row["encoder_note"] for row in rows if row["encoder_note"]))


def _caption(
    leaderboard: Mapping[str, Any], rows: Sequence[Row], cells: Sequence[Record], encoder: str, *, characters: int
) -> list[str]:
    """What the picture is of, in lines of at most so many characters."""
    interval, rank_by = leaderboard["interval"], leaderboard["rank_by"]
    by = rank_by["metric"]
    order = f"Rows are ranked by {by} under {encoder}; [ ] is the interval of the rank."
    if any(row["metrics"] for row in rows) and not any(by in row["metrics"] for row in rows):
        order = f"Rows are not ranked: {by} is not computed under {encoder}."
    target, reference = interval["target"], interval["reference"]
    split = f" ({cells[0].cell.dataset}, split {cells[0].cell.reference_split})" if cells else ""
    lines = [
        f"Bars: {percent(interval['level'])} intervals for {TARGETS.get(target, target)},"
        f" {REFERENCES.get(reference, reference)}."
        f" n_real = {_listed(row['n_real'] for row in rows)}{split},"
        f" n_fake = {_listed(row['n_fake'] for row in rows)}.",
        f"Training seeds {_listed(seed for row in rows for seed in row['training_seeds'])};"
        f" sampling seeds {_listed(seed for row in rows for seed in row['sampling_seeds'])}."
        f" {order}",
    ]
    if note := _note(rows):
        lines.append(f"Encoder {encoder} – {note}.")
    failed = [f"{row['generator']} – {row['reason']}" for row in rows if row["status"] != "ok"]
    flagged = [f"{row['generator']} – {'; '.join(row['flags'])}" for row in rows if row["flags"]]
    for what, told in (("Failed, so not drawn", failed), ("Flagged", flagged)):
        lines += [f"{what}: {one}" for one in told[:NAMED]]
        lines += [f"{what}: {len(told) - NAMED} more, which the table names"] if len(told) > NAMED else []
    return [part for line in lines for part in textwrap.wrap(line, characters)]


def _listed(values: Iterable[int | None]) -> str:
    """The distinct values in order, or `none`."""
    return ", ".join(str(value) for value in sorted({value for value in values if value is not None})) or "none"
