"""The executors that there are, one row each, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from harness.base import UsageError, unknown
from harness.pipeline.executors.work import Executor

DEFAULT = "local"
# Name → "module:Class"; the class is called with the number of workers.
EXECUTORS: Mapping[str, str] = {
    DEFAULT: "harness.pipeline.executors.local:LocalExecutor",
}


def executor(name: str = DEFAULT, *, workers: int) -> Executor:
    """The executor of a name, not entered yet. Raises UsageError for a name that is not in the table."""
    if name not in EXECUTORS:
        raise UsageError(unknown("executor", name, EXECUTORS))
    module, _, thing = EXECUTORS[name].partition(":")
    made: Executor = getattr(import_module(module), thing)(workers)
    return made
