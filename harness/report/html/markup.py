"""HTML and SVG by nested calls: all text is escaped where it enters, so that no name in a run can become markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


Child = str | None
VOID = ("img", "meta", "br")  # elements without content


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element; children that are not Markup are escaped.

    `class_` stands for `class`, other underscores for hyphens. None leaves an attribute out, True writes its bare name.
    Floats, which are pixels, keep two decimals; a number that is to be read exactly is given as text.
    """
    written = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {key}")
        elif value is not None and value is not False:
            text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
            written.append(f' {key}="{escape("0" if text == "-0" else text, quote=True)}"')
    start = f"<{name}{''.join(written)}>"
    return Markup(start if name in VOID else f"{start}{join(children)}</{name}>")


def join(parts: Iterable[Child], between: str = "") -> Markup:
    """Parts one after another; those that are not Markup are escaped, None is nothing."""
    found = [part if isinstance(part, Markup) else escape(part, quote=True) for part in parts if part is not None]
    return Markup(between.join(found))


def prose(text: str) -> list[Child]:
    """A sentence in parts, what stands between two backticks as `code`; a lone backtick stays one."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [text]
    return [tag("code", part) if place % 2 else part for place, part in enumerate(parts)]
