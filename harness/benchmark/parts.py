"""The parts of a benchmark as its checks see them: what could be read, and what was found wrong so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base import Document
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import MetricEntry


@dataclass(frozen=True)
class Parts:
    """The values of a benchmark's keys, made where they could be made, beside the document they were read from.

    `folder` is what its paths are relative to.
    """

    document: Document
    data: PinnedDataset | None
    values: Mapping[str, Any]
    folder: Path | None = None

    def sound(self, key: str, default: Any = None) -> Any:
        """The value of a key without a problem; None for one with."""
        return self.values.get(key, default) if self.document.sound(key) else None

    def entries(self, kind: str) -> dict[str, Any]:
        """The entries of a kind that could be made, by name."""
        return dict(self.values.get(kind) or {})

    def metrics_of(self, encoder: str) -> list[MetricEntry]:
        """The metrics that are computed under an encoder."""
        metrics: Mapping[str, MetricEntry] = self.values.get("metrics") or {}
        return [metric for metric in metrics.values() if metric.encoders is None or encoder in metric.encoders]
