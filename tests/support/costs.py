"""`python -m tests.support.costs [--rounds N] [--rows N …]`: an interval's cost beside a bare number; docs/cost.md.

Methods and measurement are those of `tests.bench`: a process each, on one thread, in turn, CPU seconds and the memory
taken beyond imports and data. Figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from tests.bench.__main__ import run, summary
from tests.bench.methods import SEED, D, features

DOCS = Path(__file__).resolve().parents[2] / "docs"
REPLICATES, GENERATORS = 1000, 4


# A bare number of a peer's, and ours with both intervals of T_N; of sizes beyond the last, minutes a round.
PAIRS = {
    "FD": ("clean-fid FID", "harness FD with intervals", 50_000),
    "KD": ("torch-fidelity KID, 100 × 1,000", "harness KD with intervals", 10_000),
    "precision, recall, density, coverage": ("prdc", "harness P, R, D, C with intervals", 10_000),
}


def replicates(n: int) -> float:
    """CPU seconds of 1,000 joint replicates over four generators, after the fits."""
    from harness.metrics.analyses import analyse
    from harness.uncertainty.analysis import MetricCall
    from harness.uncertainty.joint import joint_replicates
    from harness.uncertainty.seeds import SeedMember

    real = features(n, 0)
    call = {"fd": MetricCall("fd")}
    fitted = {
        f"g{g}": [SeedMember(None, 0, analyse(call, real, features(n, g + 1), real_seed=0, fake_seed=g + 1)["fd"])]
        for g in range(GENERATORS)
    }
    start = time.process_time()
    joint_replicates(fitted, count=REPLICATES, seed=0)
    return time.process_time() - start


def main() -> None:
    """Measure, and write docs/cost.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--replicates", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.replicates:
        with threadpool_limits(1):
            print(json.dumps(replicates(given.replicates)))
        return
    lines = ["| features | method | CPU seconds | memory, MB | value |", "|---|---|---|---|---|"]
    verdicts = []
    for n in given.rows:
        for metric, (peer, own, largest) in PAIRS.items():
            if n > largest:
                continue
            rounds = [(run(peer, n), run(own, n)) for _ in range(given.rounds)]
            found = [summary([one[side] for one in rounds]) for side in (0, 1)]
            for name, one in zip((peer, own), found, strict=True):
                value = one["value"]
                words = ", ".join(f"{v:.6f}" for v in value.values()) if isinstance(value, dict) else f"{value:.6f}"
                lines.append(f"| {n:,} × {D:,} | {name} | {one['seconds']:.1f} | {one['rise']:,.0f} | {words} |")
            ratio = found[1]["seconds"] / found[0]["seconds"]
            held = "reached" if ratio <= 1 else "NOT reached"
            verdicts.append(f"- {n:,} rows, {metric}: {ratio:.2f} of the time of {peer} (target: at most 1): {held}.")
    words = [sys.executable, "-m", "tests.support.costs", "--replicates", "10000"]
    drawn = median(
        float(subprocess.run(words, check=True, capture_output=True, text=True).stdout) for _ in range(given.rounds)
    )
    held = "reached" if drawn < 3 else "NOT reached"
    verdicts.append(
        f"- {REPLICATES:,} joint replicates of the ranks of {GENERATORS} generators with 10,000 images each: "
        f"{drawn:.2f} s (target: under 3): {held}."
    )
    names = ("generative-image-harness", "clean-fid", "torch-fidelity", "prdc", "numpy", "scipy")
    text = (
        "# What an interval costs\n\n"
        "FD, KD and the k-NN metrics with intervals, beside the same metrics without intervals from other packages.\n"
        f"Written by `python -m tests.support.costs --rounds {given.rounds}`; seed {SEED}; "
        f"{', '.join(f'{name} {version(name)}' for name in names)}; one thread, CPU seconds, medians of "
        f"{given.rounds} alternating rounds.\nMemory: peak beyond the imports and both feature sets (float32).\n\n"
        + "\n".join(lines)
        + "\n\n"
        + "\n".join(verdicts)
        + "\n"
    )
    (DOCS / "cost.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
