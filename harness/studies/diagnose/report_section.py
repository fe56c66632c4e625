"""The diagnoses as a section of the report: a verdict a generator, the sentences, and the numbers they rest on."""

from __future__ import annotations

import math

from harness.base import p_text
from harness.report import Finding, Table, finding_name
from harness.studies.diagnose.result import Diagnoses
from harness.studies.diagnose.words import CHANGES, SURE, about, control, headline

READ = {-1: "below", 0: "within noise", 1: "above"}


def section_name(found: Diagnoses) -> str:
    """The finding's name: one an encoder."""
    return finding_name("diagnosis", found.encoder)


def section(found: Diagnoses) -> Finding:
    """Verdicts first, then what each rests on."""
    sentences: list[tuple[str, str]] = []
    numbers: list[tuple[str | float | None, ...]] = []
    for one in found.generators:
        if one.diagnosis is None or one.case is None:
            continue
        for part in one.diagnosis.findings:
            sentences.append((one.generator, part.sentence))
            sentences += [(one.generator, f"weak: {weak}") for weak in part.weak]
        for e in one.case.metrics.values():
            ends = (_rounded(value) for value in (e.value, e.real, e.gap, e.low, e.high))
            numbers.append((one.generator, e.metric, *ends, p_text(e.p_holm).removeprefix("= "), READ[e.side]))
    sentences += [("orders", order.sentence) for order in found.orders]
    tables = [Table("What each verdict rests on", ("generator", "sentence"), tuple(sentences))] if sentences else []
    if numbers:
        columns = ("generator", "metric", "value", "real", "difference", "low", "high", "p (Holm)", "reads")
        tables.append(Table("Each metric minus that of real images", columns, tuple(numbers)))
    verdicts = (f"{one.generator}: {one.verdict}" for one in found.generators)
    verdict = (headline(found), *control(found), *verdicts, f"{about(found)}.", SURE, CHANGES)
    return Finding(f"Diagnosis under {found.encoder}", verdict, tuple(tables))


def _rounded(value: float) -> float | None:
    return float(f"{value:.3g}") if math.isfinite(value) else None
