"""How far each number can be trusted: analyses, intervals, seeds, rank sets. numpy and scipy.special only."""

from harness.uncertainty.analyse import analyse
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.estimate import estimate
from harness.uncertainty.interval import interval
from harness.uncertainty.ranks import Difference, RankSets, rank_sets
from harness.uncertainty.seeds import Combined, SeedMember, combine

__all__ = [
    "Analysis",
    "Combined",
    "Difference",
    "MetricCall",
    "RankSets",
    "SeedMember",
    "analyse",
    "combine",
    "estimate",
    "interval",
    "rank_sets",
]
