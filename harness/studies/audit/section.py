"""The audit as a section of a run's report, and whether OUT holds the run that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import percent
from harness.studies.audit.result import TINY
from harness.studies.audit.words import change_words, moved_words, sure

if TYPE_CHECKING:
    from harness.report import Finding
    from harness.studies.audit.result import Audited


def finding(found: Audited, text: str) -> Finding:
    """The audit as a section of the report: verdict, changes, and how far each variant moves each score."""
    from harness.report import Finding, Heatmap, Table

    pipelines = tuple(
        (
            p.encoder,
            p.pipeline,
            p.generator,
            float(f"{p.value:.4g}"),
            f"[{p.low:.4g}, {p.high:.4g}]",
            p.rank,
            "own" if p.whole else "pinned",
            "random" if p.random else "trained",
        )
        for p in found.printed
    )
    named = (
        "encoder",
        "pipeline",
        "generator",
        found.metric,
        f"{percent(found.level)} interval",
        "rank",
        "its encoder",
        "weights",
    )
    printed = Table(f"What each published pipeline would have printed for {found.metric}", named, pipelines)
    verdict = (*(line.replace("**", "") for line in text.splitlines() if line.startswith("**")), *sure(found))
    own = [c for c in found.changes if c.metric == found.metric]
    shifts = {(s.encoder, s.variant): s.distance for s in found.shifts}
    moved = {(e, s.variant): moved_words(s) for e in found.encoders for s in found.settings(e)}
    rows = tuple(
        (
            c.encoder,
            c.variant,
            c.generator,
            float(f"{c.pinned:.4g}"),
            float(f"{c.value:.4g}"),
            change_words(c),
            moved[c.encoder, c.variant],
            float(f"{shifts[c.encoder, c.variant]:.3g}") if (c.encoder, c.variant) in shifts else None,
        )
        for c in own
    )
    columns = (
        *("encoder", "variant", "generator", "pinned", "variant's", "change"),
        *("median over generators", "reference against itself, FD"),
    )
    turned = tuple((f.encoder, f.variant, f.first, f.second, "yes" if f.resolved else "no") for f in found.flips)
    flip_heads = ("encoder", "variant", "generator", "and", "beyond noise")
    flips = [Table(f"Pairs in another order by {found.metric} under a variant", flip_heads, turned)] if turned else []
    caption = f"{found.metric} under other preprocessing; {percent(found.level)} intervals paired over the same images"
    generators = tuple(dict.fromkeys(c.generator for c in own))
    several = len({c.encoder for c in own}) > 1  # the variant first: what is cut off a long label is the encoder
    label = {(c.encoder, c.variant): f"{c.variant}, {c.encoder}" if several else c.variant for c in own}
    cells = {(label[c.encoder, c.variant], c.generator): c.change / max(abs(c.pinned), TINY) for c in own}
    names = tuple(dict.fromkeys(name for name, _ in cells))
    values = tuple(tuple(round(cells.get((name, g), 0.0), 4) for g in generators) for name in names)
    reach = max([abs(v) for row in values for v in row] or [0.0]) or 1.0
    heat = Heatmap(
        f"Change of {found.metric} as a share of its pinned value: blue where it fell, yellow where it rose",
        generators,
        names,
        values,
        -reach,
        reach,
    )
    return Finding(
        "Audit of preprocessing",
        verdict,
        ((printed,) if len({p.pipeline for p in found.printed}) > 1 else ()) + (Table(caption, columns, rows), *flips),
        heat if values else None,
    )


def misfit(out: Path, own: Mapping[str, Any], bench: Path) -> str:
    """Why the audit of the declaration `own` is no section of the report in OUT: the run there is another.

    Empty where OUT holds no run, or that which was audited.
    """
    other = _differing(out, own)
    if not other:
        return ""
    told = f"the run there differs in {', '.join(other)}; run {bench} again, or audit into another folder"
    return f"the report in {out} gets no section: {told}"


def _differing(out: Path, own: Mapping[str, Any]) -> list[str]:
    from harness.pipeline import lockfile

    there = lockfile.read_lock(out)
    if there is None or lockfile.declared_key(there) == lockfile.declared_key(own):
        return []
    theirs, ours = there.get("benchmark", {}), own["benchmark"]
    found = [key for key in dict.fromkeys((*theirs, *ours)) if key != "audit" and theirs.get(key) != ours.get(key)]
    code = {"components": "the code of a component", "statistics": "the code of the statistics"}
    return found or [code.get(key, key) for key in own if key != "benchmark" and there.get(key) != own[key]]
