"""docs/fuzzing.md: what was tried, written from the counts of all campaigns and the list of what they found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
COUNTS = HERE / "counts.jsonl"
MENDED = HERE / "mended.yaml"
PAGE = HERE.parents[1] / "docs/fuzzing.md"
MARK = "<!-- counts -->"


def counts() -> list[dict[str, Any]]:
    """The lines of all campaigns."""
    return [json.loads(line) for line in COUNTS.read_text(encoding="utf-8").splitlines()] if COUNTS.exists() else []


def mended() -> list[dict[str, Any]]:
    """What was found and mended: target, what it was, the file of the input in mended/, if there is one."""
    return list(YAML(typ="safe").load(MENDED.read_text(encoding="utf-8")) or ())


def table(lines: Iterable[dict[str, Any]], faults: Iterable[dict[str, Any]]) -> str:
    """Targets with inputs and hours, then the findings, as Markdown."""
    sums: dict[str, list[float]] = {}
    engines: dict[str, set[str]] = {}
    for line in lines:
        own = sums.setdefault(line["target"], [0, 0])
        own[0] += line["inputs"]
        own[1] += line["seconds"]
        engines.setdefault(line["target"], set()).add(line["engine"])
    listed = list(faults)
    found = [sum(one["target"] == name for one in listed) for name in sums]
    rows = ["| reader | by | inputs | CPU minutes | found and mended |", "| --- | --- | ---: | ---: | ---: |"]
    for (name, (inputs, seconds)), count in zip(sums.items(), found, strict=True):
        rows.append(f"| {name} | {', '.join(sorted(engines[name]))} | {inputs:,.0f} | {seconds / 60:.1f} | {count} |")
    inputs, seconds = (sum(own[i] for own in sums.values()) for i in (0, 1))
    rows.append(f"| **all** | | **{inputs:,.0f}** | **{seconds / 60:.0f}** | **{len(listed)}** |")
    rows += ["", "| reader | what it was | now |", "| --- | --- | --- |"]
    rows += [f"| {one['target']} | {one['was']} | {one['now']} |" for one in listed]
    return "\n".join(rows)


def write_page(page: Path) -> None:
    """Put the tables between the page's two marks."""
    head, _, rest = page.read_text(encoding="utf-8").partition(MARK)
    _, _, tail = rest.partition(MARK)
    page.write_text(f"{head}{MARK}\n\n{table(counts(), mended())}\n\n{MARK}{tail}", encoding="utf-8")
