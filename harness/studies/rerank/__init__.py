"""Rerank: do encoders, and people, rank the same generators alike beyond noise?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.rerank import human
    from harness.studies.rerank.orders import BEYOND, DRAWS, answer, finding, how_sure, of_run
    from harness.studies.rerank.reversals import Order, Table, compared
    from harness.studies.rerank.scoretable import of_scores

__getattr__ = door(__name__)
