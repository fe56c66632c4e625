"""Verdicts on claims as a section of a run's report, and what the section is called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import counted, p_text
from harness.studies.reproduce.words import (
    answer,
    apart_words,
    change_words,
    conditions_words,
    family_words,
    members_words,
    verdict_words,
    within_words,
)

if TYPE_CHECKING:
    from harness.report import Finding
    from harness.studies.reproduce.result import Verdicts


def finding(found: Verdicts) -> Finding:
    """The verdicts as a section of the report: sentences, each claim with its reason, tests, and which rows compare."""
    from harness.report import Finding, Table

    alone = found.alone
    sentences = [answer(found.judged, alone)]
    sentences += [
        f"{one.claim.id} ({one.claim.spelled}): {verdict_words(one, alone)}: {one.reason}."
        for one in found.judged
        if one.verdict == "inconsistent"
    ]
    if words := family_words(found.family, found.level):
        sentences.append(f"How sure: {words[0].lower()}{words[1:]}")
    if words := change_words(found.judged):
        sentences.append(words)
    several = [group for group in found.together if len(group.claims) > 1]
    together = sum(group.within.verdict == "comparable" for group in several)
    sentences.append(
        f"Rows under the same said conditions: {counted(len(several), 'group')}; in {together} they may be compared."
    )
    sentences += [note for note in (found.file.note, *found.notes) if note]
    deciding = found.deciding
    columns = ("claim", "printed", "verdict", "reason", "what would decide it", "metric", "model", "inferred", "source")
    rows = tuple(
        (
            one.claim.id,
            one.claim.spelled,
            verdict_words(one, alone),
            one.reason,
            deciding.get(one.claim.id),
            one.claim.metric,
            one.claim.model,
            ", ".join(one.claim.inferred) or None,
            one.claim.source,
        )
        for one in found.judged
    )
    tested = tuple(
        (
            claim.id,
            test.against,
            test.verdict,
            *(float(f"{x:.3g}") for x in (test.gap, test.allowed)),
            *(p_text(x).removeprefix("= ") for x in (test.p, p)),
            "; ".join(test.evidence[1:]) or None,
        )
        for claim, test, p in found.family
    )
    stand = tuple(
        (
            f"[{g.number}]",
            conditions_words(g),
            members_words(g),
            within_words(g) if len(g.claims) > 1 else None,
            "; ".join(apart_words(g)) or None,
        )
        for g in found.together
    )
    tables = [Table(f"Verdicts at level {found.level:g}", columns, rows)]
    if tested:
        heads = ("claim", "against", "verdict", "gap", "explained by noise and rounding", "p", "p (Holm)", "besides")
        tables.append(Table("The tests behind them; the gap is the claim less the other", heads, tested))
    named = ("group", "conditions", "claims", "with each other", "with other groups")
    tables.append(Table("Which of these numbers may be compared with each other", named, stand))
    return Finding(f"Claims: {found.file.title}", tuple(sentences), tuple(tables), source=_source(found.path))


def name_in(out: Path, path: Path) -> str:
    """The name of the finding for a claims file in OUT, `claims-clean-fid`; another file's finding keeps its own."""
    from harness.report import free_name

    name = "claims-" + (re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-") or "file")
    return free_name(out, name, _source(path))


def _source(path: Path) -> str:
    """What tells a claims file from another of its name: a digest of where it lies, of a shipped one of its name."""
    from harness.base import digest
    from harness.studies.reproduce.claims import shipped

    return digest(["shipped", path.stem] if shipped(path) else ["file", os.path.realpath(path)])
