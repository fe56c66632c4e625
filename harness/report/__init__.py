"""Figures of a run, drawn from its Records and leaderboard alone; plotting libraries are imported when one is drawn."""

from harness.report.forest import draw_encoder, write_plots
from harness.report.grids import contact_sheet, image_grid

__all__ = ["contact_sheet", "draw_encoder", "image_grid", "write_plots"]
