"""Audit: the same images under other preprocessing, paired; which settings move a metric, which ranks flip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.audit.study import Audited, Change, audit, facts, is_none

__getattr__ = door(__name__)
