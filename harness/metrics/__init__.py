"""Metrics: functions of two feature sets (m, d) and (n, d) that return a float. No I/O, no randomness, no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.metrics.analyses import analyse, analyse_against, value_of, values_of
    from harness.metrics.arithmetic import numerics
    from harness.metrics.contract import InfluenceMetric, Metric
    from harness.metrics.diversity import divergences, inception_score, log_probabilities, vendi
    from harness.metrics.estimates import estimate, estimate_all, measure
    from harness.metrics.frechet.against_moments import estimate_against_moments
    from harness.metrics.frechet.distance import (
        Moments,
        covariance,
        distance,
        frechet_distance,
        moments,
        moments_of_covariance,
    )
    from harness.metrics.frechet.sfid import sfid
    from harness.metrics.kernel.distance import kernel_distance
    from harness.metrics.kernel.kernels import Kernel
    from harness.metrics.kernel.published import cmmd, kid_subsets
    from harness.metrics.kernel.tally import KeptProducts, KernelPairs, PairSums
    from harness.metrics.manifold.authenticity import authenticity, copied_share, nearest_rows, spacing
    from harness.metrics.manifold.values import coverage, density, precision, recall
    from harness.metrics.paired import psnr, ssim
    from harness.metrics.pathlength import PathLength, path_length, step
    from harness.metrics.processor import CPU, Processor
    from harness.metrics.table import (
        DIVERSITY,
        FIDELITY,
        METRICS,
        NOVELTY,
        WHOLE,
        Axis,
        MetricFacts,
        facts_of,
        own_facts,
    )
    from harness.metrics.two_sample import TwoSampleTest, mmd_test

__getattr__ = door(__name__)
