"""Arguments and options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.heartbeat import current

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


def _trusting(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """What `--trust-code` says; on a terminal a person can be asked instead."""
    from harness.benchmark import trust

    if value:
        os.environ[trust.VARIABLE] = "1"
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    trust.ask_by(_ask if asked else None)


def _ask(text: str) -> bool:
    with beat.silent() if (beat := current()) else nullcontext():
        return click.confirm(text, default=False, err=True)


class RunPlace(click.ParamType):  # type: ignore[type-arg] # generic in the stubs alone
    """A run's folder; one in a bucket is fetched, and put back when the command ends where it has changed.

    `made`: the command makes the run, so that none need be there.
    """

    name = "path"

    def __init__(self, *, made: bool = False) -> None:
        self.made = made

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The folder, of this machine."""
        if "://" not in str(value):
            return Path(value)
        from harness.base import UsageError
        from harness.pipeline import begin_run, bring_run, publish_run

        url = str(value)
        folder = (begin_run if self.made else bring_run)(url)

        def put() -> None:
            try:
                if count := publish_run(url):
                    click.echo(f"put       {count} files in {url}", err=True)
            except UsageError as problem:
                if self.made:
                    raise
                click.echo(f"note: {problem}; what this adds to the run is in {folder} alone", err=True)

        if ctx is not None:
            ctx.call_on_close(put)
        return folder


class ImagesPlace(click.ParamType):  # type: ignore[type-arg] # generic in the stubs alone
    """A path, or an address that is fetched: s3://BUCKET/file.npz, s3://BUCKET/folder/, hf://…"""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, on this machine."""
        if "://" not in str(value):
            return Path(value)
        from harness.base import fetched

        return fetched(str(value))


PATH = click.Path(path_type=Path)
BENCH = click.argument("bench", type=PATH)
RUN_PLACE = RunPlace()
OUT_PLACE = RunPlace(made=True)
RUN = click.argument("out", type=RUN_PLACE)
OUT = click.option("--out", type=OUT_PLACE, help="Where the results go: a folder or s3://… [results/<name>]")
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="Where encoders and metrics compute: cpu, cuda …"
)
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes, one thread each. [$HARNESS_WORKERS, or one a GPU, or one a core, 8 at most]",
)
UNIT_TIMEOUT = click.option(
    "--unit-timeout",
    type=click.FloatRange(0, min_open=True),
    help="Seconds that one model's images, one set's features or scores may take: what hangs then fails. [no limit]",
)
EXECUTOR = click.option(
    "--executor",
    default="local",
    show_default=True,
    help="Where work runs: local, ray, ray://HOST:PORT, slurm. Ray takes 15 s to start: it pays off for work of "
    "minutes on several machines; on one machine local is faster.",
)
CPUS = click.option(
    "--cpus-per-worker", type=click.FloatRange(0), help="With ray and slurm: CPUs that a worker takes of its node. [1]"
)
GPUS = click.option(
    "--gpus-per-worker",
    type=click.FloatRange(0),
    help="With ray and slurm: GPUs that a worker takes. [ray: 1 where there are any; slurm: 0]",
)
TRACKING_URI = click.option("--tracking-uri", help="MLflow server or database. [sqlite:///mlflow.db]")
ENCODER = click.option("--encoder", help="An encoder of the run. [the one that ranks]")
REFERENCE = click.option(
    "--reference", type=click.Choice(["fixed", "random"]), help="What the reference counts as. [as the run declares]"
)
JSON = click.option("--json", "file", type=PATH, help="Write the figures to this file too.")
DETAILS = click.option("--details", is_flag=True, help="Print everything: all rows, columns, intervals, p and notes.")
COLUMN = click.option("--column", multiple=True, help="Column of images, where a table has several. [the only one]")
ARRAY = click.option("--array", multiple=True, help="Array of images, where an npz has several. [the only one]")
TRUST = click.option(
    "--trust-code",
    is_flag=True,
    expose_value=False,
    callback=_trusting,
    help="Run the code that the YAML names, wherever it lies. [$HARNESS_TRUST_CODE]",
)
RECEIPT = click.option("--receipt", type=PATH, help="Write digests of what was made to this file.")
GENERATORS = click.option("--generator", "generators", multiple=True, help="Only this one (may be repeated).")
ENCODERS = click.option("--encoder", "encoders", multiple=True, help="Only this one (may be repeated).")


def STORE(command: Callable[..., None]) -> Callable[..., None]:  # noqa: N802 - one of the options above, for users of it
    """`--store`, and for one in a bucket its local folder and that folder's bound; the command hears one `store`."""

    @wraps(command)
    def placed(*arguments: Any, store: str | None, **rest: Any) -> None:
        from harness.pipeline import store_place

        place = store_place(store, rest.pop("store_cache"), rest.pop("store_cache_size"))
        command(*arguments, store=place, **rest)

    made = "Cache of images, features, scores: a folder, or s3://BUCKET/PREFIX, gs://… [$HARNESS_STORE or .harness]"
    size = click.option("--store-cache-size", help="What that folder holds at most, such as 50GB. [20GB]")
    folder = click.option("--store-cache", type=PATH, help="Local folder of a store in a bucket. [in the user's cache]")
    place = click.option("--store", help=made)
    return place(folder(size(placed)))


def EXECUTION(command: Callable[..., None]) -> Callable[..., None]:  # noqa: N802 - as above
    """`--store`, `--executor`, `--workers` and what goes with them: the command hears one `execution`.

    `--device` and `--verify` are part of it where the command has them.
    """

    @wraps(command)
    def placed(*arguments: Any, store: StorePlace, device: str = "auto", verify: bool = False, **rest: Any) -> None:
        from harness.pipeline import Asked, Execution, executor_of

        name, workers, limit = rest.pop("executor"), rest.pop("workers"), rest.pop("unit_timeout")
        shared = store if isinstance(store, Path) else None
        asked = Asked(workers, rest.pop("cpus_per_worker"), rest.pop("gpus_per_worker"), device, shared)
        execution = Execution(store, device, workers, executor_of(name, asked), verify, limit)
        command(*arguments, execution=execution, **rest)

    return STORE(EXECUTOR(WORKERS(CPUS(GPUS(UNIT_TIMEOUT(placed))))))
