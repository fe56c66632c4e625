"""The average in words: which generator is best, then a row a generator with its terms."""

from __future__ import annotations

from harness.base import aligned, named, percent
from harness.pipeline import shown
from harness.report import Finding, Table
from harness.studies.fdr6.result import Average, Averaged

ROWS = 25  # generators before --details is needed


def text(found: Averaged, *, details: bool = False) -> str:
    """What `harness fdr6` prints; `details` has the six terms of each generator."""
    shown_rows = found.rows if details else found.rows[:ROWS]
    encoders = [term.encoder.removeprefix("fdr6-") for term in found.rows[0].terms] if details else []
    rows = [
        (rank_words(row), row.generator, shown(row.estimate), *(f"{t.ratio:.3g}" for t in row.terms[: len(encoders)]))
        for row in shown_rows
    ]
    heads = ("rank", "generator", label_of(found), *encoders)
    lines = [headline(found), "", *aligned(rows, heads=heads, right=range(2, len(heads)))]
    if len(shown_rows) < len(found.rows):
        lines.append(f"  {len(found.rows) - len(shown_rows)} more generators: --details")
    lines += ["", about(found), constants_words(found)]
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join([*lines, *(f"note: {name} is left out: {why}" for name, why in found.left_out.items())])


def headline(found: Averaged) -> str:
    """Which generator is best, or which may be."""
    best = [row.generator for row in found.rows if row.rank_low == 1]
    label = label_of(found)
    if not best:
        return f"By {label} (lower is better) no generator has a rank."
    if len(best) == 1:
        others = " beyond noise" if len(found.rows) > 1 else ", the only one"
        return f"By {label} (lower is better) {best[0]} is best{others}."
    return f"By {label} (lower is better) the best may be any of {named(best)}."


def label_of(found: Averaged) -> str:
    """The protocol as papers spell it."""
    return "FDr6" if found.protocol == "fdr6" else found.protocol


def rank_words(row: Average) -> str:
    """The rank, with those that the data allow; empty for a row without one."""
    if row.rank is None:
        return ""
    return str(row.rank) if row.rank_low == row.rank_high else f"{row.rank} ({row.rank_low}-{row.rank_high})"


def about(found: Averaged) -> str:
    """What the intervals speak about."""
    first = found.rows[0]
    return (
        f"The mean of FD / constant under {len(first.terms)} encoders at n_real = {first.estimate.n_real:,}, n_fake = "
        f"{first.estimate.n_fake:,}; {percent(found.level)} intervals, joint over encoders, since the images are the "
        "same; the constants count as exact."
    )


def constants_words(found: Averaged) -> str:
    """By how much the rounding of the printed constants lets the first row move, and which constant does most of it."""
    row = found.rows[0]
    low, high = row.by_constants
    loosest = max(row.terms, key=lambda term: term.high - term.low)
    return (
        f"Constants are rounded as printed: others that print alike put {row.generator} anywhere from {low:.4g} to "
        f"{high:.4g}, most of it by {loosest.encoder}'s {loosest.constant:.2f} ({loosest.low / loosest.ratio - 1:+.0%} "
        f"to {loosest.high / loosest.ratio - 1:+.0%} of its term). Compare with numbers by the same constants only."
    )


def finding(found: Averaged) -> Finding:
    """The section of the report."""
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (
            rank_words(row),
            row.generator,
            shown(row.estimate),
            *(float(f"{term.ratio:.4g}") for term in row.terms),
            f"{row.by_constants[0]:.4g} to {row.by_constants[1]:.4g}",
        )
        for row in found.rows
    )
    heads = ("rank", "generator", label_of(found), *(term.encoder for term in found.rows[0].terms), "by the constants")
    sentences = (headline(found), about(found), constants_words(found), *found.notes)
    return Finding(label_of(found), sentences, (Table("Each term is FD over its constant", heads, rows),))
