"""What verifying found, in words: the answer, a row for each check, then what differs and what was not recomputed."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import aligned, counted
from harness.studies.verify.result import FROM_FILES, Drift, Verified

SHOWN = 5  # lines of one kind before --details is needed


def text(found: Verified, *, details: bool = False) -> str:
    """What `harness verify` prints; `details` lists every problem."""
    lines = [answer(found)]
    if table := _table(found):
        lines += ["", *table]
    if found.unvouched:
        lines.append("  no receipt: cannot tell whether the files changed since the run")
    problems = [
        *_some([f"DAMAGED  {problem}" for problem in found.damaged], details),
        *_some([f"CHANGED  {problem}" for problem in found.changed], details),
        *_some(_drifted("files", found.files), details),
        *_some(_drifted("lock", found.again), details),
        *_some([f"LEFT     {what}: not recomputed: {why}" for what, why in found.left.items()], details),
    ]
    if problems:
        lines += ["", *problems]
    if found.versions:
        lines += ["", f"Versions differ from the run's: {'; '.join(found.versions)}."]
    done, of = found.of
    if not found.drifted and 0 < done < of:
        lines += ["", f"Recomputed {done} of {counted(of, 'cell')}; --all recomputes every cell."]
    return "\n".join(lines)


def answer(found: Verified) -> str:
    """The judgement in a sentence."""
    if found.exit_code == 2:
        return f"Not verified: nothing of {found.out} could be recomputed."
    if found.exit_code == 0:
        what = " and the recomputed records agree" if found.again else ""
        return f"Verified: the files of {found.out} agree{what}."
    wrong = []
    if found.damaged:
        wrong.append("files were changed or are damaged")
    if found.changed:
        wrong.append("pinned inputs differ here")
    if found.drifted:
        wrong.append(f"{counted(len(found.drifted), 'record')} differ beyond the tolerance")
    return f"NOT verified: {found.out}: {'; '.join(wrong)}."


def _table(found: Verified) -> list[str]:
    """A row for each check: how many records are equal, within the tolerance and beyond it."""
    rows = []
    if found.files:
        rows.append(("intervals from stored analyses", *_tally(found.files, FROM_FILES)))
    if found.again:
        done, of = found.of
        rows.append((f"recomputed, {done} of {counted(of, 'cell')}", *_tally(found.again, found.tolerance)))
    if not rows:
        return []
    heads = ("check", "records", "identical", "within", "beyond")
    lines = aligned(rows, heads=heads, right=(1, 2, 4))
    moved = [one for one in found.again if not one.equal and not one.drifted]
    if moved:
        lines.append(f"  largest difference within tolerance: {_one(max(moved, key=lambda one: one.in_se))}")
    return lines


def _tally(found: Sequence[Drift], tolerance: float) -> tuple[str, str, str, str]:
    equal, beyond = sum(one.equal for one in found), sum(one.drifted for one in found)
    within = len(found) - equal - beyond
    return f"{len(found):,}", f"{equal:,}", f"{within:,} ({tolerance:g} SE)", f"{beyond:,}"


def _drifted(what: str, found: Sequence[Drift]) -> list[str]:
    worst = sorted((one for one in found if one.drifted), key=lambda one: -one.in_se)
    return [f"DRIFTED  ({what}) {_one(one)}" for one in worst]


def _some(lines: Sequence[str], details: bool) -> list[str]:
    shown = list(lines if details else lines[:SHOWN])
    return shown + ([f"         {len(lines) - len(shown)} more: --details"] if len(shown) < len(lines) else [])


def _one(one: Drift) -> str:
    unit = f"{one.in_se:.2g} SE" if one.se else "no SE known"
    begins = f"; first difference: {one.begins}" if one.begins else ""
    numerics = f"; batch size alone changed it by {one.numerics:.2g} SE" if one.numerics is not None else ""
    values = f"{one.stored:.8g}, recomputed {one.again:.8g}, difference {one.by:.2g} ({unit})"
    return f"{one.record}: {values}{begins}{numerics}"
