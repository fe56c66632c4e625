"""The training loops of `examples/` for about a minute each: `python -m tests.support.loops [--only NAME]`.

Each runs in processes of its own with the installed framework and one thread, and ends by scoring its last images
from PNG files. The table goes to docs/during-training.md; exit 1 where one differs or fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/during-training.md"
BEGIN, END = "<!-- table: python -m tests.support.loops -->", "<!-- end of table -->"
LOOPS = {  # name: package, processes, steps that take about a minute of CPU
    "plain": ("torch", 1, 12_000),
    "lightning": ("lightning", 1, 10_000),
    "trainer": ("transformers", 1, 10_000),
    "accelerate": ("accelerate", 1, 10_000),
    "accelerate ×2": ("accelerate", 2, 4_000),
    "lightning ×2": ("lightning", 2, 3_000),
    "trainer ×2": ("transformers", 2, 3_000),
}
EVALUATIONS = 5
N = 797


def measured(name: str, steps: int) -> dict[str, Any]:
    """One loop in this process: seconds, CPU seconds and how many of them evaluations took, and whether files agree."""
    sys.path.insert(0, str(ROOT / "examples"))
    import tiny

    import harness

    spent: dict[str, list[tuple[float, float]]] = {"reference": [], "evaluations": [], "offline": []}

    def timed(owner: Any, attribute: str, kind: str) -> None:
        plain: Callable[..., Any] = getattr(owner, attribute)

        def call(*given: Any, **options: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return plain(*given, **options)
            finally:
                spent[kind].append((time.perf_counter() - wall, time.process_time() - cpu))

        setattr(owner, attribute, call)

    timed(harness.Monitor, "__init__", "reference")
    timed(harness.Monitor, "evaluate", "evaluations")
    timed(tiny, "same_offline", "offline")
    loop = importlib.import_module(f"{name.split()[0]}_loop")
    wall, cpu = time.perf_counter(), time.process_time()
    same = loop.main(steps=steps, every=steps // EVALUATIONS, n=N, out=Path("images"))
    both = (time.perf_counter() - wall, time.process_time() - cpu)
    sums = {kind: [sum(one[i] for one in own) for i in range(2)] for kind, own in spent.items()}
    loop_seconds = [both[i] - sums["reference"][i] - sums["offline"][i] for i in range(2)]
    return {
        "same": same,
        "evaluations": len(spent["evaluations"]),
        "seconds": loop_seconds[0],
        "cpu": loop_seconds[1],
        "each": sums["evaluations"][1] / len(spent["evaluations"]),
        "share": sums["evaluations"][1] / loop_seconds[1],
        "reference": sums["reference"][1],
        "first": os.environ.get("RANK", "0") == "0",
    }


def run(name: str, steps: int) -> dict[str, Any]:
    """One loop in processes of its own, in an empty folder; raises where it fails."""
    _, processes, _ = LOOPS[name]
    one = ["-m", "tests.support.loops", "--one", name, "--steps", str(steps)]
    launcher = (
        [] if processes == 1 else ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "LOOPS_ANSWER": f"{folder}/answer.json"}
        subprocess.run([sys.executable, *launcher, *one], cwd=folder, env=environment, check=True, timeout=1800)
        return dict(json.loads(Path(folder, "answer.json").read_text()))


def row(name: str, steps: int, found: dict[str, Any]) -> str:
    """A line of the table."""
    package, processes, _ = LOOPS[name]
    what = {"torch": "a loop of your own", "lightning": "Lightning", "transformers": "Hugging Face Trainer"}
    counted = f"{steps:,} | {found['cpu']:.0f} | {found['seconds']:.0f} | {found['evaluations']} | {found['each']:.2f}"
    same = "equal" if found["same"] else "**differs**"
    return (
        f"| {what.get(package, package)}, {package} {version(package)} | {processes} | "
        f"{counted} | {found['share']:.1%} | {same} |"
    )


HEAD = (
    "| program | processes | steps | CPU s | s | evaluations | CPU s each | share of CPU | last one, offline |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
)


def write(rows: dict[str, str]) -> None:
    """The rows into the page's table; those of other loops stay as they are."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    told = {_key(line): line for line in old.splitlines() if line.startswith("| ")}
    told |= {_key(line): line for line in rows.values()}
    body = [line for line in told.values() if line not in HEAD]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join([*HEAD, *body]) + f"\n\n{END}{after}", encoding="utf-8")


def _key(line: str) -> tuple[str, ...]:
    program, processes = line.split("|")[1:3]
    return (program.split(",")[0].strip(), processes.strip())


def main() -> int:
    """Run them all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=LOOPS, help="run this loop here (used by the command itself)")
    parser.add_argument("--steps", type=int, help="steps of each loop [about a minute]")
    parser.add_argument("--only", choices=LOOPS, action="append", help="this loop only; its row is replaced")
    told = parser.parse_args()
    if told.one:
        found = measured(told.one, told.steps)
        if found.pop("first"):
            Path(os.environ["LOOPS_ANSWER"]).write_text(json.dumps(found))
        return 0 if found["same"] else 1
    failed = False
    for name in told.only or LOOPS:
        steps = told.steps or LOOPS[name][2]
        found = run(name, steps)
        failed |= not found["same"]
        line = row(name, steps, found)
        print(line, flush=True)
        if not told.steps:
            write({name: line})
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
