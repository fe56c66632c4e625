"""`python -m tests.bench [--rounds N] [--rows N …] [--only WORD …]`: speed beside other packages: docs/bench.md, .json.

Each method runs in a process of its own, on one thread, in turn with the others, and reports CPU seconds
(another job on the machine costs wall time, and some of the cache), the memory it took beyond imports and data, its
value, and what the machine did of a matrix product and a copy just before and after. Figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tests.bench import encoding
from tests.bench.methods import METHODS, SEED, D, features, missing
from tests.bench.steps import BARS, GEMM_SHARE, LARGEST, MEMORY_MB, SAME

DOCS = Path(__file__).resolve().parents[2] / "docs"
PACKAGES = ("numpy", "scipy", "torch", "clean-fid", "torch-fidelity", "torchmetrics", "prdc", "faiss-cpu")


def machine() -> dict[str, float]:
    """Float32 and float64 GFLOP/s of a 2,048-cube product, and GB/s of a copy, medians of three."""

    def seconds(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> float:
        found = []
        for _ in range(3):
            start = time.process_time()
            np.matmul(left, right, out=out)
            found.append(time.process_time() - start)
        return median(found)

    rng = np.random.default_rng(0)
    side = 2048
    single = [rng.standard_normal((side, side), dtype=np.float32) for _ in range(3)]
    double = [part.astype(np.float64) for part in single]
    source = np.ones(2**24)
    target = np.empty_like(source)
    copies = []
    for _ in range(3):
        start = time.process_time()
        np.copyto(target, source)
        copies.append(time.process_time() - start)
    work = 2 * side**3 / 1e9
    return {
        "gemm32": work / seconds(*single),
        "gemm64": work / seconds(*double),
        "copy": 2 * source.nbytes / 1e9 / median(copies),
    }


def measure(method: str, n: int) -> dict[str, Any]:
    """One method in this process."""
    before = machine()
    real, fake = features(n, 0), features(n, 1)
    METHODS[method](real[:400, :300].copy(), fake[:400, :300].copy())  # imports are not what is measured
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is that of `machine`
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    value = METHODS[method](real, fake)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    after = machine()
    around = {name: (before[name] + after[name]) / 2 for name in before}
    return {"seconds": seconds, "wall": wall, "rise": rise, "value": value, **around}


def kernels() -> str:
    """The processor that numpy's OpenBLAS has kernels for here."""
    from threadpoolctl import threadpool_info

    return next((str(one["architecture"]) for one in threadpool_info() if one["internal_api"] == "openblas"), "")


def run(method: str, n: int) -> dict[str, Any]:
    """One method in a process of its own."""
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    if method.startswith("faiss"):  # its own, older OpenBLAS takes today's processors for the oldest it knows
        env |= {"OPENBLAS_CORETYPE": kernels()}
    words = [sys.executable, "-m", "tests.bench", "--one", method, str(n)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=env)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over rounds; the value is the first's, they are all the same."""
    numbers = {name: median(one[name] for one in rounds) for name in rounds[0] if name != "value"}
    return numbers | {"value": rounds[0]["value"]}


def verdicts(found: dict[str, dict[str, Any]], n: int) -> list[tuple[str, str, str, bool]]:
    """What was measured of each bar at this size: what, measured, bar, and whether it holds."""
    lines = []
    for bar in BARS:
        if n in bar.most and bar.ours in found and bar.peer in found:
            ratio, most = found[bar.ours]["seconds"] / found[bar.peer]["seconds"], bar.most[n]
            lines.append((f"{bar.step}: {bar.ours} / {bar.peer}", f"{ratio:.2f}", f"≤ {most:.2f}", ratio <= most))
    for name, least in GEMM_SHARE.items():
        if n == 10_000 and name in found:
            share = 4 * n**2 * D / 1e9 / found[name]["gemm32"] / found[name]["seconds"]
            lines.append((f"{name}: share of the float32 GEMM", f"{share:.0%}", f"≥ {least:.0%}", share >= least))
    for name, most in MEMORY_MB.items():
        if n == 10_000 and name in found:
            rise = found[name]["rise"]
            lines.append((f"{name}: memory beyond the data", f"{rise:.0f} MB", f"≤ {most:.0f} MB", rise <= most))
    return lines


def differences(found: dict[str, dict[str, Any]]) -> list[tuple[str, float, float]]:
    """Where values are not the same as a peer's: which pair, how far relative to the value, how far they may."""
    wrong = []
    for ours, peer, allowed in SAME:
        if ours in found and peer in found:
            one, other = (_numbers(found[name]["value"]) for name in (ours, peer))
            apart = float(np.max(np.abs(one - other) / np.abs(other)))
            if not apart <= allowed:
                wrong.append((f"{ours} and {peer}", apart, allowed))
    return wrong


def _numbers(value: Any) -> np.ndarray:
    return np.array(list(value.values()) if isinstance(value, dict) else [value])


def _text(found: dict[int, dict[str, dict[str, Any]]], rounds: int, absent: dict[str, str]) -> str:
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    lines = [
        "# Speed and memory beside other packages",
        "",
        f"Written by `make bench` (`python -m tests.bench --rounds {rounds}`); seed {SEED}; Python "
        f"{platform.python_version()}, {', '.join(versions)}.",
        f"CPU seconds on one thread: medians of {rounds} alternating rounds, each in a process of its own. Memory:",
        "peak beyond imports and both feature sets (float32). GEMM: float32 speed at 2,048³ in that process, before",
        "and after. Other packages run their own functions, and their values are compared with ours. faiss's own",
        "OpenBLAS does not know newer processors, so it is set to numpy's kernels.",
        "",
    ]
    if absent:
        lines += [f"Not installed, so not measured: {', '.join(sorted(set(absent.values())))}.", ""]
    for n, methods in found.items():
        lines += [f"## {n:,} × {D:,} features per side", ""]
        lines += ["| method | CPU s | memory, MB | GEMM, GFLOP/s | value |", "|---|---|---|---|---|"]
        for name, one in methods.items():
            value = one["value"]
            words = ", ".join(f"{v:.6g}" for v in value.values()) if isinstance(value, dict) else f"{value:.8g}"
            lines.append(
                f"| {name} | {one['seconds']:.2f} | {one['rise']:,.0f} | {one['gemm32']:.0f} | {words or '–'} |"
            )
        did = {key: median(one[key] for one in methods.values()) for key in ("gemm32", "gemm64", "copy")}
        lines += [
            "",
            f"Speed of the machine during the measurement: {did['gemm32']:.0f} and {did['gemm64']:.0f} GFLOP/s in "
            f"float32 and float64, {did['copy']:.1f} GB/s memory copy.",
            "",
        ]
        if held := verdicts(methods, n):
            lines += ["| ratio | measured | target | |", "|---|---|---|---|"]
            lines += [f"| {w} | {m} | {b} | {'reached' if ok else '**not reached**'} |" for w, m, b, ok in held]
            lines.append("")
        for pair, apart, allowed in differences(methods):
            lines.append(f"VALUES DIFFER: {pair} by {apart:.2g}, allowed {allowed:.0e}.")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Measure, and write docs/bench.md and docs/bench.json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--only", nargs="+", help="methods whose name has one of these words")
    parser.add_argument("--no-encoding", action="store_true", help="features alone, no images")
    parser.add_argument("--out", type=Path, default=DOCS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            print(json.dumps(measure(given.one[0], int(given.one[1]))))
        return
    chosen = [name for name in METHODS if not given.only or any(word in name for word in given.only)]
    absent = {name: package for name in chosen if (package := missing(name))}
    found: dict[int, dict[str, dict[str, Any]]] = {}
    raw: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for n in given.rows:
        names = [name for name in chosen if name not in absent and (n not in LARGEST or name in LARGEST[n])]
        raw[n] = {name: [] for name in names}
        for number in range(given.rounds):
            for name in names:
                raw[n][name].append(run(name, n))
                print(f"{n:,} rows, round {number + 1}: {name} {raw[n][name][-1]['seconds']:.2f} s", flush=True)
        found[n] = {name: summary(rounds) for name, rounds in raw[n].items()}
    encoded = [] if given.only or given.no_encoding else encoding.seconds(16, 16, given.rounds)
    text = _text(found, given.rounds, absent) + "".join(f"\n{line}" for line in encoding.section(encoded) if encoded)
    (given.out / "bench.md").write_text(text, encoding="utf-8")
    facts = {"rounds": given.rounds, "columns": D, "seed": SEED, "absent": absent, "rows": raw, "encoding": encoded}
    (given.out / "bench.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(text)
    if any(differences(methods) for methods in found.values()):
        sys.exit("values differ from the peers'")


if __name__ == "__main__":
    main()
