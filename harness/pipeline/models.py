"""Trained models in the store: fitted once for all cells whose training is equal, whatever their sampling reads."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError, locked
from harness.benchmark import registry
from harness.pipeline import provenance
from harness.pipeline.checked import load_split
from harness.pipeline.plan import Plan

KIND = "models"
TURNS = "turns"  # the store's folder of lock files, one a model that is or was being fitted


class WaitingForModelWarning(UserWarning):
    """Another process is fitting the very model; this one takes it when it is there."""


@dataclass(frozen=True)
class Fitted:
    """A generator ready to sample. `seconds` of CPU its training took; None where nothing is trained."""

    generator: Any
    seconds: float | None = None

    def costs(self) -> dict[str, float | int]:
        """What it cost and holds, as far as that is known: facts, which no key hangs on."""
        found = {name: getattr(self.generator, name, None) for name in ("parameters", "evaluations")}
        said = {name: value for name, value in found.items() if isinstance(value, int) and value is not True}
        trained: dict[str, float | int] = {} if self.seconds is None else {"training_seconds": self.seconds}
        return {**trained, **said}


def fitted(plan: Plan, name: str, training_seed: int | None, made: Any) -> Fitted:
    """A generator of the benchmark, `made` and then trained on its split if it learns: now, or restored from the store.

    Raises UsageError for a `fit` that the declaration does not know of, and a split that is not there.
    """
    if not hasattr(made, "fit"):
        return Fitted(made)
    entry = plan.benchmark.generators[name]
    if not entry.trained and not registry.is_built_in("generators", entry.use):
        raise UsageError(
            f"generator {name}: {entry.use} has a `fit` that was not found in its source "
            "(inherited from another file?); add `trained: true` to its entry, or training seeds "
            "are ignored"
        )
    if plan.fit_split(name) is None:
        raise UsageError(
            f"generator {name} needs split {plan.benchmark.training_split!r}, which dataset "
            f"{plan.benchmark.dataset} does not have"
        )
    if not is_kept(made):
        return Fitted(made, _fit(plan, name, training_seed, made))
    facts, state = _model(plan, name, training_seed)
    made.restore(state)
    return Fitted(made, facts["training_seconds"])


def is_kept(made: Any) -> bool:
    """Whether a generator's model is kept in the store: `harness.generators.KeptModel`."""
    return all(callable(getattr(made, method, None)) for method in ("fit", "state", "restore"))


def _model(plan: Plan, name: str, training_seed: int | None) -> tuple[Mapping[str, Any], dict[str, NDArray[Any]]]:
    """Facts and state of the model, fitted here unless it is in the store or another process makes it meanwhile."""
    key = plan.model_key(name, training_seed)
    found = plan.store.load(KIND, key)
    if found is not None:
        return found

    def say() -> None:
        text = f"another process is training the model of {name}; waiting for it"
        warnings.warn(text, WaitingForModelWarning, 6)

    with locked(plan.store.root / TURNS / key, waiting=say):
        found = plan.store.load(KIND, key)
        if found is None:
            made = plan.component("generators", name)
            seconds = _fit(plan, name, training_seed, made)
            state = {label: np.asarray(array) for label, array in made.state().items()}
            facts = {"training_seconds": seconds, "libraries": provenance.library_versions()}
            plan.store.put(KIND, key, [state], facts)
            found = plan.store.load(KIND, key)
    assert found is not None, "the stored model cannot be read back"
    return found


def _fit(plan: Plan, name: str, training_seed: int | None, made: Any) -> float:
    """Train a generator; the CPU seconds that it took."""
    split = plan.fit_split(name)
    assert split is not None
    data = load_split(plan.benchmark.data, split, folder=plan.store.temporary())
    began = time.process_time()
    made.fit(data.images, data.labels, seed=plan.training_seed(name, training_seed))
    return round(time.process_time() - began, 3)
