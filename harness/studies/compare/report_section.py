"""A comparison of two generators as a section of the report of their run."""

from __future__ import annotations

import math

from harness.base import p_text
from harness.report import Finding, Table, finding_name
from harness.studies.compare.result import Compared
from harness.studies.compare.words import about, better, closing, left_out


def section_name(found: Compared) -> str:
    """The finding's name: another question, another section."""
    asked = found.question
    within = () if asked.margin is None else ("within", f"{asked.margin:g}")
    parts = (asked.metric, *within, asked.reference, "paired" if asked.paired else None)
    return finding_name(
        "compare", asked.first, asked.second, found.encoder, *(part for part in parts if part is not None)
    )


def section(found: Compared) -> Finding:
    """Verdicts, and each difference with its interval."""
    rows = tuple(
        (
            one.metric,
            "lower" if one.lower_is_better else "higher",
            better(one),
            *(_rounded(value) for value in (one.comparison.value, one.comparison.low, one.comparison.high)),
            *(p_text(p).removeprefix("= ") for p in (one.comparison.p, one.p_holm)),
            None if one.effect is None else float(f"{abs(one.effect.size):.2g}"),
            one.comparison.method,
        )
        for one in found.answers
    )
    heads = ("metric", "better is", "verdict", "difference", "low", "high", "p", "p (Holm)", "effect", "how")
    first, second = found.question.first, found.question.second
    of = dict.fromkeys(one.effect.of for one in found.answers if one.effect is not None)
    effects = f"; effect: in standard deviations {', or '.join(of)}" if of else ""
    table = Table(f"{first} minus {second}, in units of each metric{effects}", heads, rows)
    return Finding(
        f"{first} against {second} under {found.encoder}",
        (*closing(found), *left_out(found), f"{about(found)}."),
        (table,),
    )


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
