"""What the report's figures share: marks, axes, and the element around a figure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.figures.scale import Axis
from harness.report.html.markup import Child, Markup, join, tag

# Colours are classes c0 to c6 of the style sheet, which has them for light and dark paper. Seven
# colours and six shapes share no factor, so 42 generators each get a pair of their own.
COLOURS, SHAPES = 7, ("circle", "square", "triangle", "diamond", "cross", "plus")
TRAINED, UNTRAINED, CONTROL = 0, 1, 3  # shape of the kinds of generator
KINDS = {TRAINED: "c0", UNTRAINED: "c1", CONTROL: "control"}  # and colour
MINUS = "\u2212"


def mark(shape: int, x: float, y: float, *, colour: str, size: float = 5.0) -> Markup:
    """One marker, centred at (x, y)."""
    name, s = SHAPES[shape % len(SHAPES)], size
    if name == "circle":
        return tag("circle", class_=colour, cx=x, cy=y, r=s * 0.95)
    if name == "square":
        return tag("rect", class_=colour, x=x - 0.85 * s, y=y - 0.85 * s, width=1.7 * s, height=1.7 * s)
    path = {
        "triangle": f"M{x:.2f} {y - 1.15 * s:.2f}l{1.1 * s:.2f} {1.95 * s:.2f}h{-2.2 * s:.2f}z",
        "diamond": f"M{x:.2f} {y - 1.25 * s:.2f}l{1.25 * s:.2f} {1.25 * s:.2f}l{-1.25 * s:.2f} {1.25 * s:.2f}"
        f"l{-1.25 * s:.2f} {-1.25 * s:.2f}z",
        "cross": f"M{x - s:.2f} {y - s:.2f}l{2 * s:.2f} {2 * s:.2f}m0 {-2 * s:.2f}l{-2 * s:.2f} {2 * s:.2f}",
        "plus": f"M{x - 1.2 * s:.2f} {y:.2f}h{2.4 * s:.2f}m{-1.2 * s:.2f} {-1.2 * s:.2f}v{2.4 * s:.2f}",
    }[name]
    return tag("path", class_=f"{colour}{' open' if name in ('cross', 'plus') else ''}", d=path)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line of a class of the style sheet."""
    return tag("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2)


def label(x: float, y: float, *words: Child, anchor: str | None = None, kind: str | None = None) -> Markup:
    """Text whose baseline begins at (x, y), or ends or is centred there."""
    return tag("text", *words, x=x, y=y, text_anchor=anchor, class_=kind)


def number(value: float) -> str:
    """A tick's value, with a real minus sign."""
    return f"{value:g}".replace("-", MINUS)


def axis_below(axis: Axis, top: float, bottom: float, title: str, *, most: int = 6) -> Markup:
    """Grid lines, tick labels and the title of a horizontal axis."""
    parts = [line(axis(tick), top, axis(tick), bottom, "grid") for tick in axis.ticks(most)]
    parts += [label(axis(tick), bottom + 14, number(tick), anchor="middle", kind="tick") for tick in axis.ticks(most)]
    note = {
        "linear": "",
        "log": ", logarithmic axis",
        "asinh": f", logarithmic beyond ±{float(f'{axis.threshold:.1g}'):g}",
    }
    parts.append(label((axis.start + axis.end) / 2, bottom + 30, title + note[axis.kind], anchor="middle", kind="tick"))
    return join(parts)


def axis_left(axis: Axis, left: float, right: float, title: str) -> Markup:
    """Grid lines, tick labels and the title of a vertical axis; its pixels run from the bottom up."""
    parts = [line(left, axis(tick), right, axis(tick), "grid") for tick in axis.ticks()]
    parts += [label(left - 6, axis(tick) + 4, number(tick), anchor="end", kind="tick") for tick in axis.ticks()]
    middle = (axis.start + axis.end) / 2
    turn = f"rotate(-90 {left - 40:.2f} {middle:.2f})"
    parts.append(tag("text", title, x=left - 40, y=middle, transform=turn, text_anchor="middle", class_="tick"))
    return join(parts)


def picture(name: str, width: float, height: float, title: str, description: str, parts: Sequence[Child]) -> Markup:
    """An SVG that is drawn from text alone; `description` is what a listener is told instead."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def figure(drawing: Markup, *caption: Child) -> Markup:
    """A figure that can be scrolled sideways on a narrow screen, by keyboard too."""
    frame = tag("div", drawing, class_="scroll", tabindex="0", role="group", aria_label="figure, scrolls sideways")
    return tag("figure", frame, tag("figcaption", *caption))


def legend(entries: Sequence[tuple[int, str, str]], x: float, y: float, *, step: float) -> Markup:
    """Marks (shape, colour class, words) side by side."""
    parts: list[Child] = []
    for place, (shape, colour, words) in enumerate(entries):
        parts += [mark(shape, x + place * step, y - 4, colour=colour), label(x + place * step + 10, y, words)]
    return join(parts)


def shorten(name: str, most: int = 24) -> str:
    """A name that fits its place, without its middle: names of one family differ at the end. Tables have it all."""
    if len(name) <= most:
        return name
    end = (most - 1) // 3
    return f"{name[: most - 1 - end]}…{name[len(name) - end :]}"
