"""A comparison of two generators as a section of the report of their run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.report import Finding

NEITHER = "not told apart"


def section(told: list[dict[str, Any]], together: str, about: str, better: dict[str, bool]) -> Finding:
    """The comparison as a section of the report: verdicts, and each difference with its interval."""
    from harness.report import Finding, Table

    verdict = [f"{row['metric']}: {row['verdict']}." for row in told]
    if together:
        verdict = [_summary(told), together]
    rows = tuple(
        (
            row["metric"], "lower" if better[row["metric"]] else "higher", _better(row),
            *(_rounded(row["comparison"][key]) for key in ("value", "low", "high")),
            *(p_words(p).removeprefix("p ").removeprefix("= ") for p in (row["comparison"]["p"], row["p_holm"])),
            row["effect"] and float(f"{abs(row['effect']['size']):.2g}"), row["comparison"]["method"],
        )
        for row in told
    )  # fmt: skip
    heads = ("metric", "better is", "verdict", "difference", "low", "high", "p", "p (Holm)", "effect", "how")
    first, second = told[0]["first"], told[0]["second"]
    title = f"{first} against {second} under {told[0]['encoder']}"
    of = dict.fromkeys(row["effect"]["of"] for row in told if row["effect"])
    effects = f"; effect: in standard deviations {', or '.join(of)}" if of else ""
    table = Table(f"{first} minus {second}, in units of each metric{effects}", heads, rows)
    return Finding(title, (*verdict, about), (table,))


def _summary(told: list[dict[str, Any]]) -> str:
    """Who is better in what: `kde is better in fd, recall; ddpm in density; neither in coverage`."""
    found: dict[str, list[str]] = {}
    for row in told:
        found.setdefault(_better(row), []).append(row["metric"])
    neither = found.pop(NEITHER, [])
    said = [f"{who} beyond noise in {', '.join(metrics)}" for who, metrics in found.items()]
    if neither:
        said.append(f"{NEITHER} in {', '.join(neither)}")
    return f"Each metric by itself: {'; '.join(said)}."


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
