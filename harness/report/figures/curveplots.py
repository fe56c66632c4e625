"""The curves of a sweep as pictures in files, for papers and MLflow: one row of panels a swept entry."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import percent, write_atomically
from harness.pipeline import Leaderboard
from harness.report.curves import Panel, panels, size_panel
from harness.report.figures.curves import FAR
from harness.report.figures.forest import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#007F5C", "#B0568A", "#B87900", "#2D8FC4", "#333333")  # as in the report
MARKERS = "os^Dxv"


def write_curves(folder: Path, board: Leaderboard) -> list[Path]:
    """Draw `curves-<entry>.svg` and `.png` for each swept entry, `curves-sizes` for sizes; none without a sweep."""
    encoder = str(board.rank_by["encoder"])
    rows: dict[str, list[Panel]] = {}
    for panel in panels(board, encoder):
        rows.setdefault(panel.entry, []).append(panel)
    if (sizes := size_panel(board)) is not None:
        rows["sizes"] = [sizes]
    written = []
    for entry, own in rows.items():
        figure = _drawn(own, f"{board.benchmark}: {entry} under {encoder}", percent(board.interval["level"]))
        raster, vector = BytesIO(), BytesIO()
        with plot_style():
            figure.savefig(raster, format="png", dpi=110)
            figure.savefig(vector, format="svg", metadata={"Date": None})
        for form, held in (("svg", vector), ("png", raster)):
            written.append(folder / f"curves-{entry}.{form}")
            write_atomically(written[-1], held.getvalue())
    return written


def _drawn(own: Sequence[Panel], title: str, level: str) -> Figure:
    from matplotlib.figure import Figure

    named = {panel.metric: panel for panel in own}
    both = "precision" in named and "recall" in named
    across = len(own) + both
    with plot_style():
        figure = Figure(figsize=(max(3.6 * across + 0.4, 6.4), 3.4), layout="constrained")
        axes = figure.subplots(1, across, squeeze=False)[0]
        for place, panel in enumerate(own):
            _curves(axes[place], panel)
        if both:
            _trade_off(axes[-1], named["precision"], named["recall"])
        axes[0].legend(frameon=False, fontsize=7.5)
        figure.suptitle(f"{title}; bands are {level} intervals", fontsize=9, x=0.01, ha="left")
    return figure


def _curves(axes: Axes, panel: Panel) -> None:
    for code, curve in enumerate(panel.curves):
        x, look = [p.x for p in curve.points], _look(code)
        axes.fill_between(
            x, [p.low for p in curve.points], [p.high for p in curve.points], color=look[0], alpha=0.15, lw=0
        )
        axes.plot(x, [p.value for p in curve.points], color=look[0], marker=look[1], ms=4, lw=1.3, label=curve.name)
    values = [p.x for curve in panel.curves for p in curve.points]
    if min(values) > 0 and max(values) / min(values) > FAR:
        axes.set_xscale("log")
        ticks = sorted(set(values))
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks], minor=False)
        axes.minorticks_off()
    axes.set_xlabel(panel.axis)
    axes.set_title(panel.label)


def _trade_off(axes: Axes, precision: Panel, recall: Panel) -> None:
    of = {p.generator: p.value for curve in recall.curves for p in curve.points}
    for code, curve in enumerate(precision.curves):
        own, look = [p for p in curve.points if p.generator in of], _look(code)
        axes.plot([of[p.generator] for p in own], [p.value for p in own], color=look[0], marker=look[1], ms=4, lw=1.3)
        for p in own:
            axes.annotate(
                f"{p.x:g}", (of[p.generator], p.value), fontsize=6.5, xytext=(3, 3), textcoords="offset points"
            )
    axes.set_xlabel(recall.label)
    axes.set_ylabel(precision.label)
    axes.set_title(f"trade-off along {precision.axis}")


def _look(code: int) -> tuple[str, str]:
    return COLOURS[code % len(COLOURS)], MARKERS[code % len(MARKERS)]
