"""What the commands of the stages share: a whole run with its table, and stages alone with their receipt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import FAILED, USAGE
from harness.cli.options import BENCH, DETAILS, DEVICE, EXECUTION, OUT, TRACKING_URI, TRUST

if TYPE_CHECKING:
    from harness.pipeline import Execution


def whole_run(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of `run` and `rank`."""
    no_tracking = click.option("--no-tracking", is_flag=True, help="Do not log to MLflow.")
    verify = click.option("--verify", is_flag=True, help="Read all real images again and check their digests.")
    for option in (TRUST, DETAILS, no_tracking, TRACKING_URI, verify, EXECUTION, DEVICE, OUT, BENCH):
        command = option(command)
    return command


def run_and_show(
    bench: Path,
    execution: Execution,
    *,
    out: Path | None = None,
    no_tracking: bool = False,
    tracking_uri: str | None = None,
    details: bool = False,
) -> None:
    """Run a benchmark, print its leaderboard and verdict; exit 1 where a cell failed, 2 where the user can mend it."""
    from harness.base import UsageError
    from harness.cli.terminal import closing, progress, show
    from harness.run import run_with

    with progress() as heard:
        heeded = replace(execution, progress=heard)
        result = run_with(heeded, bench, out=out, tracking=not no_tracking, tracking_uri=tracking_uri)
    if result.usage and all(row.status == "failed" for row in result.leaderboard.rows):
        # Each cause stood above as it came up: a table without a number would only bury it.
        raise UsageError(f"nothing was scored; see the error above (also in {result.out}/records.jsonl)")
    show(result.leaderboard, details=details)
    closing(result)
    _exit_of(result.failures, usage=result.usage)


def share_and_tell(bench: Path, shard: str, wait: float, execution: Execution, **options: Any) -> None:
    """Do one share of a benchmark's work and say what is left; exit codes as of a run."""
    from harness.base import UsageError
    from harness.cli.terminal import progress
    from harness.pipeline import share_of
    from harness.run import run_share

    share = share_of(shard)
    for name in ("out", "tracking_uri"):
        if options[name]:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} does not go with --shard; give it to the last `harness run`, which writes the results"
            )
    with progress() as heard:
        result = run_share(replace(execution, progress=heard), bench, share, patience=wait)
    left = f", {result.left} left that wait for other shards" if result.left else ""
    click.echo(f"shard {share}: {result.done} units done{left}; to finish, `harness run {bench}`")
    _exit_of(result.failures, usage=result.usage)


def make(
    bench: Path,
    stages: Sequence[str],
    execution: Execution,
    *,
    receipt: Path | None,
    generators: Sequence[str] = (),
    encoders: Sequence[str] = (),
) -> None:
    """Run some stages of a benchmark, of some generators and encoders where any are named; exit codes as of a run."""
    from harness.base import write_json
    from harness.cli.terminal import last_read, progress
    from harness.pipeline import receipt_of

    plan = execution.plan(bench)
    _check_known(bench, "generator", generators, plan.benchmark.generators)
    _check_known(bench, "encoder", encoders, plan.benchmark.encoders)
    plan.check_place()
    scope = {"only_generators": frozenset(generators) or None, "only_encoders": frozenset(encoders) or None}
    with progress() as heard, replace(execution, progress=heard).pipeline(plan, **scope) as pipeline:
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
