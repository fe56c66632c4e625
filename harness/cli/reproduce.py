"""`harness reproduce CLAIMS`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.studies.reproduce import Verdicts


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
    from dataclasses import replace

    from harness.base import UsageError, unknown, write_atomically
    from harness.studies.reproduce import groups, judge, load, path_of, runs_for, unused, verdicts

    path = path_of(claims)
    found = load(path)
    ids = [claim.id for claim in found.claims]
    if wrong := [unknown("claim", name, ids, place=claims) for name in wanted if name not in ids]:
        raise UsageError(wrong)
    chosen = [claim for claim in found.claims if not wanted or claim.id in wanted]
    notes = unused(chosen, found.folder, outs)
    judged = tuple(judge(claim, found.claims, runs_for(claim, found.folder, outs), level=level) for claim in chosen)
    told = verdicts.Verdicts(found, judged, groups(found.claims), verdicts.family(judged), level, tuple(notes))
    _print(told, detailed=bool(wanted))
    if file is not None:
        text = json.dumps(verdicts.plain(told), indent=1, allow_nan=False) + "\n"
        write_atomically(file, text.encode("ascii"))
    for out in outs:
        from harness.report import write_finding, write_report
        from harness.studies.reproduce import finding, section, source

        if wanted:
            click.echo(f"note: {out} keeps its report: a section shows a whole file, not some --claim of it", err=True)
            continue
        about = replace(finding(told), source=source(path))
        written = write_finding(out, section(out, path), about)
        if (out / "records.jsonl").is_file():
            write_report(out)
        click.echo(f"claims    {written}")


def _print(found: Verdicts, *, detailed: bool) -> None:
    from harness.cli.lines import say
    from harness.studies.reproduce import verdicts

    alone = verdicts.by_themselves(found.judged, found.family, found.level)
    lines = [verdicts.answer(found.judged, alone)]
    if sure := verdicts.family_words(found.family, found.level):
        lines.append(f"How sure: {sure[0].lower()}{sure[1:]}")
    if change := verdicts.change_words(found.judged):
        lines.append(change)
    lines += ["", found.file.title]
    if found.file.note:
        lines.append(found.file.note)
    names = max(len(one.claim.id) for one in found.judged)
    numbers = max(len(one.claim.spelled) for one in found.judged)
    lines.append("")
    for one in found.judged:
        claim = one.claim
        lines.append(
            f"{claim.id:<{names}}  {claim.spelled:<{numbers}}  {verdicts.verdict_words(one, alone)}: {one.reason}"
        )
        if not detailed:
            continue
        lines.append(f"    {claim.metric} of {claim.model}; {claim.source} ({claim.where})")
        if claim.note:
            lines.append(f"    note: {claim.note}")
        if claim.inferred:
            lines.append(f"    read out of the context, not said: {', '.join(claim.inferred)}")
        for test in one.tests:
            lines.append(f"    against {test.against}: {test.verdict}")
            lines += [f"        {line}" for line in test.evidence]
    if not detailed:
        lines.append("\nWhich of these numbers may be compared with each other:")
        for group in found.together:
            lines.append(f"\n[{group.number}] {verdicts.conditions_words(group)}")
            lines.append(f"    {verdicts.members_words(group)}")
            if len(group.claims) > 1:
                lines.append(f"    with each other: {verdicts.within_words(group)}")
            lines += [f"    {line}" for line in verdicts.apart_words(group)]
    say("\n".join(lines))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
