"""Which class each image is of: as it was made, or as a classifier of the features sees it, both sides alike.

A classifier errs, and errs on fakes in its own way. Where it labels the real images too, a class is a region of feature
space, and a perfect generator has the same law as the real images in every region, whatever the classifier's errors.
Labels of two kinds, given ones here and a classifier's there, would not have that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.pipeline import FakeSet, Plan, load_features, load_groups, pool_labels, real_labels, stored_labels

Labels = npt.NDArray[np.int64]
GIVEN, SEEN = "labels that it was made with", "a linear classifier on the features"
ENOUGH = 0.6  # of the reference, that a classifier must get right to be of use


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of features, trained on real images with labels; `right` is its share on the reference."""

    model: Any
    middle: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    right: float
    trained_on: str

    @classmethod
    def of(cls, plan: Plan, encoder: str, reference: Labels) -> Classifier:
        """Trained on the training split. Raises UsageError where there is none, or it is right too seldom."""
        from sklearn.linear_model import LogisticRegression

        if plan.training is None:
            raise UsageError(
                f"{plan.benchmark.name}: generated images have no labels, and the classifier that "
                "predicts them needs a `training_split` with labels"
            )
        labels = real_labels(plan, plan.training)
        rows = load_features(plan, plan.training, encoder).rows.astype(np.float64)
        middle, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-12)
        model = LogisticRegression(C=0.1, max_iter=2000).fit((rows - middle) / scale, labels)
        made = cls(model, middle, scale, 0.0, plan.training.split)
        seen = made(load_features(plan, plan.reference, encoder).rows)
        right = float(np.mean(seen == reference))
        if right < ENOUGH:
            raise UsageError(
                f"a linear classifier under {encoder} labels only {right:.0%} of the reference images "
                "correctly, too few to trust its classes; give the generated images labels "
                "(`groups`), or use another --encoder"
            )
        return cls(model, middle, scale, right, plan.training.split)

    def __call__(self, rows: npt.NDArray[Any]) -> Labels:
        """The class of each row."""
        return np.asarray(self.model.predict((rows.astype(np.float64) - self.middle) / self.scale), np.int64)


def given(plan: Plan, fake: FakeSet, classes: Sequence[int]) -> Labels | None:
    """The classes that an image set was made with; None where its generator gives none, or other ones."""
    held = load_groups(plan, fake).labels.get("strata")
    if held is None:
        return pool_labels(plan, fake)
    number = {int(code): label for code, label in zip(stored_labels(classes), classes, strict=True)}
    if not set(held.tolist()) <= number.keys():
        return None
    return np.array([number[code] for code in held.tolist()], np.int64)
