"""Judges a file of claims: against our runs, else against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.base import UsageError, unknown
from harness.studies.reproduce.claims import load, path_of
from harness.studies.reproduce.judging import judge
from harness.studies.reproduce.result import Verdicts, family
from harness.studies.reproduce.rows import groups
from harness.studies.reproduce.runs import runs_for, unused


def verdicts(claims: str, outs: Sequence[Path] = (), *, wanted: Sequence[str] = (), level: float = 0.95) -> Verdicts:
    """The verdicts on the claims of a file, given by its path or as one of `names()`; with `wanted` on these ids only.

    `outs` are finished runs that claims without a folder of their own are held against. Raises UsageError for what is
    wrong with the file, an id that it does not have, and a run that cannot be read.
    """
    path = path_of(claims)
    found = load(path)
    ids = [claim.id for claim in found.claims]
    if wrong := [unknown("claim", name, ids, place=claims) for name in wanted if name not in ids]:
        raise UsageError(wrong)
    chosen = [claim for claim in found.claims if not wanted or claim.id in wanted]
    notes = unused(chosen, found.folder, outs)
    judged = tuple(judge(claim, found.claims, runs_for(claim, found.folder, outs), level=level) for claim in chosen)
    return Verdicts(path, found, judged, groups(found.claims), family(judged), level, tuple(notes))
