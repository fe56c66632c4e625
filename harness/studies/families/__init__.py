"""The adjective tables of the families of generative models, as ordinal statements held against a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.families.compute import Families, Judged, judge
    from harness.studies.families.page import write_page
    from harness.studies.families.statements import NAME, SHIPPED, is_statements, load
    from harness.studies.families.words import answer, finding, lines, name_in

__getattr__ = door(__name__)
