"""How to read an interval and a rank: three made-up generators, drawn as every figure of the page draws them."""

from __future__ import annotations

from harness.base import percent
from harness.report.figures.marks import KINDS, TRAINED, label, line, mark, picture
from harness.report.html.markup import Child, Markup
from harness.report.run_files import RunFiles

# (name, low, value, high in pixels, rank, what to see in it)
ROWS = (
    ("A", 150.0, 200.0, 250.0, "1 (1-2)", "A and B are not resolved: each may be first, so both sets are 1-2."),
    ("B", 180.0, 225.0, 270.0, "2 (1-2)", "Overlap alone decides nothing: the shared real set cancels in A minus B."),
    ("C", 330.0, 385.0, 440.0, "3", "C is worse than both beyond noise, so no other rank is left for it."),
)


def how_to_read(run: RunFiles) -> Markup:
    """A small forest plot with its parts named, at the run's level."""
    level, by = percent(run.board.interval["level"]), run.by.label
    width, top, step = 1060.0, 46.0, 40.0
    colour = KINDS[TRAINED]
    parts: list[Child] = [
        label(4, 20, "rank (set)", kind="head"),
        label(96, 20, "model", kind="head"),
        label(150, 20, f"{by} over all seeds, and its {level} interval", kind="head"),
    ]
    for place, (name, low, value, high, rank, words) in enumerate(ROWS):
        y = top + step * (place + 0.5)
        parts += [label(4, y + 4, rank), label(96, y + 4, name), line(low, y, high, y, f"bar {colour}")]
        parts += [mark(TRAINED, value, y, colour=colour), label(470, y + 4, words)]
    bottom = top + step * len(ROWS)
    said = (
        f"The mark is the estimate. Repeat the whole experiment many times: {level} of such bars cover the true value.",
        f"Rank sets cover all true ranks of a table at once in {level} of repetitions.",
    )
    parts += [label(4, bottom + 18 + 20 * place, sentence, kind="quiet") for place, sentence in enumerate(said)]
    description = " ".join([*(row[-1] for row in ROWS), *said])
    return picture("reading", width, bottom + 48, "How to read an interval and a rank", description, parts)
