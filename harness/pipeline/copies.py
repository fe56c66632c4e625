"""The check for copies of an image set; what of it hangs on the real images alone is made once for all generators."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.base import digest
from harness.metrics import copied_share, spacing
from harness.pipeline.encode import Features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import COPIES

FORMAT = 1
KIND = "copies"


def observed(plan: Plan, fake: Features, real: Features, training: Features | None) -> dict[str, float]:
    """Shares of the fakes that repeat one another, that are images of the reference, of the training split, or near."""
    seen = {"reference_copies": fake.share_in(real), "repeats": 1 - len(fake.known) / len(fake.prints)}
    if training is not None:
        apart = _spacing(plan, training)
        seen["training_copies"] = fake.share_in(training)
        # Real images that no generator saw say how often chance alone brings one this close to a training image.
        seen["near_copies"] = copied_share(training.rows, fake.rows, apart=apart, processor=plan.processor)
        seen["near_copies_unseen"] = _unseen(plan, training, real, apart)
    return seen


def _spacing(plan: Plan, training: Features) -> np.ndarray:
    """How far each training image lies from its nearest other, squared; stored for each training split and encoder."""
    key = _key(plan, training)
    if (found := plan.store.load(KIND, key)) is None:
        apart = spacing(training.rows, processor=plan.processor)
        plan.store.put(KIND, key, [{"spacing": apart}], {"n": len(apart)})
        return apart
    return found[1]["spacing"]


def _unseen(plan: Plan, training: Features, real: Features, apart: np.ndarray) -> float:
    """The share of real images near a training image; stored for each pair of splits and encoder."""
    key = _key(plan, training, real)
    if (found := plan.store.load(KIND, key)) is None:
        share = copied_share(training.rows, real.rows, apart=apart, processor=plan.processor)
        plan.store.put(KIND, key, [], {"near_copies_unseen": share})
        return share
    return float(found[0]["near_copies_unseen"])


def _key(plan: Plan, *sets: Features) -> str:
    parts: dict[str, Any] = {"format": FORMAT, "sets": [one.entry.facts["content"] for one in sets]}
    return digest(parts | plan.method(COPIES))
