"""Numerics as a component: how far another batch size moves a metric, the images and everything else being the same.

It should be far below the standard error: floats added in another order. An encoder whose rows depend on their batch
(a batch normalisation left in training mode, say) shows here.
"""

from __future__ import annotations

from harness import metrics, registry
from harness.keys import digest
from harness.stages.features import load_features, rows_at
from harness.stages.plan import FakeSet, Plan
from harness.stages.scores import metric_call

NOTABLE = 0.01  # of a standard error, from which a reader is told
FUNCTIONS = {"fd": metrics.frechet_distance, "kd": metrics.kernel_distance}


def deviations(plan: Plan, source: FakeSet, encoder: str) -> dict[str, float]:
    """The largest absolute change of each metric over the batch sizes that the benchmark's `numerics` names."""
    declared = plan.benchmark.numerics
    assert declared is not None
    real, fake = load_features(plan, plan.reference, encoder), load_features(plan, source, encoder)
    parts = [side.entry.folder.name for side in (real, fake)]
    identities = {name: plan.identity("metrics", name) for name in plan.benchmark.metrics}
    statistics = registry.source_digest(("harness.metrics",))
    key = digest(
        {"format": 1, "features": parts, "sizes": declared.batch_sizes, "metrics": identities, "s": statistics}
    )
    found = plan.store.load("numerics", key)
    if found is not None:
        return dict(found[0])
    largest = dict.fromkeys(plan.benchmark.metrics, 0.0)
    for size in declared.batch_sizes:
        again = [rows_at(plan, side, encoder, size) for side in (plan.reference, source)]
        for name in largest:
            call = metric_call(plan, name)
            function = call.function or FUNCTIONS.get(call.use) or getattr(metrics, call.use)
            before, after = (float(function(x, y, **call.parameters)) for x, y in ((real.rows, fake.rows), again))
            largest[name] = max(largest[name], abs(after - before))
    plan.store.put("numerics", key, [], largest)
    return largest
