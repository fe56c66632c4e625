"""The metric that ranks at smaller sizes: on the first images of each set, against the same reference.

What a distance is for real images, at each size, is the floor below which nothing can be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import Estimate, Target, UsageError, digest
from harness.metrics import analyse_against
from harness.pipeline.encode import load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.rows import Sized
from harness.pipeline.score import load_groups, metric_call, real_side
from harness.pipeline.store import CorruptEntry
from harness.uncertainty import Analysis, SeedMember, combine


def asked(plan: Plan) -> tuple[int, ...]:
    """The sizes of the sweep; none where there is no sweep over sizes."""
    return plan.benchmark.sweep.n_fake if plan.benchmark.sweep else ()


def make_sizes(plan: Plan, source: FakeSet) -> None:
    """Store the missing analyses of one image set's first images under the encoder that ranks."""
    by = plan.benchmark.rank_by
    side = real_side(plan, by.encoder)
    fake = load_features(plan, source, by.encoder)
    for n in asked(plan):
        key = _key(plan, source, n)
        if key is None or plan.store.find("scores", key) is not None:
            continue
        rows = fake.rows[:n]
        groups = load_groups(plan, source).first(n).fitting(rows, source.generator)
        [analysis] = analyse_against(
            {by.metric: metric_call(plan, by.metric)},
            side.reference,
            rows,
            replicates=plan.benchmark.interval.replicates,
            fake_seed=plan.seed("replicates", fake.entry.facts["content"], n),
            design_fake=groups.design,
        ).values()
        facts, arrays = analysis.to_parts()
        plan.store.put("scores", key, [arrays] if arrays else [], facts)


def is_missing(plan: Plan, source: FakeSet) -> bool:
    """Whether a size of an image set has no analysis yet."""
    return any(_find(plan, source, n) is None for n in asked(plan))


def _key(plan: Plan, source: FakeSet, n: int) -> str | None:
    by = plan.benchmark.rank_by
    real, fake = plan.features(plan.reference, by.encoder), plan.features(source, by.encoder)
    if real is None or fake is None:
        return None
    return digest({"of": plan.score_key(real, fake, None, by.metric, plan.groups(source)), "first": n})


def _find(plan: Plan, source: FakeSet, n: int) -> Analysis | None:
    key = _key(plan, source, n)
    entry = None if key is None else plan.store.find("scores", key)
    try:
        return None if entry is None else Analysis.from_parts(dict(entry.facts), entry.arrays())
    except CorruptEntry as fault:
        plan.store.discard("scores", fault.path.parent.name)
        return None


def sized(plan: Plan, generator: str, whole: Sequence[SeedMember]) -> list[Sized]:
    """The values of a generator at every size that is there, its whole sets, `whole`, last."""
    fakes = [fake for fake in plan.fakes if fake.generator == generator]
    curve: list[tuple[int, list[SeedMember]]] = []
    for n in sorted(asked(plan)):
        found = [(fake, _find(plan, fake, n)) for fake in fakes]
        curve.append((n, [SeedMember(f.training_seed, f.sampling_seed, a) for f, a in found if a is not None]))
    curve.append((plan.benchmark.n_fake, list(whole)))
    return [_point(plan, generator, n, members) for n, members in curve if len(members) == len(fakes)]


def _point(plan: Plan, generator: str, n: int, members: Sequence[SeedMember]) -> Sized:
    plain = _estimate(plan, members, "T_N")
    assert plain is not None
    low, high = plain.ends
    debiased = _estimate(plan, members, "T_inf")
    ends = debiased.ends if debiased else (None, None)
    value = debiased.value if debiased else None
    return Sized(plan.benchmark.rank_by.encoder, generator, n, plain.value, low, high, value, *ends)


def _estimate(plan: Plan, members: Sequence[SeedMember], target: Target) -> Estimate | None:
    """Over all seeds; None where the population value is refused, as at few images."""
    own = plan.benchmark.interval
    try:
        return combine(members, level=own.level, target=target, reference=own.reference).estimate
    except UsageError:
        if target == "T_N":
            raise
        return None
