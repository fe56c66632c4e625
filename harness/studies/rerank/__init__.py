"""Rerank: do encoders, and people, rank the same generators alike beyond noise?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.rerank.compute import reranked
    from harness.studies.rerank.distances import of_distances, without_copiers
    from harness.studies.rerank.metric_words import agreement_finding, agreement_lines
    from harness.studies.rerank.metrics import Agreements, of_metrics
    from harness.studies.rerank.reversals import Order, compared
    from harness.studies.rerank.runs import Run, of_run
    from harness.studies.rerank.scoretable import Scores, of_scores
    from harness.studies.rerank.section import finding
    from harness.studies.rerank.words import lines

__getattr__ = door(__name__)
