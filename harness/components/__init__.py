"""The built-in table: generators, encoders, metrics, datasets, their parameters and facts, importing none of them."""

from __future__ import annotations

from harness.components.base import FILE, KINDS, RANDOM, Component, Expects, Kind, Seed
from harness.components.datasets import DATASETS
from harness.components.encoders import ENCODERS
from harness.components.generators import GENERATORS
from harness.components.metrics import METRICS

__all__ = ["FILE", "KINDS", "RANDOM", "TABLE", "Component", "Expects", "Kind", "Seed"]

TABLE: tuple[Component, ...] = (*GENERATORS, *ENCODERS, *METRICS, *DATASETS)
