"""`python -m tests.fuzz [--minutes M] [--seed S]`: hostile inputs for every reader; counts go to docs/fuzzing.md.

Where atheris is installed (`uv pip install atheris`), coverage decides which inputs are kept; else a seeded loop of
mutations runs. Counts of all campaigns are kept in tests/fuzz/counts.jsonl. An input that showed a fault is written to
the folder --findings; mended, it goes into tests/fuzz/mended/ and is tried in every test.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import click

from tests.fuzz import structures
from tests.fuzz.engine import Tried, fuzz, steers
from tests.fuzz.page import COUNTS, PAGE, write_page
from tests.fuzz.targets import TARGETS


@click.command()
@click.option("--minutes", type=click.FloatRange(0), default=10, help="Minutes of CPU, of all targets together.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--only", default="", help="Targets with these words in their name.")
@click.option("--loop", is_flag=True, help="Mutations alone, although atheris is installed.")
@click.option("--findings", type=click.Path(path_type=Path), default=Path("build/fuzz"), show_default=True)
@click.option("--no-page", is_flag=True, help="Leave the counts and docs/fuzzing.md as they are.")
def main(minutes: float, seed: int, only: str, loop: bool, findings: Path, no_page: bool) -> None:
    """Try hostile inputs on every reader of a user's bytes; exit code 1 where one shows a fault."""
    targets = [target for target in TARGETS if only in target.name]
    steered = steers() and not loop
    found: list[Tried] = []
    for target in targets:
        tried = fuzz(target, seconds=60 * minutes / len(targets), seed=seed, steered=steered)
        found.append(tried)
        print(
            f"{target.name}: {tried.inputs:,} inputs, {tried.seconds:.0f} s, {len(tried.findings)} findings", flush=True
        )
        for key, finding in tried.findings.items():
            findings.mkdir(parents=True, exist_ok=True)
            payload = tried.payloads[key]
            file = findings / hashlib.sha256(key.encode()).hexdigest()[:12]
            file.write_bytes(payload)
            file.with_suffix(".txt").write_text(f"{key}\n{len(payload)} bytes\n{finding.detail}\n")
            print(f"  {key} ({file})", flush=True)
        if not no_page:
            line = {"target": target.name, "inputs": tried.inputs, "seconds": round(tried.seconds, 1)}
            line |= {"engine": "atheris" if steered else "loop", "seed": seed, "findings": sorted(tried.findings)}
            with COUNTS.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
            write_page(PAGE)
    if not only:
        counts = structures.run(examples=int(50 * minutes), seed=seed)
        print(f"structures: {sum(counts.values()):,} examples", flush=True)
        if not no_page:
            with COUNTS.open("a", encoding="utf-8") as stream:
                for name, count in counts.items():
                    line = {"target": name, "inputs": count, "seconds": 0, "engine": "hypothesis", "seed": seed}
                    stream.write(json.dumps({**line, "findings": []}) + "\n")
            write_page(PAGE)
    sys.exit(any(one.findings for one in found))


if __name__ == "__main__":
    main()
