"""`python -m tests.faults [--full] [--seed S] [--only WORDS]`: inject faults, count what came of them, write the page.

A campaign that was ended goes on where it was, with the same --seed and --kept. With --only, the rows of other kinds
stay as they are in docs/faults.json and on the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.faults import campaign

PAGE = Path(__file__).resolve().parents[2] / "docs/faults.md"


@click.command()
@click.option("--full", is_flag=True, help="Every operation, whole runs, processes: about 40 minutes.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--only", help="Only kinds with these words in their name, such as `power` or `OUT: `.")
@click.option("--kept", type=click.Path(path_type=Path), help="A file of outcomes so far, to go on from.")
@click.option("--page", type=click.Path(path_type=Path), default=PAGE, help="[docs/faults.md]")
def main(full: bool, seed: int, only: str | None, kept: Path | None, page: Path) -> None:
    """Inject faults into the store, OUT and whole runs, and write their counts into docs/faults.md."""
    tallies = campaign.run(seed=seed, full=full, only=only, kept=kept, told=True)
    words = [*(["--full"] if full else []), f"--seed {seed}", *([] if only is None else [f'--only "{only}"'])]
    print(campaign.table(campaign.rows(tallies, by := " ".join(["python -m tests.faults", *words]))))
    campaign.keep(page, tallies, by, whole=only is None)
    sys.exit(any(getattr(one, name) for one in tallies.values() for name in campaign.BAD))


if __name__ == "__main__":
    main()
