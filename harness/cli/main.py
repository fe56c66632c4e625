"""The command `harness`: arguments, progress, exit codes. What it does lies elsewhere, imported when asked for."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from harness.cli import FAILED, INTERRUPTED, USAGE
from harness.cli.audit import audit
from harness.cli.compare import compare, power
from harness.cli.diagnose import diagnose
from harness.cli.encoders import encoders
from harness.cli.gate import gate
from harness.cli.protocols import diff, show
from harness.cli.report import report
from harness.cli.reproduce import reproduce
from harness.cli.rerank import rerank
from harness.cli.selftest import selftest
from harness.cli.stages import BENCH, encode, rank, run, sample, score
from harness.cli.stats import stats
from harness.cli.weights import weights

KEPT = "what was finished is kept, the same command goes on from there"


class Commands(click.Group):
    """Turns the exceptions that a person can act on into a line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command named on the command line."""
        from harness.base import UsageError

        warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
        try:
            return super().invoke(ctx)
        except UsageError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
            sys.exit(USAGE)
        except KeyboardInterrupt:
            click.echo(f"interrupted; {KEPT}", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader left (`harness … | head`); Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            if not where and error.errno == errno.ENOSPC:  # a write names no file
                where = " (where the store, --store, or the results, --out, lie)"
            click.echo(f"error: {error.strerror or error}{where}; {KEPT}", err=True)
            sys.exit(FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="generative-image-harness", prog_name="harness")
def main() -> None:
    """Measure generative image models: FD, KD, precision, recall, density, coverage, each with an interval.

    A benchmark is one YAML file that says what is measured; flags say where and how fast and never change a number.

    \b
    harness run benchmarks/digits.yaml    the whole benchmark: leaderboard, plots, records, MLflow
    harness check benchmarks/digits.yaml  only find mistakes in the file
    harness list generators               what a benchmark can name
    """


@main.command()
@BENCH
def check(bench: Path) -> None:
    """Validate BENCH: every mistake at once, each with its place; nothing is computed."""
    from harness import benchmark

    found = benchmark.load(bench)
    cells = found.cells()
    sets = {(cell.generator, cell.training_seed, cell.sampling_seed) for cell in cells}
    click.echo(
        f"{bench}: ok; {len(found.generators)} generators, {len(sets)} image sets of {found.n_fake}, "
        f"{len(found.encoders)} encoders, {len(cells)} cells, {len(found.metrics)} metrics"
    )


@main.command("list")
@click.argument(
    "kind", type=click.Choice(["datasets", "generators", "encoders", "metrics", "preprocessing", "protocols", "claims"])
)
def list_(kind: str) -> None:
    """List what a benchmark can name, and the published claims that `harness reproduce` knows."""
    from harness import benchmark

    if kind == "protocols":
        from harness.benchmark import protocols

        for name in protocols.names():
            click.echo(f"{name:<26} {protocols.load(name).title}")
        return
    if kind == "claims":
        from harness.studies import reproduce as claims

        for name in claims.names():
            click.echo(f"{name:<26} {claims.load(claims.path_of(name)).title}")
        return
    for name, words in benchmark.listing(kind).items():
        click.echo(f"{name:<18} {words}")


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--tracking-uri", help="MLflow server or database. [sqlite:///mlflow.db]")
def track(out: Path, tracking_uri: str | None) -> None:
    """Send the Records in OUT to MLflow; what is there already is not sent twice."""
    from harness.report import TrackingUnavailable
    from harness.report import track as send
    from harness.run import check_out

    check_out(out)
    try:
        click.echo(f"MLflow: {send(out, tracking_uri).url}")
    except TrackingUnavailable as problem:
        click.echo(f"error: {problem}; nothing is lost, try again later", err=True)
        sys.exit(FAILED)


for _command in (
    *(run, rank, sample, encode, score),
    *(audit, compare, diagnose, gate, power, report, reproduce, rerank),
    *(show, diff, encoders, weights, stats, selftest),
):
    main.add_command(_command)

if __name__ == "__main__":
    main()
