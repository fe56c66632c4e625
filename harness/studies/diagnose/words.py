"""Diagnoses of a run in the words of the terminal; the report has the same sentences."""

from __future__ import annotations

from harness.base import aligned, named, p_text, percent, to_noise
from harness.studies.diagnose.evidence import Case
from harness.studies.diagnose.findings import BRIEF, Finding, numbers_of
from harness.studies.diagnose.result import Diagnosed, Diagnoses

ROWS = 34  # lines of the table, which a screen has room for
ORDERS = 3  # orders that differ before --details is needed
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


def text(found: Diagnoses, *, details: bool = False) -> str:
    """What `harness diagnose` prints: the answer, a table generator × finding, and what would change it.

    `details` adds the sentences that each finding rests on, and every test in aligned columns.
    """
    table = _table(found)
    if not details and len(table) > ROWS:
        table = [*table[:ROWS], f"  and {len(table) - ROWS} more lines: --details"]
    lines = [headline(found), *control(found), "", *table, ""]
    if not details:
        lines += [*[order.brief for order in found.orders if order.pairs][:ORDERS]]
        real = f"{found.against}, held-out real images" if found.against else THEORY
        return "\n".join([*lines, f"vs: {real}. Intervals, p and reasons: --details.", CHANGES])
    lines.append(f"What each rests on: {about(found)}")
    lines += [line for one in found.generators for line in _shown(one)]
    if found.orders:
        lines.append(f"\norders of the generators (all pairs of two orders at once, {percent(found.level)})")
        lines += [f"  - {order.sentence}" for order in found.orders]
    lines.append(f"\n{SURE}")
    if any(CHECKPOINTS in one.diagnosis.notes for one in found.generators if one.diagnosis is not None):
        lines.append(f"Comparisons with {found.against} are {CHECKPOINTS}.")
    return "\n".join([*lines, CHANGES])


def _table(found: Diagnoses) -> list[str]:
    """A line a finding, under its generator's name; a generator with nothing to read has its reason."""
    rows = []
    for one in found.generators:
        if one.diagnosis is None or one.case is None:
            rows.append((one.generator, "failed", ""))
            continue
        named_ = [f for f in one.diagnosis.findings if f.kind != "unreached" or len(one.diagnosis.findings) == 1]
        told = [(BRIEF[f.kind], numbers_of(f, one.case)) for f in named_]
        if not one.compared and found.against is not None:
            told.insert(0, ("the reference point", ""))
        elif one.case.void:
            told.append(("its distances mean nothing", ""))
        rows += [("" if n else one.generator, *cells) for n, cells in enumerate(told or [("nothing to test", "")])]
    return aligned(rows, heads=("generator", "finding", "numbers"))


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
    """A sentence where the run's control of held-out real images is none."""
    return [] if found.unlike is None else [f"Control: {found.unlike.words}."]


def _shown(one: Diagnosed) -> list[str]:
    if one.diagnosis is None or one.case is None:
        return [f"\n{one.generator}\n  failed, nothing to read ({one.reason})"]
    lines = [f"\n{one.generator}: {one.verdict}"]
    for found in one.diagnosis.findings:
        lines += [f"  - {_words(found, one.case)}", *(f"    weak: {weak}" for weak in found.weak)]
    lines += [f"  note: {note}" for note in one.diagnosis.notes if note != CHECKPOINTS]
    return [*lines, *_tests(one.case)]


def _words(found: Finding, case: Case) -> str:
    """A finding's sentence without the numbers of the tests, which the table below has."""
    evidence = {e.metric: e for e in case.metrics.values()}
    numbers = "; ".join(evidence[name].words for name in found.rests_on if name in evidence)
    return found.sentence.replace(f" ({numbers})", "") if numbers else found.sentence


def _tests(case: Case) -> list[str]:
    """Every test of a generator: value, real images' value, their difference with its interval, p (Holm)."""
    rows = []
    for e in case.metrics.values():
        value, *_ = to_noise(e.value, e.low, e.high)
        real = to_noise(e.real, e.low, e.high)[0]
        gap, low, high = to_noise(e.gap, e.low, e.high, sign=True)
        mark = {-1: "below", 0: "", 1: "above"}[e.side]
        rows.append((e.metric, value, real, gap, f"[{low}, {high}]", p_text(e.p_holm).removeprefix("= "), mark))
    heads = ("metric", "value", "real", "difference", "interval", "p (Holm)", "")
    return aligned(rows, heads=heads, right=range(1, 6), indent=4) if rows else []
