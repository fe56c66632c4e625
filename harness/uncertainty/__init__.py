"""How far each number can be trusted: analyses, intervals, seeds, comparisons. numpy and scipy.special only."""

from harness.uncertainty.agreement import Agreement, Consensus, agreement, consensus
from harness.uncertainty.analyse import analyse
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.compare import Comparison, Equivalence, difference, equivalence
from harness.uncertainty.estimate import estimate
from harness.uncertainty.interval import interval
from harness.uncertainty.joint import Joint, joint_replicates
from harness.uncertainty.judgement import Judgement, judgement
from harness.uncertainty.multiple import holm
from harness.uncertainty.numerics import Numerics, estimate_numerics, numerics
from harness.uncertainty.orders import Ranking
from harness.uncertainty.permutation import PermutationTest, permutation_test
from harness.uncertainty.planning import Plan, plan
from harness.uncertainty.ranks import Difference, RankSets, rank_sets
from harness.uncertainty.reproduction import Reproduction, reproduction
from harness.uncertainty.seeds import Combined, SeedMember, combine

__all__ = [
    "Agreement",
    "Analysis",
    "Combined",
    "Comparison",
    "Consensus",
    "Difference",
    "Equivalence",
    "Joint",
    "Judgement",
    "MetricCall",
    "Numerics",
    "PermutationTest",
    "Plan",
    "RankSets",
    "Ranking",
    "Reproduction",
    "SeedMember",
    "agreement",
    "analyse",
    "combine",
    "consensus",
    "difference",
    "equivalence",
    "estimate",
    "estimate_numerics",
    "holm",
    "interval",
    "joint_replicates",
    "judgement",
    "numerics",
    "permutation_test",
    "plan",
    "rank_sets",
    "reproduction",
]
