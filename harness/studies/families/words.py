"""The verdicts on families in words: for the terminal, for a run's report, and as `docs/families.md`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import aligned, counted, percent
from harness.studies.families.compute import VERDICTS, Families, Judged

if TYPE_CHECKING:
    from harness.report import Finding

SHOWN = 8  # statements that disagree, before --details is needed
TOY = (
    "Toy models on 28×28 digits, each trained for less than a minute. The verdicts hold for these models, not for the "
    "families at scale."
)


def answer(found: Families) -> str:
    """All verdicts in a sentence."""
    parts = [
        f"{found.count(verdict)} {'are ' if verdict == 'not decided' else ''}{_verb(verdict)}" for verdict in VERDICTS
    ]
    return (
        f"Of {counted(len(found.judged), 'statement')}, {', '.join(parts)} (benchmark {found.benchmark}, encoder "
        f"{found.encoder})."
    )


def _verb(verdict: str) -> str:
    return {"agrees": "agree", "disagrees": "disagree", "not decided": "not decided"}[verdict]


def lines(found: Families, *, details: bool = False) -> list[str]:
    """What `harness reproduce families` prints: verdicts by axis and what disagrees; `details` has every statement."""
    told = [f"{found.title}: {answer(found)}", TOY]
    if not details:
        rows = [(axis, *(str(found.count(verdict, axis)) for verdict in VERDICTS)) for axis in axes(found)]
        told += ["", *aligned(rows, heads=("axis", *VERDICTS), right=(1, 2, 3)), ""]
        against = [one for one in (*found.judged, *found.controls) if one.verdict == "disagrees"]
        told += [f"disagrees: {one.says}: {one.evidence}" for one in against[:SHOWN]]
        told += [f"{len(against) - SHOWN} more disagree: --details"] if len(against) > SHOWN else []
        return [*told, "Every statement with its evidence: --details."]
    for axis in axes(found):
        own = [one for one in found.judged if one.axis == axis]
        counts = ", ".join(f"{found.count(verdict, axis)} {_verb(verdict)}" for verdict in VERDICTS)
        told.append(f"\n{axis}: {counts}")
        told += [f"  {one.verdict:<12} {one.says}: {one.evidence}" for one in own]
    if found.controls:
        told.append("\ncontrols, with known answers")
        told += [f"  {one.verdict:<12} {one.says}: {one.evidence}" for one in found.controls]
    if found.missing:
        told.append(f"\nnot in this run: {', '.join(found.missing)}")
    return told


def axes(found: Families) -> list[str]:
    """The axes that have statements, in their order."""
    return list(dict.fromkeys(one.axis for one in found.judged))


def finding(found: Families) -> Finding:
    """The verdicts as a section of the report."""
    from harness.report import Finding, Table

    counts: tuple[tuple[str | int, ...], ...] = tuple(
        (axis, *(found.count(verdict, axis) for verdict in VERDICTS)) for axis in axes(found)
    )
    rows = tuple((one.axis, one.says, one.verdict, one.evidence) for one in (*found.judged, *found.controls))
    tables = (
        Table(f"Statements by axis, tested at {percent(found.level)}", ("axis", *VERDICTS), counts),
        Table("Every statement with its evidence", ("axis", "statement", "verdict", "evidence"), rows),
    )
    return Finding(found.title, (answer(found), TOY, f"Source of the statements: {found.source}."), tables)


def statements_table(judged: Sequence[Judged]) -> list[str]:
    """Statements as a Markdown table."""
    head = ["| statement | verdict | evidence |", "| --- | --- | --- |"]
    return head + [f"| {one.says} | {one.verdict} | {one.evidence} |" for one in judged]


def summary(found: Families) -> list[str]:
    """Verdicts counted by axis, as a Markdown table."""
    head = [f"| axis | {' | '.join(VERDICTS)} |", "| --- |" + " ---: |" * len(VERDICTS)]
    rows = [f"| {axis} | {' | '.join(str(found.count(v, axis)) for v in VERDICTS)} |" for axis in axes(found)]
    return head + rows


def name_in(out: Path) -> str:
    """The name of the finding in OUT."""
    from harness.report import free_name

    return free_name(out, "claims-families", "families")
