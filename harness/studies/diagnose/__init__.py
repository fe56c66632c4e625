"""Diagnose: what is wrong with each generator of a run, in sentences that end in their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.diagnose import evidence
    from harness.studies.diagnose.diagnosis import diagnose
    from harness.studies.diagnose.evidence import Case, p_text
    from harness.studies.diagnose.findings import Diagnosis

__getattr__ = door(__name__)
