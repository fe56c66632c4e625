"""`python -m tests.simulations [--full] [--jobs N]`: simulate, and write docs/coverage.csv and docs/coverage.md.

Every finished task of the full size is kept in docs/coverage/, under what its code makes of one repetition, to six
digits: stopped, the same command goes on from there, and after a change of the statistics only what they changed runs
again; other rounding, as of another processor, changes nothing. `--full --kept` writes the table from what is there
and names what is missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_limits

from harness.base.files import write_atomically
from harness.base.keys import digest

from .regimes import full, small, summary
from .studies import Row

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
KEPT = {"full": DOCS / "coverage", "small": ROOT / ".harness" / "simulations"}
SEED = 20_261


def rounded(value: object) -> object:
    """A fingerprint with its numbers to six digits: the last bits are the processor's."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(own) for name, own in value.items()}
    return [rounded(own) for own in value] if isinstance(value, list | tuple) else value


def one(number: int, size: str, run: bool = True) -> list[Row] | None:
    """The rows of one task of a size, on one thread; found again where this code has made them before.

    None where they are not there and shall not be made.
    """
    with threadpool_limits(1):
        task = list((full if size == "full" else small)())[number]
        seed = SEED + number
        code = digest(json.dumps(rounded(task.fingerprint(seed))))
        kept = KEPT[size] / f"{size}-{number:03d}-{code[:16]}.json"
        if kept.is_file():
            return [Row(**row) for row in json.loads(kept.read_text(encoding="ascii"))]
        if not run:
            return None
        rows = task.run(seed)
    for stale in kept.parent.glob(f"{size}-{number:03d}-*.json"):
        stale.unlink()
    write_atomically(kept, json.dumps([asdict(row) for row in rows]).encode("ascii"))
    return rows


def main() -> None:
    """Run every task and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulations", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the committed table: hours of CPU (default: minutes)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--kept", action="store_true", help="run nothing: the table of what is kept")
    parser.add_argument("--only", default="", help="tasks whose name contains this; nothing is written then")
    given = parser.parse_args()
    size = "full" if given.full else "small"
    tasks = [(i, t.name) for i, t in enumerate((full if given.full else small)()) if given.only in t.name]
    rows: list[Row] = []
    missing: list[str] = []
    start = time.time()
    with ProcessPoolExecutor(given.jobs) as pool:
        runs = [(name, pool.submit(one, i, size, not given.kept)) for i, name in tasks]
        for name, run in runs:
            found = run.result()
            if found is None:
                missing.append(name)
                continue
            rows += found
            print(f"{time.time() - start:7.0f} s  {name}", file=sys.stderr, flush=True)
    if given.only:
        print(summary(rows))
        return
    with (DOCS / "coverage.csv").open("w", newline="", encoding="utf-8") as stream:
        names = [item.name for item in fields(Row)]
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, "holds"])
        for row in rows:
            values = [getattr(row, name) for name in names]
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values] + [row.holds()])
    versions = ", ".join(f"{name} {version(name)}" for name in ("generative-image-harness", "numpy", "scipy"))
    outside = sum(not row.holds() for row in rows)
    text = (
        "# Measured coverage of the intervals\n\n"
        f"Written by `python -m tests.simulations{' --full' if given.full else ''}`; seed {SEED}; {versions}.\n"
        "How often nominal 95% intervals contain the true value. ±: Monte-Carlo standard error of the coverage. SE/sd: "
        "mean\nstandard error over the true standard deviation. flagged: share of intervals marked conservative. Rank "
        "sets:\nsimultaneous coverage. Equivalence tests: share of false claims at the margin. Controls: other "
        "methods' intervals, which\n"
        f"must fail. Required range of each row: `tests/simulations/regimes.py`; {outside} of {len(rows)} rows miss it "
        "by more than two\nMonte-Carlo standard errors.\n\n"
    )
    if missing:
        text += f"Not run yet at this size, {len(missing)} of {len(tasks)} tasks: {'; '.join(missing)}.\n\n"
    (DOCS / "coverage.md").write_text(text + summary(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
