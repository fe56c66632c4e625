"""A card as a picture: the metric's values at each level of each fault."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from harness.studies.exam.result import Card

ACROSS = 5  # small figures a row
COLOURS = 32  # of a picture: two inks, greys, and what lies between


def drawn(card: Card) -> bytes:
    """The PNG of a card, small enough to be committed.

    One small figure a law, every repeat a dot, failed ones framed and titled "fails".
    """
    import matplotlib
    from matplotlib.figure import Figure
    from PIL import Image

    checks = [check for check in card.checks if check.values]
    down = -(-len(checks) // ACROSS)
    with matplotlib.rc_context({"font.size": 7}):
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
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110)
    small = io.BytesIO()
    Image.open(file).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()
