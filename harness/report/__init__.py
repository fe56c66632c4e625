"""Figures and the report of a run, drawn from what lies in its folder; plotting libraries are imported when needed."""

from harness.report.finding import (
    Finding,
    Heatmap,
    Table,
    drop_findings,
    finding_name,
    free_name,
    read_findings,
    write_finding,
)
from harness.report.forest import draw_encoder, write_plots
from harness.report.grids import contact_sheet, image_grid
from harness.report.page import write_report

__all__ = [
    "Finding",
    "Heatmap",
    "Table",
    "contact_sheet",
    "draw_encoder",
    "drop_findings",
    "finding_name",
    "free_name",
    "image_grid",
    "read_findings",
    "write_finding",
    "write_plots",
    "write_report",
]
