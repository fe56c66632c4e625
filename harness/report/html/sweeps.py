"""Sections of the report about sweeps, and what generators cost, how likely images are, how stable training is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.base import percent
from harness.report.curves import Panel, panels, size_panel, words
from harness.report.figures.curves import curve_panel, trade_off
from harness.report.figures.marks import figure
from harness.report.finding import Table
from harness.report.html.markup import Child, prose, tag
from harness.report.html.tables import study_table
from harness.report.run_files import RunFiles
from harness.uncertainty import FEWEST_SEEDS, scatter


def sweep_section(run: RunFiles) -> list[Child]:
    """The choices with their price, and the curves; empty without a sweep."""
    board = run.board
    told = choices(run)
    parts: list[Child] = [tag("p", *prose(f"{sentence}."), class_="verdict") for sentence in told]
    if told:
        parts.append(
            tag(
                "p",
                "The best of many cells is partly lucky, so its own value is optimistic and its interval too short. "
                "The corrected value is cross-validated: each fold is scored under the cell that other folds choose.",
                class_="hint",
            )
        )
    drawn = panels(board, run.first)
    band = f"Bands: {percent(board.interval['level'])} intervals of each cell alone."
    if drawn:
        panels_of = [tag("figure", curve_panel(panel, number)) for number, panel in enumerate(drawn)]
        parts += [tag("div", *panels_of, class_="panels wide"), tag("p", band, class_="hint")]
    by_entry: dict[str, dict[str, Panel]] = {}
    for panel in drawn:
        by_entry.setdefault(panel.entry, {})[panel.metric] = panel
    for number, own in enumerate(by_entry.values()):
        if {"precision", "recall"} <= set(own):
            caption = f"Numbers are the first and the last {own['recall'].axis} of each curve."
            parts.append(figure(trade_off(own["precision"], own["recall"], number), caption))
    return parts


def choices(run: RunFiles) -> list[str]:
    """The best cell of each sweep with its price, a sentence each."""
    return [words(one, run.by.label) for one in run.board.choices if one.encoder == run.first]


def lottery_section(run: RunFiles) -> list[Child]:
    """How far apart lucky and unlucky seeds are; empty without several training and sampling seeds."""
    table = lottery_table(run)
    if table is None:
        return []
    hint = (
        "CoV: standard deviation over the mean. Retraining: new training seed. Resampling: new images of the same "
        "checkpoint. Inconclusive below: seeds alone give a smaller gap between two single runs 19 times in 20."
    )
    return [tag("p", hint, class_="hint"), study_table(table)]


def lottery_table(run: RunFiles) -> Table | None:
    """The ranking metric over seeds, after The FID Lottery (arXiv:2606.20536); None without several of both kinds."""
    metric, label = run.by.metric, run.by.label
    rows = []
    for row in run.scored(run.first):
        own = [r for r in run.cells(run.first, metric) if r.cell.generator == row.generator and r.estimate]
        by_seed: dict[int | None, list[float]] = {}
        for record in own:
            assert record.estimate is not None
            by_seed.setdefault(record.cell.training_seed, []).append(record.estimate.value)
        few = min((len(values) for values in by_seed.values()), default=0)
        if len(by_seed) < FEWEST_SEEDS or few < 2:
            continue
        found = scatter(list(by_seed.values()))
        rows.append(
            (
                row.generator,
                f"{found.mean:.4g}",
                f"{found.least:.4g} to {found.most:.4g}",
                f"{found.retraining / found.mean:.1%}",
                f"{found.resampling / found.mean:.1%}",
                f"{found.single_gap / found.mean:.1%}",
            )
        )
    columns = ("generator", label, "lucky to unlucky run", "retraining, CoV", "resampling, CoV", "inconclusive below")
    return Table(f"{label} over training and sampling seeds", columns, tuple(rows)) if rows else None


def size_section(run: RunFiles) -> list[Child]:
    """The metric that ranks over the number of images; empty where that was not swept."""
    panel = size_panel(run.board)
    if panel is None:
        return []
    caption = (
        "Each value is of the first n images of the same set, against the same reference. If the curve of real images "
        "still falls, the others fall for the same reason: the bias of small sets."
    )
    return [figure(curve_panel(panel, 1000), caption)]


def cost_section(run: RunFiles) -> list[Child]:
    """What training and sampling cost, bits per dimension, and the spread over training seeds, one row a generator."""
    table = facts_table(run)
    if table is None:
        return []
    hint = (
        "Seconds: CPU seconds over all threads (on a GPU: wall-clock); they depend on the machine and are not part of "
        "the result. Bits per dimension: on held-out images, with the standard error over images and, if there are "
        "several, over training seeds."
    )
    return [tag("p", hint, class_="hint"), study_table(table)]


def facts_table(run: RunFiles) -> Table | None:
    """The table of `cost_section`; None where nothing is known of any generator."""
    metric, label = run.by.metric, run.by.label
    rows = []
    for row in run.scored(run.first):
        cost = run.costs.get(row.generator, {})
        told = row.observations
        stable = told.get("stability", {})
        if cost or "likelihood" in told:
            rows.append(
                (
                    row.generator,
                    _round(cost.get("training_seconds")),
                    cost.get("parameters"),
                    cost.get("evaluations"),
                    _round(cost.get("images_per_second")),
                    bits(told.get("likelihood")),
                    _spread(stable.get("sd", {}).get(metric)),
                    collapsed(stable.get("collapsed")),
                )
            )
    if not rows:
        return None
    rule = next(
        (
            r.observations["stability"]["collapsed"]["rule"]
            for r in run.scored(run.first)
            if r.observations.get("stability", {}).get("collapsed")
        ),
        "",
    )
    columns = (
        "generator",
        "training, CPU s",
        "parameters",
        "network evaluations per image",
        "images per second",
        "bits/dim ↓",
        f"sd of {label} over training seeds",
        f"collapsed runs{f' ({rule})' if rule else ''}",
    )
    return Table("Training, sampling and likelihood", columns, tuple(rows))


def _round(value: float | None) -> float | int | None:
    return value if value is None or value < 100 else round(value)


def bits(told: Mapping[str, Any] | None) -> str | None:
    """Bits per dimension with their kind and errors."""
    if not told:
        return None
    if "failed" in told:
        return f"failed: {told['failed']}"
    seeds = "" if told["se_seeds"] is None else f", ± {told['se_seeds']:.2g} seeds"
    sign = "≤ " if told["kind"] == "bound" else ""
    return f"{sign}{told['value']:.3f} ({told['kind']}; se ± {told['se_images']:.2g} images{seeds})"


def _spread(told: Mapping[str, Any] | None) -> str | None:
    return f"{told['sd']:.3g} [{told['low']:.3g}, {told['high']:.3g}]" if told else None


def collapsed(told: Mapping[str, Any] | None) -> str | None:
    """How many of the runs collapsed, with the interval of the share."""
    return f"{told['count']} of {told['of']} [{told['low']:.2f}, {told['high']:.2f}]" if told else None
