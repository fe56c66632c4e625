"""The executors that there are, one row each, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

from harness.base import UsageError, unknown
from harness.pipeline.executors.work import Asked, Executor

DEFAULT = "local"
# Name → "module:Class"; `Class.of(asked, address)` makes one. What follows `name://` is its address.
EXECUTORS: Mapping[str, str] = {
    DEFAULT: "harness.pipeline.executors.local:LocalExecutor",
    "ray": "harness.pipeline.executors.on_ray:RayExecutor",
    "slurm": "harness.pipeline.executors.on_slurm:SlurmExecutor",
}
ADDRESSED = ("ray",)


def executor(name: str = DEFAULT, asked: Asked | None = None, *, workers: int | None = None) -> Executor:
    """The executor of a name, such as `local`, `ray` or `ray://HOST:PORT`, not entered yet.

    Raises UsageError for a name that is not in the table, and an executor that this machine has no program for.
    """
    kind, separator, _ = name.partition("://")
    if kind not in EXECUTORS or (separator and kind not in ADDRESSED):
        raise UsageError(unknown("executor", name, EXECUTORS))
    asked = asked or Asked()
    module, _, thing = EXECUTORS[kind].partition(":")
    address = name if separator else ""
    made: Executor = getattr(import_module(module), thing).of(
        asked if workers is None else replace(asked, workers=workers), address
    )
    return made
