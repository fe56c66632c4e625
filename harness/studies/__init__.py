"""Studies: what a benchmark says beyond its leaderboard. One folder each: compute, result, words, section.

A study computes from what a run left (arrays, analyses, records), gives a frozen result with `to_json`, and has the
words of that result for the terminal and the report (MLflow shows what the report has). It prints and writes nothing:
`harness/cli/<command>.py` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.scored import Scored

__getattr__ = door(__name__)
