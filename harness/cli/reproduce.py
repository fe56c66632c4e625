"""`harness reproduce CLAIMS`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import DETAILS


@click.command()
@click.argument("claims", required=False, metavar="[CLAIMS | OUT:GENERATOR]")
@click.option("--theirs", help="Published number, such as 2.27 or '< 2.3', in place of CLAIMS.")
@click.option("--mine", help="Your number, to compare with --theirs.")
@click.option("--metric", default="fid", show_default=True, help="Metric of --theirs and --mine.")
@click.option(
    "--protocol",
    help="Protocol of --theirs and --mine, or the pipeline of a run, 'harness …'. [default: unknown]",
)
@click.option("--mine-protocol", help="Protocol of --mine, if different.")
@click.option("--n", type=click.IntRange(1), help="Number of generated images of --theirs and --mine.")
@click.option("--mine-n", type=click.IntRange(1), help="Number of generated images of --mine, if different.")
@click.option(
    "--std", help="Published standard deviation over runs of --theirs. [default: typical of published tables]"
)
@click.option("--runs", type=click.IntRange(2), help="Number of runs behind --std. [default: 3]")
@click.option("--encoder", help="Encoder of OUT. [default: the one that ranks]")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Finished run to test the claims against, where `ours` names no folder; its report "
    "gets a section. Repeatable.",
)
@click.option("--claim", "wanted", multiple=True, help="Only this claim, with all its evidence; repeatable.")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 0.999, min_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level.",
)
@click.option(
    "--page", type=click.Path(path_type=Path), help="With `families`: write this Markdown page and its figures."
)
@DETAILS
@click.option("--json", "file", type=click.Path(path_type=Path), help="Also write the results to this JSON file.")
def reproduce(
    claims: str | None,
    outs: tuple[Path, ...],
    wanted: tuple[str, ...],
    level: float,
    page: Path | None,
    details: bool,
    file: Path | None,
    **question: Any,
) -> None:
    """Test published numbers against your run or each other.

    CLAIMS is a file, or one of `harness list claims`; with --theirs, a single number. Each claim is consistent,
    inconsistent, not comparable, or undecided; the verdict names the fact that differs or is unknown.

    \b
    Examples:
      harness reproduce --mine 2.31 --theirs 2.27 --protocol adm --n 50000
      harness reproduce results/score:mine --theirs 2.27 --protocol clean

    CLAIMS `families` tests qualitative statements about model families against the first --out, a run of
    benchmarks/families.yaml: each agrees, disagrees, or is undecided.
    """
    import json

    from harness.base import UsageError, write_atomically

    if question["theirs"] is not None:
        if outs or wanted or page or file:
            raise UsageError("--theirs takes one number; --out, --claim, --page and --json need a CLAIMS file")
        _one_question(claims, level, question)
        return
    if claims is None:
        raise UsageError("give CLAIMS (a file, or one of `harness list claims`), or a number with --theirs")
    from harness.cli.lines import say
    from harness.report import write_finding, write_report
    from harness.studies.reproduce import finding, lines, name_in, verdicts

    if (statements := _statements(claims)) is not None:
        _families(statements, outs, level, page, file, details=details)
        return
    if page is not None:
        raise UsageError("--page is only for `harness reproduce families`")
    found = verdicts(claims, outs, wanted=wanted, level=level)
    say("\n".join(lines(found, detailed=bool(wanted), details=details)))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if file is not None:
        write_atomically(file, (json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n").encode("ascii"))
    for out in outs:
        if wanted:
            click.echo(
                f"note: the report in {out} is unchanged: its section shows all claims, not a --claim selection",
                err=True,
            )
            continue
        written = write_finding(out, name_in(out, found.path), finding(found))
        if (out / "records.jsonl").is_file():
            write_report(out)
        click.echo(f"claims    {written}")


def _one_question(spot: str | None, level: float, question: dict[str, Any]) -> None:
    from harness.base import UsageError
    from harness.cli.lines import say
    from harness.studies import reproduce as study

    mine, metric, encoder = question["mine"], question["metric"], question["encoder"]
    if (mine is None) == (spot is None):
        raise UsageError("--theirs needs one thing to compare with: --mine NUMBER, or a run as OUT:GENERATOR")
    theirs = study.Printed(
        question["theirs"], question["protocol"], question["n"], std=question["std"], runs=question["runs"]
    )
    if mine is not None:
        own = study.Printed(
            mine, question["mine_protocol"] or question["protocol"], question["mine_n"] or question["n"]
        )
        say("\n".join(study.of_two(own, theirs, metric=metric, level=level).lines))
        return
    out, _, generator = str(spot).rpartition(":")
    if not out:
        raise UsageError(f"{spot}: with --theirs, give a run and one of its generators as OUT:GENERATOR")
    found = study.of_run(Path(out), generator, theirs, metric=metric, encoder=encoder, level=level)
    say("\n".join(found.lines))


def _statements(claims: str) -> Path | None:
    """The file of statements about families that CLAIMS means; None for claims of numbers."""
    from harness.studies import families

    if claims == families.NAME:
        return families.SHIPPED
    path = Path(claims)
    return path if path.is_file() and families.is_statements(path) else None


def _families(
    path: Path, outs: tuple[Path, ...], level: float, page: Path | None, file: Path | None, *, details: bool
) -> None:
    from harness.base import UsageError, write_json
    from harness.cli.lines import say
    from harness.report import write_finding, write_report
    from harness.studies import families

    if not outs:
        raise UsageError("--out is missing; give the folder of a run of benchmarks/families.yaml")
    found = families.judge(families.load(path), outs[0], level=level)
    say("\n".join(families.lines(found, details=details)))
    if file is not None:
        write_json(file, found.to_json())
    written = write_finding(outs[0], families.name_in(outs[0]), families.finding(found))
    write_report(outs[0])
    click.echo(f"claims    {written}")
    if page is not None:
        for made in families.write_page(page, found, outs[0], outs[1:]):
            click.echo(f"page      {made}")
