"""Studies: what a benchmark says beyond its leaderboard. Each expands a benchmark, reads scores back, and concludes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.compare import closing, p_words, section

__getattr__ = door(__name__)
