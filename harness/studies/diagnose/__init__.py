"""Diagnose: what is wrong with each generator of a run, in sentences that end in their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.diagnose.bare import of_values
    from harness.studies.diagnose.report_section import section, section_name
    from harness.studies.diagnose.study import diagnoses
    from harness.studies.diagnose.words import text

__getattr__ = door(__name__)
