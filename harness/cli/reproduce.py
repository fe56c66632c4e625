"""`harness reproduce CLAIMS`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("claims")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A finished run: claims whose `ours` names no folder are held against it, and its report gets the verdicts "
    "as a section (may be repeated).",
)
@click.option("--claim", "wanted", multiple=True, help="Only this one, with all of its evidence (may be repeated).")
@click.option(
    "--level", type=click.FloatRange(0.5, 0.999, min_open=True), default=0.95, show_default=True, help="Of every test."
)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write everything to this file as JSON.")
def reproduce(claims: str, outs: tuple[Path, ...], wanted: tuple[str, ...], level: float, file: Path | None) -> None:
    """Judge published CLAIMS: a file, or one of `harness list claims`.

    Each claim is consistent or inconsistent with a run of ours or another published number of the same model, not
    comparable with it, or cannot be decided, and the fact that differs or that nobody said is named.
    """
    import json

    from harness.base import write_atomically
    from harness.cli.lines import say
    from harness.report import write_finding, write_report
    from harness.studies.reproduce import finding, lines, name_in, verdicts

    found = verdicts(claims, outs, wanted=wanted, level=level)
    say("\n".join(lines(found, detailed=bool(wanted))))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if file is not None:
        write_atomically(file, (json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n").encode("ascii"))
    for out in outs:
        if wanted:
            click.echo(f"note: {out} keeps its report: a section shows a whole file, not some --claim of it", err=True)
            continue
        written = write_finding(out, name_in(out, found.path), finding(found))
        if (out / "records.jsonl").is_file():
            write_report(out)
        click.echo(f"claims    {written}")
