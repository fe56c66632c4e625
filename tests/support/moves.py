"""`python -m tests.support.moves`: how often the work moves between rooms, and climbs back up, as it really runs.

A move is a call from a function of one room into one of another, each pair of functions counted once; a climb is a move
to a higher floor. Rooms and floors
are those that `pyproject.toml` lists for import-linter, so that the same file measures any house that has such a list.
Two ways are followed: one benchmark's YAML, from its path to the checked Benchmark, and one image set, from its folder
through preprocessing and encoder to scores.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path.cwd()


def floors() -> dict[str, int]:
    """The floor of every room, 0 for the ground."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in tool["contracts"] if contract["type"] == "layers")
    rooms = [[room.strip().removeprefix("harness.") for room in layer.split("|")] for layer in layers]
    return {room: floor for floor, layer in enumerate(reversed(rooms)) for room in layer}


def moves(work: Callable[[], Any]) -> tuple[int, int, int]:
    """Rooms visited, moves between rooms and climbs while `work` runs in this process."""
    floor_of = floors()
    package = (ROOT / "harness").resolve()
    rooms: dict[str, str | None] = {}

    def room(frame: FrameType | None) -> str | None:
        while frame is not None:
            file = frame.f_code.co_filename
            if file not in rooms:
                path = Path(file)
                inside = path.is_absolute() and package in path.parents
                found = path.relative_to(package).parts[0].removesuffix(".py") if inside else None
                rooms[file] = found if found in floor_of else None
            if rooms[file] is not None and frame.f_code.co_name != "<module>":
                return rooms[file]
            frame = frame.f_back
        return None

    seen: set[str] = set()
    ways: set[tuple[Any, Any]] = set()  # each caller and called once: how often a loop turns says nothing of the house
    climbs: set[tuple[Any, Any]] = set()

    def heard(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or str(package) not in frame.f_code.co_filename or frame.f_code.co_name == "<module>":
            return
        to, came = room(frame), room(frame.f_back)
        if to is None:
            return
        seen.add(to)
        if came is not None and came != to:
            way = (frame.f_back and frame.f_back.f_code, frame.f_code)
            ways.add(way)
            if floor_of[to] > floor_of[came]:
                climbs.add(way)

    sys.setprofile(heard)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(seen), len(ways), len(climbs)


def main() -> None:
    """Print both ways for the checkout in the current folder."""
    sys.path.insert(0, str(ROOT))
    try:  # before the rooms
        from harness.benchmark import load
        from harness.run import run_benchmark
    except ImportError:
        load = None
    if not callable(load):
        raise SystemExit("no harness.benchmark.load here")
    benchmark = ROOT / "benchmarks/digits.yaml"
    load(benchmark)  # imported, and what is cached is cached
    print("one YAML path: {} rooms, {} moves, {} climbs".format(*moves(lambda: load(benchmark))))
    small = """\
name: moves
seed: 1
dataset: digits
datasets: {data}
n_real: 64
n_fake: 64
batch_size: 64
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{noise: {{}}}}
metrics: {{fd: {{}}, kd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moves.yaml"
        path.write_text(small.format(data=ROOT / "datasets.yaml"))

        def run() -> None:
            run_benchmark(path, out=Path(folder) / "out", store=Path(folder) / "store", workers=1, tracking=False)

        print("one image set to its leaderboard: {} rooms, {} moves, {} climbs".format(*moves(run)))


if __name__ == "__main__":
    main()
