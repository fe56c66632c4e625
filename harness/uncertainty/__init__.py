"""How far each number can be trusted: analyses, intervals, seeds, comparisons. numpy and scipy.special only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.uncertainty.agreements.orders import FEWEST, Orders, Ranking, evidence, independent, participants
    from harness.uncertainty.agreements.people import Judgement, judgement
    from harness.uncertainty.agreements.rankings import Agreement, Consensus, agreement, consensus, tau_b, tau_bounds
    from harness.uncertainty.analysis import (
        UNBIASED,
        Analysis,
        Bias,
        InfluenceForm,
        MetricCall,
        NoInterval,
        NoIntervalError,
        Pair,
        SplitForm,
        Tables,
        ThirdOrder,
    )
    from harness.uncertainty.choosing import Choice, choose, image_folds, seed_folds
    from harness.uncertainty.compare import Comparison, Equivalence, difference, equivalence, why_not_paired
    from harness.uncertainty.design import INDEPENDENT, Design
    from harness.uncertainty.exceeding import p_beyond
    from harness.uncertainty.features import (
        Matrix,
        Rows,
        Vector,
        as_array,
        blocks,
        checked,
        positive_integer,
        with_defaults,
    )
    from harness.uncertainty.intervals import centred, check, interval, quantile_of
    from harness.uncertainty.joint import Joint, joint_replicates
    from harness.uncertainty.planning import NextRun, counted, plan
    from harness.uncertainty.ranks import Difference, RankSets, rank_sets
    from harness.uncertainty.reference_set import Arrays, ReferenceSet
    from harness.uncertainty.reproducing import Reproduction, reproduction
    from harness.uncertainty.reversals import Table, shared_level, sure_orders, turned, undecided
    from harness.uncertainty.sampling_units import Index, Units, first_seen, units
    from harness.uncertainty.seeds import Combined, Means, SeedMember, combine, means, why_no_interval
    from harness.uncertainty.significance import exceeded, holm, quantile, satterthwaite
    from harness.uncertainty.splits import Labels, deep_enough, labels
    from harness.uncertainty.stability import FEWEST as FEWEST_SEEDS
    from harness.uncertainty.stability import Scatter, Share, Spread, scatter, share, spread
    from harness.uncertainty.strata import contrasts, pair_products
    from harness.uncertainty.variance import fake_variance
    from harness.uncertainty.weighted import weighted_sum

__getattr__ = door(__name__)
