"""FDr6: the mean of six FD ratios of a finished run, with an interval, rank sets, and what its constants leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.fdr6.compute import averaged, members
    from harness.studies.fdr6.words import finding, text

__getattr__ = door(__name__)
