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
                    click.echo(f"uploaded  {count} files to {url}", err=True)
            except UsageError as problem:
                if self.made:
                    raise
                click.echo(f"note: {problem}; the new files are only in {folder}", err=True)

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
OUT = click.option("--out", type=OUT_PLACE, help="Folder or s3://… for the results. [default: results/<name>]")
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="Device for encoders and metrics: auto, cpu, cuda, mps …"
)
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes, one thread each. [default: $HARNESS_WORKERS, else one per GPU, else one per core up to 8]",
)
UNIT_TIMEOUT = click.option(
    "--unit-timeout",
    type=click.FloatRange(0, min_open=True),
    help="Time limit in seconds for one unit of work: the images of one model, or the features or scores of one set. "
    "[default: none]",
)
EXECUTOR = click.option(
    "--executor",
    default="local",
    show_default=True,
    help="Where to run: local, ray, ray://HOST:PORT or slurm. On one machine, local is faster: "
    "Ray takes 15 s to start.",
)
CPUS = click.option(
    "--cpus-per-worker", type=click.FloatRange(0), help="CPUs per worker, with ray and slurm. [default: 1]"
)
GPUS = click.option(
    "--gpus-per-worker",
    type=click.FloatRange(0),
    help="GPUs per worker. [default: with ray 1 if there are any, with slurm 0]",
)
TRACKING_URI = click.option("--tracking-uri", help="MLflow server or database. [default: sqlite:///mlflow.db]")
ENCODER = click.option("--encoder", help="Encoder of the run to use. [default: the one that ranks]")
REFERENCE = click.option(
    "--reference",
    type=click.Choice(["fixed", "random"]),
    help="Treat the real set as fixed, or as one random sample. [default: as in the run]",
)
LEVEL = click.option(
    "--level",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
JSON = click.option("--json", "file", type=PATH, help="Also write the results to this JSON file.")
DETAILS = click.option(
    "--details", is_flag=True, help="Print everything: all rows, columns, intervals, p-values and notes."
)
COLUMN = click.option(
    "--column", multiple=True, help="Image column of a Parquet or Arrow table. [default: the only one]"
)
ARRAY = click.option("--array", multiple=True, help="Image array of an npz file. [default: the only one]")
TRUST = click.option(
    "--trust-code",
    is_flag=True,
    expose_value=False,
    callback=_trusting,
    help="Allow code named in the YAML to run. Also set by $HARNESS_TRUST_CODE.",
)
RECEIPT = click.option("--receipt", type=PATH, help="Write the digests of all outputs to this file.")
GENERATORS = click.option(
    "--generator", "generators", multiple=True, help="Only this generator; repeatable. [default: all]"
)
ENCODERS = click.option("--encoder", "encoders", multiple=True, help="Only this encoder; repeatable. [default: all]")


def STORE(command: Callable[..., None]) -> Callable[..., None]:  # noqa: N802 - one of the options above, for users of it
    """`--store`, and for one in a bucket its local folder and that folder's bound; the command hears one `store`."""

    @wraps(command)
    def placed(*arguments: Any, store: str | None, **rest: Any) -> None:
        from harness.pipeline import store_place

        place = store_place(store, rest.pop("store_cache"), rest.pop("store_cache_size"))
        command(*arguments, store=place, **rest)

    made = (
        "Cache of images, features and scores: a folder, s3://BUCKET/PREFIX or gs://… [default: $HARNESS_STORE, else "
        ".harness]"
    )
    size = click.option("--store-cache-size", help="Size limit of that folder, such as 50GB. [default: 20GB]")
    folder = click.option(
        "--store-cache", type=PATH, help="Local copy of a store in a bucket. [default: in your cache folder]"
    )
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
