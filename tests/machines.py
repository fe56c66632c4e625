"""By how much a number moves with processor, threads, batch size and library versions: writes docs/machines.md.

`python -m tests.machines [--python NAME=PATH …]` runs one small benchmark under every setting, each from nothing in a
store of its own, and holds every value against that of the first. PATH is the Python of another environment that has
the harness's dependencies (docs/supply.md says how to make one). Minutes of one core. Rows of earlier passes, on other
machines and versions, stay in docs/machines.json and on the page; `--page` writes the page from them and runs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import benchmark
from harness.base import Record, read_records, to_lines
from harness.pipeline import Pipeline, Plan, Silent
from harness.pipeline.executors.local import LocalExecutor, compute_on_one_thread

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "machines.md"
KEPT = ROOT / "docs" / "machines.json"  # rows of every pass; one that runs again takes its own place
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
METRICS = ("fd", "kd", "precision", "recall", "density", "coverage")
BENCH = """\
name: machines
seed: 11
dataset: digits
datasets: {datasets}
n_real: 300
n_fake: 200
batch_size: {batch_size}
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{digits_convnet: {{}}, random_convnet: {{}}, pixels: {{}}}}
generators:
  {{kde: {{}}, ppca: {{}}, gaussian_mixture: {{}}, vae: {{epochs: 40}}, holdout: {{}}, blur: {{}}, noise: {{}}}}
training_seeds: [0]
sampling_seeds: [0]
metrics: {{fd: {{}}, kd: {{}}, precision: {{}}, recall: {{}}, density: {{}}, coverage: {{}}}}
interval: {{level: 0.95, target: T_N, reference: random, replicates: 60}}
rank_by: {{metric: fd, encoder: digits_convnet}}
"""


@dataclass(frozen=True)
class Setting:
    """One way to compute the same benchmark: what is said of it, its environment, its Python."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    batch_size: int = 64
    workers: int = 1
    python: str = sys.executable


def settings(others: dict[str, str]) -> list[Setting]:
    """The first is what all others are held against."""
    return [
        Setting("as it comes"),
        Setting("OpenBLAS for Prescott", {"OPENBLAS_CORETYPE": "Prescott"}),
        Setting("torch without AVX", {"ATEN_CPU_CAPABILITY": "default"}),
        *(Setting(name, python=path) for name, path in others.items()),
        Setting("OpenBLAS for Haswell", {"OPENBLAS_CORETYPE": "Haswell"}),
        Setting("batch size 1", batch_size=1),
        Setting("batch size 7", batch_size=7),
        Setting("OpenBLAS for Zen", {"OPENBLAS_CORETYPE": "Zen"}),
        Setting("torch with AVX2", {"ATEN_CPU_CAPABILITY": "avx2"}),
        Setting("2 threads asked for", dict.fromkeys(PINNED, "2")),
        Setting("2 workers", workers=2),
        Setting("the same again"),
    ]


class Here:
    """An executor that works in this very process: a worker would import everything a second time."""

    width = 1

    def submit(self, work: Callable[[Any], Any], unit: Any) -> Future[Any]:
        """`work(unit)`, done before it is asked for."""
        done: Future[Any] = Future()
        done.set_result(work(unit))
        return done

    def __enter__(self) -> Here:
        compute_on_one_thread()
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


def one(bench: Path, records: Path, workers: int) -> None:
    """Write the records of a benchmark, made from nothing; nothing is drawn or sent."""
    plan = Plan(benchmark.load(bench), bench.parent / "store")
    with Here() if workers == 1 else LocalExecutor(workers) as executor:
        pipeline = Pipeline(plan, executor, Silent())
        for stage in (pipeline.sample, pipeline.encode, pipeline.score):
            stage()
    assert not pipeline.failures, pipeline.failures
    records.write_bytes(to_lines(pipeline.rank().records))


def run(setting: Setting) -> tuple[list[Record], str]:
    """The records of the benchmark under a setting, and the versions that made them."""
    with tempfile.TemporaryDirectory() as temporary:
        bench, records = Path(temporary) / "bench.yaml", Path(temporary) / "records.jsonl"
        bench.write_text(BENCH.format(datasets=ROOT / "datasets.yaml", batch_size=setting.batch_size), "utf-8")
        command = [setting.python, "-m", "tests.machines", "--one", bench, records, str(setting.workers)]
        environment = {**os.environ, **PINNED, "PYTHONPATH": str(ROOT), **setting.variables}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        found = read_records(records)
    libraries = json.dumps(dict(found[0].provenance["libraries"]))
    return [r for r in found if r.level == "cell" and r.estimate and r.estimate.reference == "random"], libraries


def held_against(first: list[Record], other: list[Record]) -> dict[str, str]:
    """The cells of a row of the table: digests that differ, and the largest difference of each metric."""
    pairs = list(zip(first, other, strict=True))
    assert all((a.cell, a.metric) == (b.cell, b.metric) for a, b in pairs)
    differ = {
        what: sorted({a.cell.generator for a, b in pairs if a.inputs[f"fake_{what}"] != b.inputs[f"fake_{what}"]})
        for what in ("images", "features")
    }
    told = {"other images": ", ".join(differ["images"]) or "none"}
    kept = [(a, b) for a, b in pairs if a.cell.generator not in differ["images"]]
    apart = {
        (a.cell.generator, a.cell.encoder) for a, b in kept if a.inputs["fake_features"] != b.inputs["fake_features"]
    }
    told["other features"] = f"{len(apart)} of {len({(a.cell.generator, a.cell.encoder) for a, _ in kept})} sets"
    for metric in METRICS:
        told[metric] = _largest([(a, b) for a, b in kept if a.metric == metric], ends=False)
    told["ends of intervals"] = _largest(kept, ends=True)
    moved = [(a, b) for a, b in pairs if a.cell.generator in differ["images"]]
    told["of other images"] = _largest(moved, ends=False) if moved else "–"
    return told


def _largest(pairs: list[tuple[Record, Record]], *, ends: bool) -> str:
    """The largest difference of values, or of ends of intervals, in standard errors of the first."""
    worst = 0.0
    for one, other in pairs:
        a, b = one.estimate, other.estimate
        assert a is not None
        assert b is not None
        if not a.se or a.low is None or a.high is None or b.se is None or b.low is None or b.high is None:
            continue
        told = ((a.low, b.low), (a.high, b.high)) if ends else ((a.value, b.value),)
        worst = max(worst, *(abs(x - y) / a.se for x, y in told))
    return "0" if worst == 0 else f"{worst:.1g}"


HEAD = """\
# The same number everywhere

By how much a number moves with what a machine computes on: the largest difference over all image sets and encoders of a
small benchmark (7 generators, 3 encoders, 300 real and 200 generated digits), **in standard errors of the number
itself**. Written by `python -m tests.machines`; `harness verify OUT` says the same of a run of yours.

Columns: generators whose *images* are other bytes (another draw of the same law, so their difference is that of another
seed); of all other sets, how many have other *features*; the largest difference of each metric's *value*; the largest
of an *end of an interval*, over all metrics; the largest of a value of the sets with other images. Ends move more than
values where a feature differs in any bit: the random parts of precision, recall, density and coverage (60 here) are
drawn by the features' bytes, so what is seen there is their Monte Carlo error.

"""
FOOT = """
\\* From a pass that kept, for each metric, the larger of value and ends of the interval; its last column but one is the
larger of FD and KD. Every setting was run once, on one Intel Xeon with AVX-512.

**What was found.** The only setting with other features is torch without AVX: 7 sets, as many as one encoder has. In a
separate look, the weights that `random_convnet` draws differ there by up to 4e-7 and its features by 1e-6. Values move
by at most 2e-5 standard errors; ends of intervals by up to one standard error, since 60 random parts are drawn anew.
`harness verify` therefore judges the value alone where features differ.

Threads do not count: workers compute on one thread each, whatever is asked for. Not tried: ARM, Windows, macOS, Python
3.12 and 3.14, other makers' processors (OpenBLAS was told to use their code on this one).

To draw the random parts by what is declared, `plan.seed("replicates", …)` in pipeline/score.py and sizes.py would take
the digest of the images and the encoder's identity instead of the digest of the features. Every end of an interval by
random parts would move once, by its Monte Carlo error; no value would.
"""


def main() -> None:
    """Run all settings and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="another environment")
    parser.add_argument("--page", action="store_true", help="run nothing: write the page from the rows kept")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(Path(asked.one[0]), Path(asked.one[1]), int(asked.one[2]))
        return
    if asked.page:
        write_page()
        return
    others = dict(named.split("=", 1) for named in asked.python)
    first: list[Record] | None = None
    for setting in settings(others):
        records, libraries = run(setting)
        first = first or records
        row = {"setting": setting.name, **held_against(first, records)}
        print(row, flush=True)
        keep(row, libraries)
        write_page()


def keep(row: dict[str, str], libraries: str, kept: Path = KEPT) -> None:
    """Put a row among those of earlier passes, in place of the one of the same setting; names new versions once."""
    held = json.loads(kept.read_text(encoding="utf-8"))
    names = [old["setting"] for old in held["rows"]]
    if row["setting"] in names:
        held["rows"][names.index(row["setting"])] = row
    else:
        held["rows"].append(row)
    said = ", ".join(f"{n} {v}" for n, v in json.loads(libraries).items() if v != "absent")
    held["versions"].pop(row["setting"], None)
    if said not in held["versions"].values():
        held["versions"][row["setting"]] = said
    kept.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def page(kept: Path = KEPT) -> str:
    """The page, from the rows of every pass."""
    held = json.loads(kept.read_text(encoding="utf-8"))
    heads = ["setting", "other images", "other features", *METRICS, "ends of intervals", "of other images"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in held["rows"]:
        name = f"{row['setting']} \\*" if row.get("note") else row["setting"]
        lines.append(f"| {' | '.join([name, *(row[head] for head in heads[1:])])} |")
    named = [f"- {name}: {said}" for name, said in held["versions"].items()]
    return HEAD + "\n".join(lines) + "\n\nVersions:\n\n" + "\n".join(named) + "\n" + FOOT


def write_page() -> None:
    """Write docs/machines.md."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
