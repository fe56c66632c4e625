"""A comparison of two generators as a section of the report of their run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.base import percent

if TYPE_CHECKING:
    from harness.report import Finding

NEITHER = "not told apart"


def closing(told: list[dict[str, Any]], together: str, level: float, notes: list[str]) -> list[str]:
    """The answer in a sentence, then how sure it is and what would change it."""
    answer = _summary(told, level) if together else f"{told[0]['metric']}: {told[0]['verdict']}."
    each = "each interval and p by itself holds" if together else "the interval holds"
    sure = f"How sure: {each} in {percent(level)} of cases{''.join(f'; {note}' for note in notes)}. {together}".rstrip()
    trained = " or training seeds" if any("training seeds" in row["comparison"]["method"] for row in told) else ""
    power = f"`harness power OUT {told[0]['first']} {told[0]['second']} --difference X` says how many"
    return [answer, sure, f"What would change it: more images{trained} ({power}); another encoder or metric."]


def section(told: list[dict[str, Any]], verdict: list[str], about: str, better: dict[str, bool]) -> Finding:
    """The comparison as a section of the report: verdicts, and each difference with its interval."""
    from harness.report import Finding, Table

    rows = tuple(
        (
            row["metric"],
            "lower" if better[row["metric"]] else "higher",
            _better(row),
            *(_rounded(row["comparison"][key]) for key in ("value", "low", "high")),
            *(p_words(p).removeprefix("p ").removeprefix("= ") for p in (row["comparison"]["p"], row["p_holm"])),
            row["effect"] and float(f"{abs(row['effect']['size']):.2g}"),
            row["comparison"]["method"],
        )
        for row in told
    )
    heads = ("metric", "better is", "verdict", "difference", "low", "high", "p", "p (Holm)", "effect", "how")
    first, second = told[0]["first"], told[0]["second"]
    title = f"{first} against {second} under {told[0]['encoder']}"
    of = dict.fromkeys(row["effect"]["of"] for row in told if row["effect"])
    effects = f"; effect: in standard deviations {', or '.join(of)}" if of else ""
    table = Table(f"{first} minus {second}, in units of each metric{effects}", heads, rows)
    return Finding(title, (*verdict, about), (table,))


def _summary(told: list[dict[str, Any]], level: float) -> str:
    """Who is better in what, first where that stands among all metrics: `kde is better in recall, ddpm in density`."""
    found: dict[tuple[bool, str], list[str]] = {}
    for row in told:
        found.setdefault((row["p_holm"] <= 1 - level, _better(row)), []).append(row["metric"])
    neither = found.pop((False, NEITHER), [])
    # A p of just 1 - level may stand beside an interval that still reaches zero: then nobody is named.
    held = [f"{who} in {', '.join(metrics)}" for (sure, who), metrics in found.items() if sure and who != NEITHER]
    loose = [f"{who} in {', '.join(metrics)}" for (sure, who), metrics in found.items() if not sure]
    first, second = told[0]["first"], told[0]["second"]
    said = [
        f"{'; '.join(held)}: beyond noise with all {len(told)} metrics read together"
        if held
        else f"{first} and {second} are not told apart with all {len(told)} metrics read together"
    ]
    if loose:
        said.append(f"with each metric by itself also {'; '.join(loose)}")
    if neither:
        said.append(f"{NEITHER} in {', '.join(neither)}")
    return f"{'. '.join(part[0].upper() + part[1:] if place else part for place, part in enumerate(said))}."


def _better(row: dict[str, Any]) -> str:
    """`kde is better`, where that is beyond noise."""
    for name in (row["first"], row["second"]):
        if row["verdict"].startswith(f"{name} is better than "):
            return f"{name} is better"
    return "equivalent" if row["equivalence"] and row["equivalence"]["equivalent"] else NEITHER


def p_words(p: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
