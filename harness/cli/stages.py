"""The stages as commands, `harness sample|encode|score|rank`, and `harness run`, which is all of them in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import FAILED, USAGE

if TYPE_CHECKING:
    from harness.pipeline import ImageSource, Pipeline
    from harness.run import Result

BENCH = click.argument("bench", type=click.Path(path_type=Path))
STORE = click.option(
    "--store", type=click.Path(path_type=Path), help="Cache of images, features, scores. [$HARNESS_STORE or .harness]"
)
DEVICE = click.option("--device", default="auto", show_default=True, help="Where encoders compute: cpu, cuda …")
WORKERS = click.option("--workers", type=click.IntRange(1), help="Processes, one thread each. [one a core, 8 at most]")
OUT = click.option("--out", type=click.Path(path_type=Path), help="Where the results go. [results/<name>]")
RECEIPT = click.option(
    "--receipt", type=click.Path(path_type=Path), help="Write digests of what was made to this file."
)


def _whole(command: Callable[..., None]) -> click.Command:
    """The arguments of `run` and `rank`."""
    for option in (
        click.option("--no-tracking", is_flag=True, help="Do not log to MLflow."),
        click.option("--tracking-uri", help="MLflow server or database. [sqlite:///mlflow.db]"),
        WORKERS,
        DEVICE,
        STORE,
        OUT,
        BENCH,
    ):
        command = option(command)
    return click.command()(command)


@_whole
def run(bench: Path, no_tracking: bool, **options: Any) -> None:
    """Run BENCH: sample, encode, score, rank; print the leaderboard; log to MLflow."""
    _run(bench, tracking=not no_tracking, **options)


@_whole
def rank(bench: Path, no_tracking: bool, **options: Any) -> None:
    """Write records and leaderboard of BENCH from its scores, making any that are missing."""
    _run(bench, tracking=not no_tracking, **options)


@click.command()
@BENCH
@click.option("--generator", "generators", multiple=True, help="Only this one (may be repeated).")
@STORE
@WORKERS
@RECEIPT
def sample(
    bench: Path, generators: tuple[str, ...], store: Path | None, workers: int | None, receipt: Path | None
) -> None:
    """Make the image sets of BENCH that the store does not have."""
    _stages(bench, ("sample",), store, "auto", workers, receipt, generators=generators)


@click.command()
@BENCH
@click.option("--generator", "generators", multiple=True, help="Only this one (may be repeated).")
@click.option("--encoder", "encoders", multiple=True, help="Only this one (may be repeated).")
@STORE
@DEVICE
@WORKERS
@RECEIPT
def encode(bench: Path, **options: Any) -> None:
    """Make the features of BENCH that the store does not have, and the images they need."""
    _stages(bench, ("sample", "encode"), **options)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BENCH | REAL FAKE [FAKE …]")
@click.option("--protocol", help="REAL FAKE: encoder, preprocessing and conventions of a published one. [clean]")
@click.option("--encoder", "encoders", multiple=True, help="REAL FAKE: an encoder instead. BENCH: only this one.")
@click.option("--generator", "generators", multiple=True, help="BENCH: only this one (may be repeated).")
@click.option("--n", type=click.IntRange(8), help="REAL FAKE: as many images of each set. [all]")
@click.option("--random-weights", is_flag=True, help="REAL FAKE: no weight file; no measure of quality.")
@click.option("--seed", type=click.IntRange(0), help="REAL FAKE: draws the images that --n takes. [0]")
@OUT
@STORE
@DEVICE
@WORKERS
@RECEIPT
def score(
    paths: tuple[Path, ...],
    protocol: str | None,
    encoders: tuple[str, ...],
    generators: tuple[str, ...],
    n: int | None,
    random_weights: bool,
    seed: int | None,
    out: Path | None,
    receipt: Path | None,
    **options: Any,
) -> None:
    """Score sets of FAKE images against REAL ones, or make the scores of BENCH that the store does not have.

    REAL and FAKE are folders, or zip, npz, npy, tar, Parquet or Arrow files. The benchmark that this amounts to is
    written beside the results: what decides the numbers stands there, and `harness run` makes them again.
    """
    if len(paths) == 1:
        _one_benchmark(
            paths[0],
            {
                "--protocol": protocol,
                "--n": n,
                "--random-weights": random_weights or None,
                "--seed": seed,
                "--out": out,
            },
        )
        _stages(
            paths[0],
            ("sample", "encode", "score"),
            **options,
            receipt=receipt,
            generators=generators,
            encoders=encoders,
        )
        return
    from harness.base import UsageError
    from harness.benchmark import from_folders
    from harness.run import claim

    if given := _given({"--generator": generators or None, "--receipt": receipt}):
        raise UsageError(f"{given}: only for a benchmark's YAML alone; here sets of images are scored, REAL FAKE")
    if (protocol and encoders) or len(encoders) > 1:
        raise UsageError("say one --protocol or one --encoder; several belong into a benchmark's YAML")
    out = out or Path("results") / "score"
    declared = from_folders.declare(
        paths[0],
        paths[1:],
        out=out,
        protocol=protocol,
        encoder=encoders[0] if encoders else None,
        n=n,
        random_weights=random_weights,
        seed=seed or 0,
        claim=claim,
    )
    for line in declared.left_out:
        click.echo(f"note: {line}", err=True)
    _run(declared.bench, out=out, tracking=False, **options)
    click.echo(f"benchmark {declared.bench}: `harness run {declared.bench}` makes the same numbers again")


def _one_benchmark(path: Path, flags: Mapping[str, Any]) -> None:
    """Raise UsageError where `harness score` is given one set of images, or flags that its YAML decides."""
    from harness.base import UsageError
    from harness.benchmark import from_folders

    if path.is_dir() or path.suffix.lower() in from_folders.KINDS:
        raise UsageError(f"{path}: is one set of images; give the REAL ones and then the FAKE ones")
    if given := _given(flags):
        raise UsageError(f"{given}: only for sets of images, REAL FAKE; what a benchmark does stands in {path}")


def _given(flags: Mapping[str, Any]) -> str:
    return ", ".join(flag for flag, value in flags.items() if value is not None)


def _run(bench: Path, **options: Any) -> None:
    from harness.base import UsageError
    from harness.cli.terminal import progress, show
    from harness.run import run_benchmark

    with progress() as heard:
        result = run_benchmark(bench, progress=heard, **options)
    if result.usage and all(row.status == "failed" for row in result.leaderboard.rows):
        # Each cause stood above as it came up: a table without a number would only bury it.
        raise UsageError(f"nothing was scored, for the reason told above; {result.out}/records.jsonl keeps it")
    show(result.leaderboard)
    _closing(result)
    if result.failures:
        for line in result.failures:
            click.echo(f"failed: {line}", err=True)
        sys.exit(USAGE if result.usage else FAILED)


def _closing(result: Result) -> None:
    from harness.cli.lines import say
    from harness.report import read_run, verdict

    # The tables above end with the last encoder's: the answer is the first one's, and stands where reading ends.
    say(f"\nverdict   {verdict(read_run(result.out))[0]}")
    words = "nothing to compute" if result.cached else "done"
    click.echo(f"{words} in {result.seconds:.1f} s")
    click.echo(f"results   {result.out}/ (leaderboard.md, plots/, grids/_all.png, records.jsonl, benchmark.lock.yaml)")
    click.echo(f"report    {result.out}/report.html")
    if result.tracked:
        click.echo(f"MLflow    {result.tracked}")
    if result.untracked:
        click.echo(f"MLflow    {result.untracked}", err=True)


def _stages(
    bench: Path,
    stages: Sequence[str],
    store: Path | None,
    device: str,
    workers: int | None,
    receipt: Path | None,
    generators: Sequence[str] = (),
    encoders: Sequence[str] = (),
) -> None:
    from harness import benchmark
    from harness.cli.terminal import progress
    from harness.pipeline import Engine, Pipeline, Plan
    from harness.run import default_store, default_workers, usable

    found = benchmark.load(bench)
    _known("generator", generators, tuple(found.generators), bench)
    _known("encoder", encoders, tuple(found.encoders), bench)
    plan = Plan(found, store.absolute() if store else default_store(), device)
    usable(plan)
    with Engine(workers or default_workers()) as engine, progress() as heard:
        pipeline = Pipeline(plan, engine, heard, frozenset(generators) or None, frozenset(encoders) or None)
        for stage in stages:
            getattr(pipeline, stage)()
    if receipt:
        _write_receipt(receipt, pipeline, stages[-1])
    failures = [*pipeline.failures.values(), *pipeline.image_failures.values()]
    if failures:
        for reason in dict.fromkeys(failure.reason for failure in failures):
            click.echo(f"failed: {reason}", err=True)
        sys.exit(USAGE if any(failure.usage for failure in failures) else FAILED)


def _known(what: str, asked: Sequence[str], known: Sequence[str], bench: Path) -> None:
    from harness.base import UsageError, unknown

    problems = [f"{bench}: {unknown(what, name, known)}" for name in asked if name not in known]
    if problems:
        raise UsageError(problems)


def _write_receipt(path: Path, pipeline: Pipeline, stage: str) -> None:
    """Content digests of what a stage made, of the real images too: what DVC compares."""
    import json

    from harness.base import write_atomically
    from harness.pipeline import FakeSet, name_of

    plan = pipeline.plan
    named: list[tuple[str, ImageSource]] = [(f"real split {real.split}", real) for real in pipeline.reals]
    named += [(name_of(fake), fake) for fake in pipeline.fakes]
    made: dict[str, Any] = {}
    for name, source in named:
        if stage == "sample":
            images = plan.images(source)
            made[name] = images.facts["content"] if images else None
            continue
        for encoder in pipeline.encoders:
            if stage == "score" and isinstance(source, FakeSet):
                scores = plan.scores(source, encoder)
                made[f"{name} under {encoder}"] = {m: e.folder.name if e else None for m, e in scores.items()}
            else:
                features = plan.features(source, encoder)
                made[f"{name} under {encoder}"] = features.facts["content"] if features else None
    write_atomically(path, (json.dumps(made, indent=1) + "\n").encode("ascii"))
