"""`harness audit BENCH`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.figures import write_figures
from harness.cli.options import DETAILS, DEVICE, JSON, STORE, TRUST, WORKERS

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


@click.command()
@click.argument("bench", type=click.Path(path_type=Path))
@click.option("--encoder", "encoders", multiple=True, help="Only this encoder; repeatable. [default: all]")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for audit.json and audit.md. [default: results/<name>]"
)
@STORE
@DEVICE
@WORKERS
@DETAILS
@JSON
@TRUST
def audit(
    bench: Path,
    encoders: tuple[str, ...],
    out: Path | None,
    store: StorePlace,
    device: str,
    workers: int | None,
    details: bool,
    file: Path | None,
) -> None:
    """Recompute scores under other preprocessing; find rank flips.

    The variants are those under `audit:` in BENCH.
    """
    import json
    from dataclasses import replace

    from harness import benchmark
    from harness.base import UsageError, unknown, write_atomically
    from harness.cli.lines import say
    from harness.cli.terminal import last_read, progress
    from harness.pipeline import Asked, Pipeline, Plan, declared, executor_of, lockfile, ownership
    from harness.report import write_finding, write_report
    from harness.studies import audit as study

    found = benchmark.load(bench)
    if wrong := [name for name in encoders if name not in found.encoders]:
        raise UsageError(f"{bench}: {unknown('encoder', wrong[0], found.encoders)}")
    plan = Plan(found, store, device)
    folder = out or Path("results") / found.name
    ownership.claim(folder, found.name)
    plan.check_place()
    with executor_of(asked=Asked(workers, device=device)) as executor, progress() as heard:
        result = study.audit(plan, lambda own: Pipeline(own, executor, heard), encoders or None)
    first, random = found.rank_by.encoder, {name: found.is_random(name) for name in found.encoders}
    text = study.markdown(result, first, random)
    write_atomically(folder / "audit.json", (json.dumps(result.to_json(), indent=1) + "\n").encode("ascii"))
    write_atomically(folder / "audit.md", text.encode())
    say(study.brief(result, first, random, details=details))
    write_figures(file, result)
    last_read(plan.unread_since)
    click.echo(f"audit     {folder}/audit.md, audit.json: every change of every metric")
    own = declared(plan)
    if reason := study.misfit(folder, own, bench):
        # A section beside other numbers would be read as theirs; an older one would no longer agree with audit.md.
        (folder / "audit.finding.json").unlink(missing_ok=True)
        click.echo(f"note: {reason}", err=True)
    else:
        write_finding(folder, "audit", replace(study.finding(result, text), run=lockfile.declared_key(own)))
    if (folder / "records.jsonl").is_file():
        click.echo(f"report    {write_report(folder)}")
