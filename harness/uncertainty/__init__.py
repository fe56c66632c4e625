"""How far each number can be trusted: analyses, intervals, seeds, comparisons. numpy and scipy.special only."""

from harness.uncertainty.analyse import analyse
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.compare import Comparison, Equivalence, Reproduction, difference, equivalence, reproduction
from harness.uncertainty.estimate import estimate
from harness.uncertainty.interval import interval
from harness.uncertainty.joint import Joint, joint_replicates
from harness.uncertainty.numerics import Numerics, estimate_numerics, numerics
from harness.uncertainty.permutation import PermutationTest, permutation_test
from harness.uncertainty.planning import Plan, plan
from harness.uncertainty.ranks import Difference, RankSets, rank_sets
from harness.uncertainty.seeds import Combined, SeedMember, combine

__all__ = [
    "Analysis",
    "Combined",
    "Comparison",
    "Difference",
    "Equivalence",
    "Joint",
    "MetricCall",
    "Numerics",
    "PermutationTest",
    "Plan",
    "RankSets",
    "Reproduction",
    "SeedMember",
    "analyse",
    "combine",
    "difference",
    "equivalence",
    "estimate",
    "estimate_numerics",
    "interval",
    "joint_replicates",
    "numerics",
    "permutation_test",
    "plan",
    "rank_sets",
    "reproduction",
]
