"""The exam that metrics must sit: faults with known right answers, and a report card for each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.exam.compute import Candidate, candidates, laws_named, sit
    from harness.studies.exam.laws import LAWS, Law
    from harness.studies.exam.picture import drawn
    from harness.studies.exam.words import file_name, page, text

__getattr__ = door(__name__)
