"""Stage `score`: every metric of a pair of feature sets with what its intervals need, into the store."""

from __future__ import annotations

from harness import registry
from harness.errors import UsageError
from harness.metrics.memorization import copied_share
from harness.stages.features import load_features
from harness.stages.plan import COPIES, FakeSet, Plan
from harness.store import CorruptEntry
from harness.uncertainty import Analysis, MetricCall, analyse


def make_scores(plan: Plan, source: FakeSet, encoder: str) -> None:
    """Store the scores that are missing of one image set under one encoder."""
    real = load_features(plan, plan.reference, encoder)
    fake = load_features(plan, source, encoder)
    training = load_features(plan, plan.training, encoder) if plan.training else None
    missing = [metric for metric, found in plan.scores(source, encoder).items() if found is None]

    def put(metric: str, arrays: dict, facts: dict) -> None:  # type: ignore[type-arg]
        key = plan.score_key(real.entry, fake.entry, training.entry if training else None, metric)
        plan.store.put("scores", key, [arrays] if arrays else [], facts)

    if COPIES in missing:
        seen = {"reference_copies": fake.share_in(real), "repeats": 1 - len(fake.known) / len(fake.prints)}
        if training is not None:
            seen["training_copies"] = fake.share_in(training)
            # Real images that no generator saw say how often chance alone brings one this close to a training image.
            seen["near_copies"] = copied_share(training.rows, fake.rows)
            seen["near_copies_unseen"] = copied_share(training.rows, real.rows)
        put(COPIES, {}, seen)
    calls = {metric: metric_call(plan, metric) for metric in missing if metric != COPIES}
    # The harness's own together, since they share work; then each of the user's, so that one that fails costs no other.
    built_in = {metric: call for metric, call in calls.items() if call.function is None}
    for group in [
        *([built_in] if built_in else []),
        *({metric: call} for metric, call in calls.items() if metric not in built_in),
    ]:
        try:
            analyses = analyse(
                group,
                real.rows,
                fake.rows,
                replicates=plan.benchmark.interval.replicates,
                real_seed=plan.seed("replicates", real.entry.facts["content"]),
                fake_seed=plan.seed("replicates", fake.entry.facts["content"]),
            )
        except Exception as error:
            if not isinstance(error, UsageError) and group != built_in:
                error.add_note(f"metric {next(iter(group))}:")
            raise
        for metric, analysis in analyses.items():
            facts, arrays = analysis.to_parts()
            put(metric, arrays, facts)


def metric_call(plan: Plan, metric: str) -> MetricCall:
    """A metric of the benchmark as floor 2 takes it: the built-in ones by name, a user's own as a function."""
    entry = plan.benchmark.metrics[metric]
    if registry.is_built_in("metrics", entry.use):
        return MetricCall(entry.use, dict(entry.parameters))
    return MetricCall(entry.use, {}, plan.component("metrics", metric))


def load_analysis(plan: Plan, source: FakeSet, encoder: str, metric: str) -> Analysis | None:
    """A stored score, or None where there is no intact one."""
    entry = plan.scores(source, encoder)[metric]
    if entry is None:
        return None
    try:
        return Analysis.from_parts(dict(entry.facts), entry.arrays())
    except CorruptEntry:
        plan.store.discard("scores", entry.folder.name)
        return None
