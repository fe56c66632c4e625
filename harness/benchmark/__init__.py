"""One YAML file → one frozen Benchmark: reading, checking, datasets, protocols, presets and the registry of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.benchmark import entries, from_folders, presets, protocols, registry, trust
    from harness.benchmark.audit import Audit, unknown_to, with_parameters
    from harness.benchmark.datasets import UNPINNED, PinnedDataset
    from harness.benchmark.datasets import load as read_catalogue
    from harness.benchmark.datasets import of_benchmark as datasets_of
    from harness.benchmark.entries import EncoderEntry
    from harness.benchmark.given import Inside, given_sets, judged_sets, suffixes
    from harness.benchmark.listed import described, listing
    from harness.benchmark.locked import Place, from_lock
    from harness.benchmark.model import Benchmark, Name, load
    from harness.benchmark.protocols.metric_conventions import conventions
    from harness.benchmark.registry import TABLE, Component
    from harness.benchmark.schemas import benchmark_schema, datasets_schema, key_meanings
    from harness.benchmark.starter import write_starter
    from harness.benchmark.watched import write_watched

__getattr__ = door(__name__)
