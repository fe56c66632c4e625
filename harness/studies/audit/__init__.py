"""Audit: the same images under other preprocessing, paired; which settings move a metric, which ranks flip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.audit.compute import audit
    from harness.studies.audit.section import finding, misfit
    from harness.studies.audit.words import brief, markdown

__getattr__ = door(__name__)
