"""What the same images would have scored in other ways: changes with paired intervals, and ranks that flip.

Images, seeds and metrics stay; both the reference and the fakes are prepared and encoded anew, as the other pipeline
would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.base import UsageError
from harness.benchmark import Benchmark
from harness.metrics import frechet_distance
from harness.pipeline import Pipeline, Plan, unmoved
from harness.studies.audit.changes import reach_of
from harness.studies.audit.result import Audited, Change, Flip, Printed, Shift
from harness.studies.audit.side import Side
from harness.studies.audit.variants import PIPELINE, PROTOCOL, Variant, variants
from harness.uncertainty import combine, means, shared_level, turned

PINNED = "pinned"
PUBLISHED = (PIPELINE, PROTOCOL)


def audit(plan: Plan, pipeline_of: Any, encoders: Sequence[str] | None = None) -> Audited:
    """Score the benchmark as pinned and under every variant, and compare.

    `pipeline_of` makes the Pipeline of a Plan, so that the caller says where and how visibly work runs. Raises
    UsageError for a benchmark without an `audit` or whose pinned run has failures.
    """
    benchmark = plan.benchmark
    if benchmark.audit is None:
        raise UsageError("this benchmark declares no `audit`; add one, such as `audit: {jpeg: [90, 75]}`")
    asked = ways_of(benchmark, encoders)
    _scored(pipeline_of(plan))
    changes: list[Change] = []
    flips: list[Flip] = []
    shifts: list[Shift] = []
    printed: list[Printed] = []
    failed: list[str] = []
    still: list[str] = []
    for encoder, ways in asked.items():
        base = Side(plan, encoder)
        # All that is said to flip under an encoder holds at once, for every pair and variant and the pinned way too.
        each = shared_level(benchmark.interval.level, len(ways) + 1)
        if base.ranked:
            printed += _printed(base, PINNED, whole=False)
            pinned = base.table(), base.orders(each)
        for variant in ways:
            try:
                side = _side(plan, encoder, variant, pipeline_of)
            except UsageError as problem:
                failed.append(f"{encoder} under {variant.name}: {problem}")
                continue
            if variant.batch_size is not None and (why := unmoved(plan, encoder)):
                same = "features are the same to the last bit in batches of any size, so none were computed again"
                still.append(f"{encoder} under {variant.name}: {why}: {same}")
            if base.ranked:
                found = turned(pinned[0], side.table(), orders=(pinned[1], side.orders(each)))
                flips += (Flip(encoder, variant.name, *pair) for pair in found)
            if (variant.knob in PUBLISHED or not variant.same_unit) and base.ranked:
                printed += _printed(side, variant.name, whole=not variant.same_unit)
            if not variant.same_unit:
                continue
            changes += _changes(base, side, variant)
            real = [s.features(plan.reference) for s in (base, side)]
            if variant.n_fake is None and real[0].shape == real[1].shape:
                shifts.append(Shift(encoder, variant.name, variant.knob, frechet_distance(*real)))
    by, level = benchmark.rank_by.metric, benchmark.interval.level
    told = (tuple(changes), tuple(flips), tuple(shifts), tuple(printed), tuple(failed), tuple(still))
    return Audited(benchmark.name, by, level, tuple(asked), *told)


def ways_of(benchmark: Benchmark, encoders: Sequence[str] | None) -> dict[str, list[Variant]]:
    """The variants of every encoder, or of those named; what one of all cannot take is said with the way around it."""
    asked: dict[str, list[Variant]] = {}
    refused: list[UsageError] = []
    for encoder in encoders or benchmark.encoders:
        try:
            asked[encoder] = list(variants(benchmark, encoder))
        except UsageError as problem:
            refused.append(problem)
    if not refused:
        return asked
    problems = [line for problem in refused for line in problem.problems]
    if asked:
        flags = " ".join(f"--encoder {encoder}" for encoder in asked)
        problems[-1] += f"; `{flags}` audits what can be varied so"
    raise UsageError(problems)


def _side(plan: Plan, encoder: str, variant: Variant, pipeline_of: Any) -> Side:
    if variant.refused:
        raise UsageError(variant.refused)
    other = Plan(variant.benchmark(plan.benchmark, encoder), plan.store_root, plan.device)
    if variant.batch_size is not None:
        pipeline_of(other).encode_again(variant.batch_size)
    else:
        _scored(pipeline_of(other))
    return Side(other, encoder, batch_size=variant.batch_size, n_fake=variant.n_fake)


def _scored(pipeline: Pipeline) -> None:
    pipeline.sample()
    pipeline.encode()
    pipeline.score()
    if pipeline.failures:
        raise UsageError(next(iter(pipeline.failures.values())).reason)


def _changes(base: Side, side: Side, variant: Variant) -> Iterator[Change]:
    benchmark = base.plan.benchmark
    for metric in benchmark.metrics_of(base.encoder):
        for generator in benchmark.generators:
            before, after = base.value(metric, generator), side.value(metric, generator)
            wholes = [means(s.members(metric, generator)) for s in (base, side)]
            reach = reach_of(wholes[0], wholes[1], benchmark.interval.level)
            low, high = (None, None) if reach is None else (after - before - reach, after - before + reach)
            yield Change(base.encoder, generator, metric, variant.name, before, after, low, high)


def _printed(side: Side, pipeline: str, *, whole: bool) -> Iterator[Printed]:
    benchmark = side.plan.benchmark
    metric, kept = benchmark.rank_by.metric, benchmark.interval
    sign = 1 if benchmark.lower_is_better(metric) else -1
    order = sorted(benchmark.generators, key=lambda name: sign * side.value(metric, name))
    for generator in benchmark.generators:
        estimate = combine(
            side.members(metric, generator), level=kept.level, target="T_N", reference=kept.reference
        ).estimate
        yield Printed(
            side.encoder,
            pipeline,
            generator,
            side.value(metric, generator),
            *estimate.ends,
            order.index(generator) + 1,
            whole,
            benchmark.is_random(side.encoder),
        )
