"""Pre-registration: what was to be measured and decided, frozen in a file before the first image was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.base import UsageError, digest, unknown, write_json
from harness.pipeline import provenance
from harness.pipeline.plan import Plan, plain

SUFFIX = ".registered.json"
POST_HOC = "post hoc"
FORMAT = 1
# What `harness gate` and `harness compare` do with the metric, as one sentence; a user's own is any other.
RULE = "one-sided tests against the same reference, Holm over all of them, at the level of the intervals"


def register(bench: Path, plan: Plan, *, metric: str | None, margin: float, rule: str | None) -> tuple[Path, str]:
    """Write `<stem>.registered.json` beside the benchmark; returns it and the digest to make public.

    Raises UsageError where one is there already, where the store holds images of this benchmark, and for a metric that
    it does not have.
    """
    benchmark = plan.benchmark
    path = bench.with_name(f"{bench.stem}{SUFFIX}")
    if path.exists():
        raise UsageError(f"{path}: already exists and is not overwritten; for another question, use another YAML")
    if metric is not None and metric not in benchmark.metrics:
        raise UsageError(unknown("metric", metric, benchmark.metrics))
    if made := [fake.generator for fake in plan.fakes if plan.images(fake) is not None]:
        names = ", ".join(dict.fromkeys(made))
        raise UsageError(f"{bench}: the store already holds images of {names}; registering now would be post hoc")
    told = {
        "format": FORMAT,
        "name": benchmark.name,
        "benchmark": _declaration(plan),
        "seeds": {
            "seed": benchmark.seed,
            "training_seeds": list(benchmark.training_seeds),
            "sampling_seeds": list(benchmark.sampling_seeds),
        },
        "decision": {
            "metric": metric or benchmark.rank_by.metric,
            "encoder": benchmark.rank_by.encoder,
            "margin": margin,
            "level": benchmark.interval.level,
            "rule": rule or RULE,
        },
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": plain(provenance.software()),
    }
    own = digest(told)
    write_json(path, {**told, "digest": own})
    return path, own


def standing(plan: Plan) -> str:
    """`registered …` with time, digest and decision, of a sound registration beside the benchmark, or `post hoc`.

    A file that was changed, or is of another declaration, counts for nothing.
    """
    folder = plan.benchmark.folder
    files = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not files:
        return POST_HOC
    declared = _declaration(plan)
    for file in files:
        told = _read(file)
        if told is not None and told["benchmark"] == declared:
            decided = told["decision"]
            return (
                f"registered {told['time']}, digest {told['digest'][:16]}: {decided['metric']} under "
                f"{decided['encoder']}, margin {decided['margin']:g}, level {decided['level']:g}; {decided['rule']}"
            )
    return POST_HOC


def _read(file: Path) -> Mapping[str, Any] | None:
    """A registration, or None where it is none or was changed."""
    try:
        told = json.loads(file.read_text("utf-8"))
        own = told.pop("digest")
        sound = told["format"] == FORMAT and digest(told) == own
        told["decision"]["metric"], told["time"], told["benchmark"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return {**told, "digest": own} if sound else None


def _declaration(plan: Plan) -> str:
    """The digest of the whole declaration, defaults filled in and the data set's pins included."""
    return digest(plain(plan.benchmark.resolved()))
