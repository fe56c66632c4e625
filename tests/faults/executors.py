"""Kills under every executor: `python -m tests.faults.executors` prints the table of docs/executors.md in half an hour.

A benchmark is run undisturbed, then under local workers, four shards and a Ray cluster of three nodes, while workers,
whole runs and nodes are killed at moments drawn from a seed. Each is then finished by plain runs. Its generator and its
encoder write a line for each batch that they begin, so that work done again is counted, and wait a little in each, so
that kills meet units at work.

    python -m tests.faults.executors kills --only ray --kills 7 --seed 1
    python -m tests.faults.executors large               # 20,000 images in parts, no kills; `both`: one after the other
    python -m tests.faults.executors costs               # start-up, seconds a unit, two workers against one
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT
from tests.support.ray_nodes import Nodes

MODULE = """\
import hashlib, os, time

import numpy as np

LOG = {log!r}


def note(kind, payload):
    with open(LOG, "ab", buffering=0) as log:
        log.write((kind + " " + hashlib.sha256(payload).hexdigest() + f" {{os.getpid()}}\\n").encode())


class Slow:
    def fit(self, images, labels, *, seed):
        self.images = images

    def sample(self, seeds):
        note("sample", repr(list(seeds)).encode())
        time.sleep({pause})
        rows = [np.random.default_rng(seed).integers(len(self.images)) for seed in seeds]
        return np.roll(self.images[rows], 1, axis=2)


class Means:
    identity = {{"name": "row and column means"}}
    dim = 16

    def encode(self, images):
        if len(images) > 1:
            note("encode", np.ascontiguousarray(images).tobytes())
            time.sleep({pause})
        return np.concatenate([images.mean(axis=(2, 3)), images.mean(axis=(1, 3))], axis=1).astype(np.float32)
"""
BENCH = """\
name: kills
seed: 7
dataset: digits
datasets: {datasets}
reference_split: reference
training_split: train
n_real: 300
n_fake: {n}
batch_size: 64
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{means: {{use: "slow_parts:Means"}}, pixels: {{}}}}
generators: {{slow: {{use: "slow_parts:Slow"}}}}
training_seeds: {training}
sampling_seeds: {sampling}
metrics: {metrics}
rank_by: {{metric: fd, encoder: means}}
"""


@dataclass
class Site:
    """A folder with the benchmark, one store, one OUT, and the log of what was begun."""

    folder: Path
    large: bool = False
    killed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = str(self.folder / "begun.log")
        (self.folder / "slow_parts.py").write_text(MODULE.format(log=log, pause=0.0 if self.large else 0.4))
        sizes = (
            {"n": 20_000, "training": [0], "sampling": [0], "metrics": "{fd: {}}"}
            if self.large
            else {
                "n": 150,
                "training": [0, 1, 2, 3, 4, 5],
                "sampling": [0, 1],
                "metrics": "{fd: {}, kd: {}, precision: {}}",
            }
        )
        (self.folder / "bench.yaml").write_text(BENCH.format(datasets=ROOT / "datasets.yaml", **sizes))

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[bytes]:
        """`harness run` with these arguments, in a process group of its own."""
        command = [sys.executable, "-m", "harness.cli.main", "run", "bench.yaml", "--no-tracking", *map(str, arguments)]
        environment = {**os.environ, "HARNESS_TRUST_CODE": "1", "PYTHONPATH": str(ROOT), **variables}
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )

    def finish(self) -> int:
        """Plain runs until one ends well; how many it took."""
        for count in range(1, 6):
            if self.start("--workers", 2).wait(timeout=900) == 0:
                return count
        raise AssertionError(f"no run ended well: {self.folder / 'said.txt'}")

    @property
    def records(self) -> bytes:
        return (self.folder / "results" / "kills" / "records.jsonl").read_bytes()

    def begun(self) -> tuple[int, int]:
        """How many batches there were to make, and how often one was begun again."""
        lines = [line.rpartition(" ")[0] for line in (self.folder / "begun.log").read_text().splitlines()]
        return len(set(lines)), len(lines) - len(set(lines))

    def moments(self, rng: random.Random, runs: Callable[[], list[subprocess.Popen[bytes]]]) -> Iterator[int]:
        """Processes that have just begun a batch, some seconds apart, as long as one of the runs is at work."""
        log = self.folder / "begun.log"
        while any(run.poll() is None for run in runs()):
            time.sleep(rng.uniform(1.0, 4.0))
            before = log.stat().st_size if log.exists() else 0
            while any(run.poll() is None for run in runs()):
                time.sleep(0.02)
                if log.exists() and log.stat().st_size > before:
                    yield int(log.read_text().rsplit(maxsplit=1)[-1])
                    break


def kill(site: Site, pid: int, what: str) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        site.killed.append(what)


def under_local(site: Site, rng: random.Random, kills: int, _: Nodes | None) -> None:
    """The worker that just began a batch is killed; every fourth time the run itself, which is then started again."""
    started = [site.start("--workers", 3)]
    for pid in site.moments(rng, lambda: started[-1:]) if kills else ():
        if len(site.killed) % 4 == 3:
            kill(site, started[-1].pid, "run")
            started[-1].wait()
            started.append(site.start("--workers", 3))
        else:
            kill(site, pid, "worker")
        if len(site.killed) >= kills:
            break
    started[-1].wait(timeout=900)


def under_ray(site: Site, rng: random.Random, kills: int, nodes: Nodes | None) -> None:
    """The actor that just began a batch is killed; every third time its whole node, in whose place another comes."""
    assert nodes is not None
    run = site.start("--executor", "ray", "--workers", 3, RAY_ADDRESS=nodes.address)
    for pid in site.moments(rng, lambda: [run]) if kills else ():
        if len(site.killed) % 3 == 2 and nodes.kill_one(pid):
            site.killed.append("node")
            nodes.add_one()
        else:
            kill(site, pid, "worker")
        if len(site.killed) >= kills:
            break
    run.wait(timeout=900)


def under_shards(site: Site, rng: random.Random, kills: int, _: Nodes | None) -> None:
    """Four shards: the one that just began a batch is killed with its worker, and started again."""
    started = {i: site.start("--shard", f"{i}/4", "--workers", 1, "--wait", 10) for i in (1, 2, 3, 4)}
    for pid in site.moments(rng, lambda: list(started.values())) if kills else ():
        with suppress(ProcessLookupError):
            group = os.getpgid(pid)
            [i] = [i for i, run in started.items() if run.pid == group]
            os.killpg(group, signal.SIGKILL)
            site.killed.append("shard")
            started[i].wait()
            started[i] = site.start("--shard", f"{i}/4", "--workers", 1, "--wait", 10)
        if len(site.killed) >= kills:
            break
    for run in started.values():
        run.wait(timeout=900)


UNDER: dict[str, Callable[[Site, random.Random, int, Nodes | None], None]] = {
    "local": under_local,
    "shards": under_shards,
    "ray": under_ray,
}


def campaign(home: Path, names: list[str], kills: int, seed: int, nodes: Nodes | None, *, large: bool = False) -> None:
    """Print a row for each executor. Raises AssertionError where records differ."""
    plain = Site(home / "plain", large)
    plain.finish()
    truth, (batches, again) = plain.records, plain.begun()
    print(f"undisturbed: {len(truth.splitlines())} records, {batches} batches, {again} again", flush=True)
    for name in names:
        site, began = Site(home / name, large), time.monotonic()
        UNDER[name](site, random.Random(f"{seed} {name}"), kills, nodes)
        runs = site.finish()
        batches, again = site.begun()
        same = site.records == truth
        told = ", ".join(f"{site.killed.count(what)} {what}" for what in dict.fromkeys(site.killed)) or "none"
        print(
            f"{name}: killed {told}; {again} of {batches} batches begun again; {runs} plain run(s) finished it; "
            f"records {'identical' if same else 'DIFFER'}; {time.monotonic() - began:.0f} s",
            flush=True,
        )
        assert same


def busy(seconds: float) -> float:
    """Compute for so many CPU seconds."""
    start = time.process_time()
    while time.process_time() - start < seconds:
        sum(range(1000))
    return seconds


@contextmanager
def clock(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - began:.2f} s", flush=True)


def costs() -> None:
    """Start-up, overhead a unit, and two workers against one, on this machine as it is now."""
    from harness.pipeline import Asked, executor_of
    from harness.pipeline.executors.work import outcomes
    from tests.faults.executors import busy  # workers find it under its module, not in __main__

    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    for name in ("local", "ray"):
        with clock(f"{name}: start with 2 workers to the first answer"):
            entered = executor_of(name, Asked(2, device="cpu")).__enter__()
            list(outcomes(entered, busy, [0.0, 0.0]))
        try:
            for _ in range(2):
                began = time.monotonic()
                list(outcomes(entered, busy, [0.0] * 200))
                print(f"{name}: {(time.monotonic() - began) * 5:.2f} ms a unit that does nothing", flush=True)
            took: dict[int, list[float]] = {1: [], 2: []}
            for width in (1, 2) * 2:
                began = time.monotonic()
                units = [0.5] * 4
                for part in [units] if width == 2 else [[unit] for unit in units]:
                    list(outcomes(entered, busy, part))
                took[width].append(time.monotonic() - began)
            one, two = (statistics.median(took[width]) for width in (1, 2))
            print(
                f"{name}: 4 units of .5 CPU s: one at a time {one:.1f} s, two {two:.1f} s, {one / two:.2f} times",
                flush=True,
            )
        finally:
            with clock(f"{name}: end"):
                entered.__exit__(None, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.executors", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="kills", choices=["kills", "large", "both", "costs"])
    parser.add_argument("--only", action="append", choices=list(UNDER), help="these executors (may be repeated)")
    parser.add_argument("--kills", type=int, default=7, help="of each executor")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything there")
    asked = parser.parse_args()
    if asked.what == "costs":
        costs()
        return
    names = asked.only or list(UNDER)
    with (
        tempfile.TemporaryDirectory() if asked.folder is None else nullcontext(asked.folder) as home,
        Nodes(3) if "ray" in names else nullcontext() as nodes,
    ):
        if asked.what != "large":
            campaign(Path(home) / "kills", names, asked.kills, asked.seed, nodes)
        if asked.what != "kills":
            campaign(Path(home) / "large", names, 0, asked.seed, nodes, large=True)


if __name__ == "__main__":
    main()
