"""A reproducible benchmark harness for generative image models.

>>> from harness import estimate, run_benchmark
"""

from __future__ import annotations

from typing import Any

__all__ = ["estimate", "run_benchmark"]

_HOMES = {"estimate": "harness.metrics.estimates", "run_benchmark": "harness.run"}


def __getattr__(name: str) -> Any:
    # Looked up when used: `harness --help` must not wait for numpy.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
