"""Where and how fast a benchmark's stages are run: everything that no number depends on, in one noun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.benchmark import load
from harness.pipeline.executors.table import executor as executor_of
from harness.pipeline.executors.work import Asked, Executor
from harness.pipeline.places import StorePlace, open_store, store_place
from harness.pipeline.plan import Plan
from harness.pipeline.stages import Pipeline, Progress, Silent
from harness.pipeline.store import Store


@dataclass(frozen=True)
class Execution:
    """Where and how fast the stages of a benchmark are run.

    store         keeps images, features and scores: a folder or an address; None: `$HARNESS_STORE`, else `.harness`
    device        where encoders and metrics compute: auto, cpu, cuda, cuda:1, mps or xpu
    workers       processes of this machine; None: one a GPU where there are several, else one a core, eight at most
    executor      runs the work in their place, where given
    verify        reads every real image again and holds it against its pin
    unit_timeout  seconds after which a unit of work is ended and its cells fail
    progress      hears what is done
    """

    store: str | StorePlace | None = None
    device: str = "auto"
    workers: int | None = None
    executor: Executor | None = None
    verify: bool = False
    unit_timeout: float | None = None
    progress: Progress = field(default_factory=Silent)

    def plan(self, path: str | Path) -> Plan:
        """The benchmark of a YAML file, bound to the store. Raises UsageError for a declaration that cannot be used."""
        return Plan(load(Path(path)), store_place(self.store), self.device)

    def opened(self) -> Store:
        """The store itself."""
        return open_store(store_place(self.store))

    @contextmanager
    def pipeline(self, plan: Plan, **scope: Any) -> Iterator[Pipeline]:
        """The stages of a plan on the executor, which is entered; `scope` narrows them (fields of Pipeline)."""
        with self.executor or executor_of(asked=Asked(self.workers, device=self.device)) as entered:
            yield Pipeline(plan, entered, self.progress, verify=self.verify, unit_timeout=self.unit_timeout, **scope)
