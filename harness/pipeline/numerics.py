"""The numerics component: the reference and one image set of each generator encoded again, at other batch sizes.

What these features give are values, not scores: they live under kinds of their own in the store and enter no interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.base import Reference, digest
from harness.metrics import numerics, values_of
from harness.pipeline.encode import encoded, load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, PlannedSet
from harness.pipeline.sample import load_images
from harness.pipeline.score import metric_call
from harness.pipeline.store import CorruptEntry, Entry
from harness.uncertainty import Analysis, interval

FORMAT = 1
FEATURES, VALUES = "numerics_features", "numerics"
DECLARED = "declared"


def alternatives(plan: Plan) -> tuple[int, ...]:
    """The other batch sizes that the benchmark asks for; none by default."""
    return tuple(dict.fromkeys(plan.benchmark.numerics.batch_sizes)) if plan.benchmark.numerics else ()


def words(batch_size: int) -> str:
    """A computation as records name it."""
    return f"batch size {batch_size}"


def unmoved(plan: Plan, encoder: str) -> str:
    """Why another batch size gives the same features to the last bit and none is computed; "" where it may not."""
    recipe = plan.benchmark.recipe(encoder)
    whole_batches = recipe.resize is not None and recipe.resize.library == "torch"
    return "" if whole_batches else plan.benchmark.encoders[encoder].component.per_image


def find_again(plan: Plan, source: PlannedSet, encoder: str, batch_size: int) -> Entry | None:
    """The stored features of an image set at another batch size."""
    images = plan.images(source)
    return None if images is None else plan.store.find(FEATURES, _feature_key(plan, images, encoder, batch_size))


def encode_again(plan: Plan, source: PlannedSet, encoder: str, batch_size: int) -> Entry:
    """Store an image set's features at another batch size: float32 (n, d)."""
    rows = load_features(plan, source, encoder).rows if unmoved(plan, encoder) else None
    if rows is None:
        rows, _ = encoded(plan, source, encoder, batch_size)
    key = _feature_key(plan, load_images(plan, source), encoder, batch_size)
    return plan.store.put(FEATURES, key, [{"features": rows}], {"n": len(rows), "batch_size": batch_size})


def find_values(plan: Plan, source: FakeSet, encoder: str) -> dict[str, dict[str, float]] | None:
    """Every metric's value by computation, as stored by `make_values`; None where it is not."""
    key = _value_key(plan, source, encoder)
    entry = None if key is None else plan.store.find(VALUES, key)
    return None if entry is None else dict(entry.facts)


def make_values(plan: Plan, source: FakeSet, encoder: str) -> None:
    """Store every metric's value under the declared batch size and each other one, from both sides encoded so."""
    real, fake = (load_features(plan, side, encoder).rows for side in (plan.reference, source))
    pairs: dict[str, Any] = {DECLARED: (real, fake)}
    for size in alternatives(plan):
        pairs[words(size)] = tuple(load_again(plan, side, encoder, size) for side in (plan.reference, source))
    calls = {metric: metric_call(plan, metric) for metric in plan.benchmark.metrics_of(encoder)}
    # As declared in every one: what moves with the batch size is what is scored.
    training = load_features(plan, plan.training, encoder).rows if plan.training and plan.trains(*calls) else None
    found: dict[str, dict[str, float]] = {}
    for name, pair in pairs.items():
        # Most encoders give the same bytes at any batch size: then so do metrics.
        alike = next((one for one in found if all(map(np.array_equal, pairs[one], pair))), None)
        found[name] = values_of(calls, *pair, training=training) if alike is None else found[alike]
    values = {metric: {name: found[name][metric] for name in pairs} for metric in calls}
    key = _value_key(plan, source, encoder)
    assert key is not None
    plan.store.put(VALUES, key, [], values)


def component(values: dict[str, float], analysis: Analysis, reference: Reference) -> dict[str, Any]:
    """One metric's component for a record: its largest deviation against the standard error of this image set."""
    others = {name: value for name, value in values.items() if name != DECLARED}
    se = interval(analysis, level=0.95, target="T_N", reference=reference).se
    if se is None:
        return {"failed": f"no standard error to compare it with: {analysis.method}"}
    return numerics(values[DECLARED], others, se=se).to_facts()


def load_again(plan: Plan, source: PlannedSet, encoder: str, batch_size: int) -> np.ndarray:
    """An image set's features at another batch size, float32 (n, d), made now where they are missing or corrupted."""
    for _ in range(2):
        entry = find_again(plan, source, encoder, batch_size) or encode_again(plan, source, encoder, batch_size)
        try:
            return entry.arrays()["features"]
        except CorruptEntry:
            plan.store.discard(FEATURES, entry.folder.name)
    raise OSError(f"{plan.store_root}: features cannot be read back as written; check the disk")


def _feature_key(plan: Plan, images: Entry, encoder: str, batch_size: int) -> str:
    return digest({"format": FORMAT, "as": plan.feature_key(images, encoder), "batch_size": batch_size})


def _value_key(plan: Plan, source: FakeSet, encoder: str) -> str | None:
    real, fake = plan.features(plan.reference, encoder), plan.features(source, encoder)
    if real is None or fake is None:
        return None
    return digest(
        {
            "format": FORMAT,
            "features": [
                real.folder.name,
                fake.folder.name,
            ],  # their keys: images, recipe, encoder, declared batch size
            "batch_sizes": list(alternatives(plan)),
            "metrics": {
                metric: plan.method(metric) | plan.identity("metrics", metric)
                for metric in plan.benchmark.metrics_of(encoder)
            },
        }
    )
