"""A card as a picture: the metric's values at each level of each fault."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from harness.studies.exam.result import Card

ACROSS = 5  # small figures a row


def drawn(card: Card) -> str:
    """The SVG of a card: one small figure a law, every repeat a dot, failed ones framed and titled "fails"."""
    import matplotlib
    from matplotlib.figure import Figure

    checks = [check for check in card.checks if check.values]
    down = -(-len(checks) // ACROSS)
    # Fixed salt and no date: the same card is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "exam", "font.size": 7, "svg.fonttype": "none"}):
        figure = Figure(figsize=(2.0 * ACROSS, 1.6 * down), layout="constrained")
        axes: Any = figure.subplots(down, ACROSS, squeeze=False)
        for place, axis in enumerate(axes.flat):
            if place >= len(checks):
                axis.set_axis_off()
                continue
            check = checks[place]
            colour = "#1f5fa8" if check.passed else "#b3261e"
            for level, values in zip(check.levels, check.values, strict=True):
                axis.plot([level] * len(values), values, ".", color=colour, markersize=2.5, alpha=0.6)
            axis.plot(check.levels, [np.mean(values) for values in check.values], "-", color=colour, linewidth=1)
            axis.set_title(f"{check.law}{'' if check.passed else ': fails'}", color=colour, fontsize=7)
            for side in axis.spines.values():
                side.set_color(colour if not check.passed else "#999999")
            axis.tick_params(labelsize=6, length=2)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
