"""`python -m tests.support.costs [--rounds N] [--rows N …]`: an interval's cost beside a bare number; docs/cost.md.

Each method runs in a process of its own, on one thread, in turn with the others, and reports CPU seconds (another job
on the machine costs wall time only) and the memory it took beyond imports and data. Figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

DOCS = Path(__file__).resolve().parents[2] / "docs"
D, SEED, REPLICATES, GENERATORS = 2048, 7, 1000, 4


def features(n: int, side: int) -> np.ndarray:
    """Float32 (n, 2048) with the spectrum i^-1.2, rotated by reflections; the fake side is shifted a little."""
    rng = np.random.default_rng([SEED, side])
    rows = rng.standard_normal((n, D), dtype=np.float32)
    rows *= (np.arange(1, D + 1) ** -0.6).astype(np.float32)
    for reflection in range(4):  # cheap, exact rotations, the same for both sides
        axis = np.random.default_rng([SEED, 99, reflection]).standard_normal(D).astype(np.float32)
        axis /= np.linalg.norm(axis)
        for start in range(0, n, 1024):  # in place: a copy of the data here would hide what a method takes
            part = rows[start : start + 1024]
            part -= 2.0 * np.outer(part @ axis, axis)
    rows += np.float32(0.4 + 0.01 * side)
    return rows


def clean_fid(real: np.ndarray, fake: np.ndarray) -> float:
    """clean-fid's own way from features to the bare number."""
    from cleanfid.fid import fid_from_feats

    return float(fid_from_feats(real, fake))


def with_interval(real: np.ndarray, fake: np.ndarray) -> float:
    """FD with both intervals of T_N, and of T_inf with its bias where the size allows it (N/d >= 20 here)."""
    from harness.metrics.analyses import analyse
    from harness.uncertainty.analysis import MetricCall
    from harness.uncertainty.intervals import interval

    found = analyse({"fd": MetricCall("fd")}, real, fake, real_seed=0, fake_seed=1)["fd"]
    for reference in ("fixed", "random"):
        interval(found, level=0.95, target="T_N", reference=reference)
    if len(real) >= 20 * D:
        assert interval(found, level=0.95, target="T_inf", reference="random").value < found.value
    return found.value


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "clean-fid, FID alone": clean_fid,
    "harness, FD with intervals (and bias from N/d = 20)": with_interval,
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


def measure(method: str, n: int) -> dict[str, Any]:
    """One method in this process: CPU seconds, memory beyond imports and data in MB, the value."""
    real, fake = features(n, 0), features(n, 1)
    METHODS[method](real[:900, :32], fake[:900, :32])  # imports and thread pools are not what is measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    value = METHODS[method](real, fake)
    seconds = time.process_time() - start
    rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"seconds": seconds, "rise": rise, "value": value}


def main() -> None:
    """Measure, and write docs/cost.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        with threadpool_limits(1):
            what, n = given.one[0], int(given.one[1])
            print(json.dumps({"seconds": replicates(n)} if what == "replicates" else measure(what, n)))
        return

    def run(what: str, n: int) -> dict[str, Any]:
        words = [sys.executable, "-m", "tests.support.costs", "--one", what, str(n)]
        return dict(
            json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        )

    lines = ["| features | method | CPU seconds | memory, MB | value |", "|---|---|---|---|---|"]
    verdicts = []
    for n in given.rows:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in METHODS}
        for _ in range(given.rounds):
            for name in METHODS:
                found[name].append(run(name, n))
        seconds = {name: median(one["seconds"] for one in all_) for name, all_ in found.items()}
        for name, all_ in found.items():
            rise = median(one["rise"] for one in all_)
            lines.append(f"| {n:,} × {D:,} | {name} | {seconds[name]:.1f} | {rise:,.0f} | {all_[0]['value']:.6f} |")
        peer, own = seconds.values()
        held = "reached" if own <= peer else "NOT reached"
        verdicts.append(f"- {n:,} rows: {own / peer:.2f} of clean-fid's time (bar: at most 1): {held}.")
    drawn = median(run("replicates", 10_000)["seconds"] for _ in range(given.rounds))
    held = "reached" if drawn < 3 else "NOT reached"
    verdicts.append(
        f"- {REPLICATES:,} joint replicates of {GENERATORS} generators of 10,000 images after their fits: "
        f"{drawn:.2f} s (bar: under 3): {held}."
    )
    names = ("generative-image-harness", "clean-fid", "numpy", "scipy")
    text = (
        "# What an interval costs\n\n"
        f"Written by `python -m tests.support.costs --rounds {given.rounds}`; seed {SEED}; "
        f"{', '.join(f'{name} {version(name)}' for name in names)}; one thread, CPU seconds, medians of "
        f"{given.rounds} rounds in turn.\nMemory is what a method's peak adds to the imports and both feature sets "
        "(float32).\n\n" + "\n".join(lines) + "\n\n" + "\n".join(verdicts) + "\n"
    )
    (DOCS / "cost.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
