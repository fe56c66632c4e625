"""What verifying found, in words: the answer first, then what differs, then what could not be tried."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import counted
from harness.studies.verify.result import FROM_FILES, Drift, Verified

SHOWN = 20  # records of one kind


def text(found: Verified) -> str:
    """What `harness verify` prints."""
    lines = [answer(found)]
    lines += [f"DAMAGED  {problem}" for problem in found.damaged]
    lines += [f"CHANGED  {problem}" for problem in found.changed]
    lines += _listed("files", [one for one in found.files if one.drifted])
    lines += _listed("lock", [one for one in found.again if one.drifted])
    if found.files:
        lines.append(
            f"files    {counted(len(found.files), 'record')} against the analyses beside them: "
            f"{_tally(found.files, FROM_FILES)}"
        )
    if found.unvouched:
        lines.append("files    no receipt says what they were when the run wrote them")
    if found.again:
        done, of = found.of
        lines.append(
            f"lock     {counted(len(found.again), 'record')} of {done} of {counted(of, 'cell')} computed again: "
            f"{_tally(found.again, found.tolerance)}"
        )
        if moved := [one for one in found.again if not one.equal and not one.drifted]:
            lines.append(f"         largest difference within tolerance: {_one(max(moved, key=lambda d: d.in_se))}")
    lines += [f"LEFT     {what}: not computed again: {why}" for what, why in found.left.items()]
    if found.versions:
        lines.append(f"versions here are others than in the run: {'; '.join(found.versions)}")
    return "\n".join(lines)


def answer(found: Verified) -> str:
    """The judgement in a sentence."""
    if found.exit_code == 2:
        return f"verify: nothing of {found.out} could be computed again"
    if found.exit_code == 0:
        what = "its files agree" + (" and what was computed again agrees" if found.again else "")
        return f"verify: {found.out}: {what}"
    told = []
    if found.damaged:
        told.append("files were changed or are damaged")
    if found.changed:
        told.append("what it was computed from is not here as it was")
    if found.drifted:
        told.append(f"{counted(len(found.drifted), 'record')} differ beyond tolerance")
    return f"verify: {found.out}: {'; '.join(told)}"


def _tally(found: Sequence[Drift], tolerance: float) -> str:
    equal, beyond = sum(one.equal for one in found), sum(one.drifted for one in found)
    within = len(found) - equal - beyond
    return f"{equal} equal to the bit, {within} within {tolerance:g} standard errors, {beyond} beyond"


def _listed(what: str, found: Sequence[Drift]) -> list[str]:
    worst = sorted(found, key=lambda one: -one.in_se)
    lines = [f"DRIFTED  ({what}) {_one(one)}" for one in worst[:SHOWN]]
    return lines + ([f"DRIFTED  ({what}) and {len(worst) - SHOWN} more"] if len(worst) > SHOWN else [])


def _one(one: Drift) -> str:
    unit = f"{one.in_se:.2g} standard errors" if one.se else "it has no standard error"
    begins = f"; from other {one.begins} on" if one.begins else ""
    numerics = f"; batch size alone moved it by {one.numerics:.2g} standard errors" if one.numerics is not None else ""
    return f"{one.record}: {one.stored:.8g}, again {one.again:.8g}, apart by {one.by:.2g} ({unit}){begins}{numerics}"
