"""Figures and the report of a run, drawn from what lies in its folder; plotting libraries are imported when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.report.board import board_lines
    from harness.report.exports.about import About
    from harness.report.exports.croissant import files as croissant_files
    from harness.report.exports.table import exported
    from harness.report.figures.curveplots import write_curves
    from harness.report.figures.forest import write_plots
    from harness.report.finding import (
        Finding,
        Heatmap,
        Table,
        drop_findings,
        finding_name,
        free_name,
        write_finding,
    )
    from harness.report.html.grids import GRID, write_grids
    from harness.report.html.nearest import write_nearest
    from harness.report.html.page import freshen_report, write_report
    from harness.report.html.sweeps import choices as curve_words
    from harness.report.html.sweeps import facts_table, lottery_table
    from harness.report.mlflow.reach import TrackingUnavailable
    from harness.report.mlflow.sending import Tracked, track
    from harness.report.run_files import NEEDED, RunFiles, read_run
    from harness.report.site.build import write_site
    from harness.report.words import answer

__getattr__ = door(__name__)
