"""Labels of real images in the order of their features, and labels as image sets store them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.pipeline.checked import open_split
from harness.pipeline.groups import hashed
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, RealSet
from harness.pipeline.sample import drawn_images, drawn_rows


def real_labels(plan: Plan, source: RealSet) -> NDArray[np.int64]:
    """The label of each image of a real set, (n,). Raises UsageError for a split without labels."""
    whole = open_split(plan.benchmark.data, source.split)
    if whole.labels is None:
        raise UsageError(f"{plan.benchmark.data.where}: split {source.split} has no labels")
    rows = drawn_rows(plan, source, len(whole.labels))
    return np.asarray(whole.labels if rows is None else whole.labels[rows], np.int64)


def pool_labels(plan: Plan, fake: FakeSet) -> NDArray[np.int64] | None:
    """The labels (n,) of an image set that shows images of a real split; None for other generators, or without any."""
    split = plan.fit_split(fake.generator)
    if plan.benchmark.generators[fake.generator].component.pool != "split" or split is None:
        return None
    labels = open_split(plan.benchmark.data, split).labels
    if labels is None:
        return None
    return np.asarray(labels[drawn_images(plan, fake, len(labels))], np.int64)


def stored_labels(labels: Sequence[int | str]) -> NDArray[np.int64]:
    """Labels as the groups of image sets hold them (n,)."""
    return hashed({"labels": labels})["labels"]
