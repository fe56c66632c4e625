"""What the commands of the stages share: a whole run with its table, and stages alone with their receipt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import FAILED, USAGE
from harness.cli.options import (
    BENCH,
    CPUS,
    DETAILS,
    DEVICE,
    EXECUTOR,
    GPUS,
    OUT,
    STORE,
    TRACKING_URI,
    TRUST,
    UNIT_TIMEOUT,
    WORKERS,
)

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


def whole_run(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of `run` and `rank`."""
    no_tracking = click.option("--no-tracking", is_flag=True, help="Do not log to MLflow.")
    verify = click.option("--verify", is_flag=True, help="Read all real images again and check their digests.")
    for option in (
        TRUST,
        DETAILS,
        no_tracking,
        TRACKING_URI,
        verify,
        UNIT_TIMEOUT,
        GPUS,
        CPUS,
        WORKERS,
        EXECUTOR,
        DEVICE,
        STORE,
        OUT,
        BENCH,
    ):
        command = option(command)
    return command


def run_and_show(bench: Path, *, no_tracking: bool, details: bool, **options: Any) -> None:
    """Run a benchmark, print its leaderboard and verdict; exit 1 where a cell failed, 2 where the user can mend it."""
    from harness.base import UsageError
    from harness.cli.terminal import closing, progress, show
    from harness.run import run_benchmark

    options = _with_executor(options)
    with progress() as heard:
        result = run_benchmark(bench, progress=heard, tracking=not no_tracking, **options)
    if result.usage and all(row.status == "failed" for row in result.leaderboard.rows):
        # Each cause stood above as it came up: a table without a number would only bury it.
        raise UsageError(f"nothing was scored, for the reason told above; {result.out}/records.jsonl keeps it")
    show(result.leaderboard, details=details)
    closing(result)
    _exit_of(result.failures, usage=result.usage)


def share_and_tell(bench: Path, shard: str, wait: float, **options: Any) -> None:
    """Do one share of a benchmark's work and say what is left; exit codes as of a run."""
    from harness.base import UsageError
    from harness.cli.terminal import progress
    from harness.pipeline import share_of
    from harness.run import run_share

    share = share_of(shard)
    for name in ("out", "tracking_uri"):
        if options.pop(name):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} is for the last `harness run`, which writes the results; leave it out of a shard")
    options.pop("no_tracking")
    options.pop("details")
    options = _with_executor(options)
    with progress() as heard:
        result = run_share(bench, share, patience=wait, progress=heard, **options)
    left = f", {result.left} left, which need other shards' work" if result.left else ""
    click.echo(f"shard {share}: {result.done} units done{left}; `harness run {bench}` finishes and writes the results")
    _exit_of(result.failures, usage=result.usage)


def _with_executor(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the executor that they ask for in the place of those that describe it."""
    from harness.pipeline import Asked, executor_of

    own = {name: options.get(name) for name in ("executor", "workers", "cpus_per_worker", "gpus_per_worker")}
    left = {name: value for name, value in options.items() if name not in own}
    store, device = options.get("store"), options.get("device", "auto")
    shared = store if isinstance(store, Path) else None
    asked = Asked(own["workers"], own["cpus_per_worker"], own["gpus_per_worker"], device, shared)
    return {**left, "executor": executor_of(own["executor"] or "local", asked)}


def make(
    bench: Path,
    stages: Sequence[str],
    *,
    store: StorePlace,
    workers: int | None,
    receipt: Path | None,
    device: str = "auto",
    generators: Sequence[str] = (),
    encoders: Sequence[str] = (),
) -> None:
    """Run some stages of a benchmark, of some generators and encoders where any are named; exit codes as of a run."""
    from harness import benchmark
    from harness.base import write_json
    from harness.cli.terminal import last_read, progress
    from harness.pipeline import Asked, Pipeline, Plan, executor_of, receipt_of

    found = benchmark.load(bench)
    _check_known(bench, "generator", generators, found.generators)
    _check_known(bench, "encoder", encoders, found.encoders)
    plan = Plan(found, store, device)
    plan.check_place()
    with executor_of(asked=Asked(workers, device=device)) as executor, progress() as heard:
        pipeline = Pipeline(plan, executor, heard, frozenset(generators) or None, frozenset(encoders) or None)
        for stage in stages:
            getattr(pipeline, stage)()
    last_read(plan.unread_since)
    if receipt:
        write_json(receipt, receipt_of(pipeline, stages[-1]))
    failures = [*pipeline.failures.values(), *pipeline.image_failures.values()]
    _exit_of([failure.reason for failure in failures], usage=any(failure.usage for failure in failures))


def _exit_of(failures: Sequence[str], *, usage: bool) -> None:
    for reason in dict.fromkeys(failures):
        click.echo(f"failed: {reason}", err=True)
    if failures:
        sys.exit(USAGE if usage else FAILED)


def _check_known(bench: Path, what: str, asked: Sequence[str], known: Any) -> None:
    from harness.base import UsageError, unknown

    if problems := [f"{bench}: {unknown(what, name, known)}" for name in asked if name not in known]:
        raise UsageError(problems)
