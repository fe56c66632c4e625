"""Compare: two generators of a finished run, whether they differ and by how much, and what it takes to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.compare.differences import compared
    from harness.studies.compare.planning import planned
    from harness.studies.compare.report_section import section, section_name
    from harness.studies.compare.result import Question
    from harness.studies.compare.words import plan_text, text

__getattr__ = door(__name__)
