"""What a stage made, as content digests: what DVC compares."""

from __future__ import annotations

from typing import Any

from harness.pipeline.planned import FakeSet, PlannedSet
from harness.pipeline.stages import Pipeline
from harness.pipeline.units import name_of


def receipt_of(pipeline: Pipeline, stage: str) -> dict[str, Any]:
    """By the name of each image set, the real ones too, the digest of what `stage` made of it; None where it failed."""
    plan = pipeline.plan
    named: list[tuple[str, PlannedSet]] = [(f"real split {real.split}", real) for real in pipeline.reals]
    named += [(name_of(fake), fake) for fake in pipeline.fakes]
    made: dict[str, Any] = {}
    for name, source in named:
        if stage == "sample":
            images = plan.images(source)
            made[name] = images.facts["content"] if images else None
            continue
        for encoder in pipeline.encoders:
            if stage == "score" and isinstance(source, FakeSet):
                scores = plan.scores(source, encoder)
                made[f"{name} under {encoder}"] = {m: e.folder.name if e else None for m, e in scores.items()}
            else:
                features = plan.features(source, encoder)
                made[f"{name} under {encoder}"] = features.facts["content"] if features else None
    return made
