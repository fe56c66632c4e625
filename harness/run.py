"""One invocation: a benchmark's stages in order, then what it leaves in OUT, then the report and MLflow."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.base import Record, read_records, scheme_of, write_atomically
from harness.pipeline import (
    Execution,
    Executor,
    Leaderboard,
    Pipeline,
    Progress,
    Share,
    Sharing,
    Silent,
    StorePlace,
    begin_run,
    costs,
    declared,
    failure_lines,
    first_images,
    lockfile,
    nearest_images,
    ownership,
    provenance,
    publish_run,
    results,
    stored_names,
)
from harness.report import GRID, drop_findings, freshen_report, write_curves, write_grids, write_nearest, write_plots


@dataclass(frozen=True)
class Result:
    """What a run made and where it lies.

    failures  a line for every cell that failed; `usage` says that one of them is the user's to mend
    cached    nothing had to be computed or written
    unread_since  when the real images were last read whole and held against their pins; None where it was in this run
    tracked   where MLflow has it; None when not asked for or out of reach (`untracked` then says why)
    """

    out: Path
    leaderboard: Leaderboard
    failures: tuple[str, ...]
    usage: bool
    cached: bool
    seconds: float
    tracked: str | None = None
    untracked: str | None = None
    unread_since: str | None = None

    @property
    def records(self) -> list[Record]:
        """Every Record of the run."""
        return read_records(self.out / "records.jsonl")


def run_benchmark(
    path: str | Path,
    *,
    out: str | Path | None = None,
    store: str | StorePlace | None = None,
    device: str = "auto",
    workers: int | None = None,
    executor: Executor | None = None,
    verify: bool = False,
    unit_timeout: float | None = None,
    tracking: bool = True,
    tracking_uri: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run a benchmark: sample, encode, score, rank; write OUT (default `results/<name>`) and log it to MLflow.

    Only `path` decides the numbers. The other arguments set where and how fast to run. `store` (default
    `$HARNESS_STORE`, else `.harness`) caches images, features and scores: a second run computes only what is missing.
    `out` and `store` may be addresses such as `s3://bucket/prefix`; `Result.out` is then the local copy.
    `workers` is the number of processes (default: one per GPU, else one per core up to 8); `executor` runs the work
    elsewhere instead. `verify` re-reads every real image and checks its pinned digest; by default unchanged files (size
    and time) are not re-read. `device` is for encoders and metrics: auto, cpu, cuda, cuda:1, mps or xpu.
    `tracking=False` disables MLflow. `unit_timeout` (seconds) stops a unit of work that hangs (the images, features or
    scores of one set); its cells then fail.

    Raises UsageError for an invalid benchmark or dataset, before the first image is generated. A cell that fails
    becomes a failed Record; the others continue. Raises OSError if the disk is full.

    >>> result = run_benchmark("benchmarks/digits.yaml", tracking=False)  # doctest: +SKIP
    >>> result.leaderboard.rows[0].generator  # doctest: +SKIP
    'holdout'
    """
    execution = Execution(store, device, workers, executor, verify, unit_timeout, progress or Silent())
    return run_with(execution, path, out=out, tracking=tracking, tracking_uri=tracking_uri)


def run_with(
    execution: Execution,
    path: str | Path,
    *,
    out: str | Path | None = None,
    tracking: bool = True,
    tracking_uri: str | None = None,
) -> Result:
    """`run_benchmark`, with where and how fast in one noun."""
    start = time.perf_counter()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    url = str(out) if out and scheme_of(str(out)) else None
    plan = execution.plan(path)
    folder = begin_run(url) if url else Path(out) if out else Path("results") / plan.benchmark.name
    plan.check_place()
    ownership.claim(folder, plan.benchmark.name)
    with execution.pipeline(plan) as pipeline:
        pipeline.identify()
        pipeline.check()
        ownership.warn_of_replacing(folder, declared(plan))
        pipeline.sample()
        pipeline.encode()
        pipeline.score()
    with ownership.writing(folder):
        result = _finish(folder, pipeline, start, began)
        tracked, untracked = _track(folder, tracking_uri) if tracking else (None, None)
        if url:
            publish_run(url)
    return replace(result, tracked=tracked, untracked=untracked)


@dataclass(frozen=True)
class ShareResult:
    """What one share of a run did. `left` units lacked another share's work; `failures` has a line for each reason."""

    done: int
    left: int
    failures: tuple[str, ...]
    usage: bool


def run_share(execution: Execution, path: str | Path, share: Share, *, patience: float = 60.0) -> ShareResult:
    """Do one share of a benchmark's units, into the store that all shares have in common; OUT is for `run_benchmark`.

    Shares run at once or one after the other, on one machine or many. One that needs another's work waits while that is
    at work or, for `patience` seconds, about to begin; what cannot be done then is left. Else as `run_benchmark`.
    """
    plan = execution.plan(path)
    plan.check_place()
    with Sharing(plan, share, patience) as sharing, execution.pipeline(plan, sharing=sharing) as pipeline:
        pipeline.identify()
        pipeline.sample()
        pipeline.encode()
        pipeline.score()
    failures = [*pipeline.image_failures.values(), *pipeline.failures.values()]
    told = tuple(dict.fromkeys(failure.reason for failure in failures))
    return ShareResult(sharing.done, len(sharing.left), told, any(failure.usage for failure in failures))


def what_is_missing(execution: Execution, path: str | Path) -> list[str]:
    """What a rank of the benchmark still needs and the store does not have: images, features, scores, in words."""
    plan = replace(execution, device="cpu").plan(path)
    plan.check_place()
    with replace(execution, executor=None, device="cpu", progress=Silent()).pipeline(plan) as pipeline:
        return pipeline.missing()


def _finish(folder: Path, pipeline: Pipeline, start: float, began: str) -> Result:
    """What the run made, brought into OUT unless OUT holds it already; nothing is tracked yet."""
    lock = lockfile.resolved(pipeline)
    # What failed is tried again.
    beside = (pipeline.numerics_failures, pipeline.likelihood_failures, pipeline.size_failures)
    failed = bool(pipeline.failures or any(beside))
    cached = not failed and ownership.is_complete(folder, lock["run_key"])
    board = results.read_leaderboard(folder) if cached else _write(folder, pipeline, lock)
    freshen_report(folder)  # a cached run too: a study may have added a finding
    seconds = time.perf_counter() - start
    if not cached:
        about = {"run_key": lock["run_key"], "time": began, "seconds": round(seconds, 3)}
        about["machine"] = provenance.machine()
        write_atomically(folder / "run.json", (json.dumps(about, indent=1) + "\n").encode("ascii"))
        if not failed:
            ownership.write_receipt(folder, lock)
    ownership.settle(folder)
    return Result(
        out=folder,
        leaderboard=board,
        failures=tuple(failure_lines(pipeline.failures)),
        usage=any(failure.usage for failure in pipeline.failures.values()),
        cached=cached,
        seconds=seconds,
        unread_since=pipeline.plan.unread_since,
    )


def _write(folder: Path, pipeline: Pipeline, lock: Mapping[str, Any]) -> Leaderboard:
    ownership.clear(folder)
    drop_findings(folder, keep=(lock["run_key"], lockfile.declared_key(lock)))  # of records that go now
    ranked = pipeline.rank()
    results.write(folder, ranked, lock, pipeline.failures)
    results.write_names(folder, stored_names(pipeline.plan))
    results.write_costs(folder, costs(pipeline.plan))
    write_grids(folder / "grids", first_images(pipeline.plan, GRID))
    write_nearest(folder, nearest_images(pipeline.plan))
    write_plots(folder / "plots", list(ranked.records), json.loads(ranked.leaderboard.to_json()))
    write_curves(folder / "plots", ranked.leaderboard)
    return ranked.leaderboard


def _track(folder: Path, uri: str | None) -> tuple[str | None, str | None]:
    """Where MLflow has the run, or why it has not."""
    from harness.report import TrackingUnavailable, track

    try:
        sent = track(folder, uri)
    except TrackingUnavailable as problem:
        return None, f"{problem}; the results are in {folder}; send them later with `harness track {folder}`"
    return sent.url if sent.uri.startswith("http") else f"`make ui`, then {sent.url}", None
