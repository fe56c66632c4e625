"""Diagnoses of a run in the words of the terminal; the report has the same sentences."""

from __future__ import annotations

from harness.base import named, percent
from harness.studies.diagnose.result import Diagnosed, Diagnoses

THEORY = (
    "what theory says of a perfect generator (the run has no usable `holdout`), which is an average over references: "
    "intervals count this one as random"
)
SURE = (
    "How sure: what is called wrong is so beyond noise after all tests of that generator are counted; what is not "
    "named is not shown, which is less than shown to be right."
)
CHANGES = "What would change it: more images show smaller faults; another encoder sees others (`--encoder`)."
CHECKPOINTS = "about these checkpoints, not about the methods that trained them"  # `difference` says so; once is enough


def text(found: Diagnoses) -> str:
    """What `harness diagnose` prints: the answer, a verdict a generator, then the sentences that each rests on."""
    lines = [line for one in found.generators for line in _shown(one)]
    if found.orders:
        lines.append(f"\norders of the generators (all pairs of two orders at once, {percent(found.level)})")
        lines += [f"  - {order.sentence}" for order in found.orders]
    lines.append(f"\n{SURE}")
    if any(CHECKPOINTS in one.diagnosis.notes for one in found.generators if one.diagnosis is not None):
        lines.append(f"Comparisons with {found.against} are {CHECKPOINTS}.")
    lines.append(CHANGES)
    verdicts = [f"  {one.generator}: {one.verdict}" for one in found.generators]
    return "\n".join([headline(found), *control(found), *verdicts, f"\nWhat each rests on: {about(found)}", *lines])


def about(found: Diagnoses) -> str:
    """What was read, against what."""
    note = f" ({found.encoder_note})" if found.encoder_note else ""
    return (
        f"{found.benchmark} under {found.encoder}{note}, against {found.against or THEORY}; "
        f"{percent(found.level)} intervals; p: Holm over all tests of one generator"
    )


def headline(found: Diagnoses) -> str:
    """The diagnoses in one sentence: with how many generators something is wrong, and with which nothing is."""
    read = [one for one in found.generators if one.compared]
    clear = [one.generator for one in read if one.sound]
    wrong = len(read) - len(clear)
    said = f"Something is wrong beyond noise with {wrong} of {len(read)} generators"
    return said + (f"; nothing is found against {named(clear)}." if clear else ".")


def control(found: Diagnoses) -> list[str]:
    """A sentence where the run's control of unseen real images is none."""
    return [] if found.unlike is None else [f"Control: {found.unlike.words}."]


def _shown(one: Diagnosed) -> list[str]:
    if one.diagnosis is None:
        return [f"\n{one.generator}\n  failed, nothing to read ({one.reason})"]
    if not (one.diagnosis.findings or one.diagnosis.notes):
        return []  # its verdict says it all
    lines = [f"\n{one.generator}"]
    for finding in one.diagnosis.findings:
        lines += [f"  - {finding.sentence}", *(f"    weak: {weak}" for weak in finding.weak)]
    return [*lines, *(f"  note: {note}" for note in one.diagnosis.notes if note != CHECKPOINTS)]
