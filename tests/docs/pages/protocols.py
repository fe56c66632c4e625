"""Every published pipeline, from the files that `{protocol: NAME}` reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.benchmark import protocols
from harness.benchmark.protocols.catalogue import METRIC_PARTS
from tests.docs.pages.markdown import cell, table

HEAD = ("protocol", "version", "pipeline", "network", "metrics", "here")
INTRODUCTION = """\
# Protocols

A protocol is one published pipeline, fact by fact. `{protocol: NAME}` beside an encoder takes its network and
preprocessing, beside a metric its k, ball, subsets and splits. `harness show NAME` prints one, `harness diff P Q` what
tells two apart.
"""


def page() -> str:
    """docs/reference/protocols.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield from table(HEAD, [_row(name) for name in protocols.names()])
    for name in protocols.names():
        one = protocols.load(name)
        yield f"\n## {name}\n\n{one.title}, version {one.version}.\n"
        for note in one.notes:
            yield f"- {' '.join(note.split())}"
        yield ""
        yield from table(("fact", "value"), [(f"`{fact}`", cell(_value(value))) for fact, value in one.facts().items()])
        yield "\nSources: " + "; ".join(cell(source) for source in one.sources) + "."


def _row(name: str) -> tuple[str, ...]:
    one = protocols.load(name)
    parts = ", ".join(part.replace("_", " ") for part in METRIC_PARTS if getattr(one, part))
    runs = "use" in one.encoder and one.recipe is not None
    here = f"encoder `{one.encoder['use']}`" if runs else "several encoders" if one.constants else "metrics only"
    network = cell(str(one.encoder.get("network", "")))
    return f"[{name}](#{name.replace('.', '')})", str(one.version), cell(one.title), network, parts, here


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
