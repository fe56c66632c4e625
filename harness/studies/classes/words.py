"""Classes in words: which fail and under which metric, then a table of every class."""

from __future__ import annotations

import math

from harness.base import aligned, listed, named, percent
from harness.pipeline import shown
from harness.report import Finding, Table
from harness.studies.classes.result import ByClass, GeneratorByClass, MetricByClass

NAMED = 8  # classes in a row; --details has them all


def text(found: ByClass, *, details: bool = False) -> str:
    """What `harness classes` prints: the answer, a row a generator, and what the numbers speak about.

    `details` adds each metric's mean over classes and worst class.
    """
    lines = [headline(found), "", *_table(found)]
    if details:
        for one in found.generators:
            lines += ["", f"{one.generator} (classes: {one.labels})"]
            lines += [f"  {sentence}" for sentence in _sentences(found, one)]
    else:
        lines.append("Means over classes, worst classes and labels: --details; values by class: the report, --json.")
    lines += ["", about(found), *(f"note: {note}" for note in found.notes)]
    lines += [f"note: no {metric} by class: {why}" for metric, why in found.left_out.items()]
    return "\n".join(lines)


def _table(found: ByClass) -> list[str]:
    """A row for each metric by which classes of a generator fail; one row for a generator of which none does."""
    rows: list[tuple[str, str, str]] = []
    for one in found.generators:
        if one.generator == found.against:
            continue
        own = [(metric.metric, listed(metric.worse, NAMED)) for metric in one.metrics if metric.worse]
        own += [("too few images", listed(one.missing, NAMED))] if one.missing else []
        rows += [("" if n else one.generator, *cells) for n, cells in enumerate(own or [("none fails", "")])]
    return aligned(rows, heads=("generator", "by", "classes that are worse"))


def headline(found: ByClass) -> str:
    """In how many generators a class fails, and in which none does."""
    judged = [one for one in found.generators if one.generator != found.against]
    failing = [one.generator for one in judged if one.fails]
    clear = [one.generator for one in judged if one.generator not in failing]
    said = f"Some class fails beyond noise in {len(failing)} of {len(judged)} generators"
    return f"{said}{f' ({named(failing)})' if failing else ''}{f'; none in {named(clear)}' if clear else ''}."


def about(found: ByClass) -> str:
    """What the intervals and tests mean."""
    against = (
        f"worse: than {found.against}'s images of the class"
        if found.against
        else "worse: than the mean of the classes, for want of a `holdout`"
    )
    return (
        f"{found.benchmark} under {found.encoder}; {percent(found.level)} for all {len(found.classes)} classes of a "
        f"metric at once; {against}; the mean counts every class alike."
    )


def _sentences(found: ByClass, one: GeneratorByClass) -> list[str]:
    said = []
    for metric in one.metrics:
        words = f"{metric.metric}: mean over classes {_mean(metric)}"
        if worst := _worst(metric):
            words += f"; the worst value is class {worst}"
        if one.generator != found.against:
            words += (
                f"; worse beyond noise: {named(list(metric.worse))}" if metric.worse else "; none worse beyond noise"
            )
        said.append(words)
    if lacking := [value.label for value in one.metrics[0].values if value.estimate is None]:
        said.append(f"too few images for a value: {named(lacking)}")
    if one.missing:
        said.insert(0, f"next to no images of {named(one.missing)}")
    off = [share.label for share in one.shares if share.off]
    if off and off != list(one.missing):
        said.append(f"shares differ from the real ones beyond noise: {named(off)}")
    return said


def _mean(metric: MetricByClass) -> str:
    if math.isnan(metric.mean):
        return "unknown"
    return f"{metric.mean:.4g}" + ("" if math.isnan(metric.half) else f" ±{metric.half:.2g}")


def _worst(metric: MetricByClass) -> str:
    known = [value for value in metric.values if value.estimate is not None]
    if not known:
        return ""
    sign = 1 if metric.lower_is_better else -1
    worst = max(known, key=lambda value: sign * value.estimate.value if value.estimate else -math.inf)
    assert worst.estimate is not None
    return f"{worst.label}, {shown(worst.estimate)}"


def finding(found: ByClass) -> Finding:
    """The section of the report: the answer, and a table a metric with a row a class."""
    names = [one.generator for one in found.generators]
    tables = []
    for place, metric in enumerate(found.generators[0].metrics):
        rows = tuple(
            (label, *(_cell(one.metrics[place], row, label) for one in found.generators))
            for row, label in enumerate(found.classes)
        )
        tables.append(Table(f"{metric.metric} by class (* worse beyond noise)", ("class", *names), rows))
    counted: tuple[tuple[str | int, ...], ...] = tuple(
        (label, found.generators[0].shares[row].real, *(one.shares[row].fake for one in found.generators))
        for row, label in enumerate(found.classes)
    )
    tables.append(Table("Images of each class, first image set", ("class", "real", *names), counted))
    return Finding(f"By class under {found.encoder}", (headline(found), about(found), *found.notes), tuple(tables))


def _cell(metric: MetricByClass, row: int, label: str) -> str | None:
    estimate = metric.values[row].estimate
    return None if estimate is None else shown(estimate) + (" *" if label in metric.worse else "")
