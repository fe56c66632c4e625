"""`python -m tests.scale [--n N …] [--generators G …] [--side PX]`: cost of each stage as a benchmark grows.

Every case is a fresh benchmark of random waves in a temporary folder: a reference and a training split of n images, G
generators of n images each, a cheap encoder, and FD, KD, precision, recall, density and coverage with intervals. Its
stages run as commands of their own with one worker, on one thread. Printed and written to scale.json: wall and CPU
seconds, the largest memory of any one process, and what each kind of the store takes. See docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.images import content_digest
from tests.scale.made import Waves

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("sample", "encode", "score", "rank")
BENCH = """\
name: scale
seed: 0
datasets: datasets.yaml
dataset: waves
n_real: {n}
n_fake: {n}
preprocessing: {{channels: rgb, resize: null, quantise: uint8, range: [0, 255]}}
encoders: {{blocks: {{use: "made:Blocks"}}}}
generators:
{generators}
metrics: {{fd: {{}}, kd: {{}}, precision: {{}}, recall: {{}}, density: {{}}, coverage: {{}}}}
rank_by: {{metric: fd, encoder: blocks}}
"""
CATALOGUE = """\
waves:
  use: npy
  source: made by tests.scale
  licence: CC0
  image: [{side}, {side}, 3]
  splits:
"""
SPLIT = '    {name}: {{path: {name}.npy, size: {n}, digest: "{digest}"}}\n'


def declare(folder: Path, n: int, generators: int, side: int, *, trained: bool) -> None:
    """Write the benchmark and its two real splits, in parts."""
    shutil.copy(Path(__file__).with_name("made.py"), folder)  # beside the YAML, where code is run without a question
    catalogue = CATALOGUE.format(side=side)
    waves = Waves(side=side)
    for number, name in enumerate(("reference", "train")):
        path = folder / f"{name}.npy"
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, side, side, 3))
        for start in range(0, n, 1000):
            images[start : start + 1000] = waves.sample(range(number * n + start, number * n + min(n, start + 1000)))
        catalogue += SPLIT.format(name=name, n=n, digest=content_digest(images))
        del images
    (folder / "datasets.yaml").write_text(catalogue)
    entries = [f'  g{i}: {{use: "made:Waves", side: {side}, shift: {i}}}' for i in range(generators)]
    entries += ["  memorise: {split: train}"] if trained else []
    (folder / "bench.yaml").write_text(BENCH.format(n=n, generators="\n".join(entries)))


@contextmanager
def watched(process: subprocess.Popen[bytes]) -> Iterator[dict[str, int]]:
    """The largest memory, in kB, of each process of a tree, by what it is, filled in as it runs.

    Anonymous memory: pages of files that are mapped, such as npy splits, the system takes back when it needs them.
    """
    peaks: dict[str, int] = {}
    while process.poll() is None:
        for place, pid in enumerate(tree(process.pid)):
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            found = next((line for line in text.splitlines() if line.startswith("RssAnon")), None)
            if found:
                name = "main" if place == 0 else f"worker {pid}"
                peaks[name] = max(peaks.get(name, 0), int(found.split()[1]))
        time.sleep(0.02)
    yield peaks


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            continue
        found += map(int, children)
    return found


def stage(folder: Path, name: str) -> dict[str, Any]:
    """Run one stage; its wall and CPU seconds and the peaks, in MB, of its main process and its largest worker."""
    words = [sys.executable, "-m", "harness.cli.main", name, "bench.yaml", "--workers", "1", "--store", "store"]
    words += ["--no-tracking", "--out", "out"] if name == "rank" else []
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / f"{name}.log").open("wb") as log:
        environment = {**os.environ, **one, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
        with watched(process) as peaks:
            pass
    if process.returncode:
        sys.exit((folder / f"{name}.log").read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    workers = [peak for who, peak in peaks.items() if who != "main"]
    return {
        "wall": round(time.perf_counter() - start, 2),
        "cpu": round(cpu, 2),
        "main_mb": round(peaks.get("main", 0) / 1024),
        "worker_mb": round(max(workers, default=0) / 1024),
    }


def stored(store: Path) -> dict[str, int]:
    """Bytes of each kind of the store."""
    return {
        kind.name: sum(file.stat().st_size for file in kind.rglob("*") if file.is_file())
        for kind in sorted(store.iterdir())
        if kind.is_dir()
    }


def case(n: int, generators: int, side: int, *, trained: bool) -> dict[str, Any]:
    """One benchmark through all stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        declare(folder, n, generators, side, trained=trained)
        found: dict[str, Any] = {"n": n, "generators": generators, "side": side, "trained": trained}
        for one in STAGES:
            found[one] = stage(folder, one)
        return {**found, "bytes": stored(folder / "store")}


def exponent(first: dict[str, Any], last: dict[str, Any], of: str, stage: str, fixed: float) -> float:
    """The power of `of` with which a stage's CPU seconds beyond `fixed` grow from the first case to the last."""
    grown = [max(one[stage]["cpu"] - fixed, 0.01) for one in (first, last)]
    return math.log(grown[1] / grown[0]) / math.log(last[of] / first[of])


def main() -> None:
    """Measure every case, and say exponents."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--n", type=int, nargs="+", default=[5_000, 10_000, 20_000, 50_000])
    parser.add_argument("--generators", type=int, nargs="*", default=[1, 4, 16], help="at the smallest n")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--trained", action="store_true", help="with a generator that is given the training split")
    parser.add_argument("--out", type=Path, default=Path("scale.json"))
    given = parser.parse_args()
    small = min(given.n)
    empty = case(64, 1, given.side, trained=given.trained)  # imports and start-up
    cases = [empty]
    for n, generators in [*((n, 1) for n in given.n), *((small, g) for g in given.generators if g > 1)]:
        cases.append(case(n, generators, given.side, trained=given.trained))
        print(json.dumps(cases[-1]), flush=True)
        given.out.write_text(json.dumps(cases, indent=1) + "\n", encoding="ascii")
    by_n = [one for one in cases[1:] if one["generators"] == 1]
    by_g = [one for one in cases[1:] if one["n"] == small]
    for of, rows in (("n", by_n), ("generators", by_g)):
        for one in STAGES if len(rows) > 1 else ():
            steps = [exponent(a, b, of, one, empty[one]["cpu"]) for a, b in pairwise(rows)]
            print(f"{one}: CPU seconds grow with {of} to the power " + ", ".join(f"{step:.2f}" for step in steps))


if __name__ == "__main__":
    main()
