"""A run's OUT directory with invented numbers, written with the real Record and Estimate, for tests of its readers."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from harness.base.keys import digest
from harness.base.record import Cell, Estimate, Record, Reference, to_lines
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.rows import Column, Row
from harness.report.run_files import CONTROLS

METRICS = {"fd": {}, "kd": {}, "precision": {"k": 3}, "recall": {"k": 3}, "density": {"k": 5}, "coverage": {"k": 5}}
ENCODERS = {"digits_convnet": "", "random_convnet": "random weights: not a measure of quality", "pixels": ""}
# generator: (trained, fd, kd, precision, recall, density, coverage)
GENERATORS = {
    "holdout": (False, 0.9, 0.0, 0.97, 0.97, 1.02, 0.96),
    "memorise": (False, 1.0, 0.001, 0.98, 0.96, 1.04, 0.95),
    "kde": (True, 2.2, 0.01, 0.95, 0.97, 0.9, 0.93),
    "gaussian_mixture": (True, 4.0, 0.03, 0.88, 0.95, 0.7, 0.85),
    "ddpm": (True, 6.1, 0.05, 0.86, 0.9, 0.62, 0.8),
    "vae": (True, 9.5, 0.11, 0.9, 0.7, 0.8, 0.66),
    "ppca": (True, 11.0, 0.13, 0.8, 0.86, 0.5, 0.7),
    "blur": (False, 31.0, 0.5, 0.7, 0.4, 0.4, 0.4),
    "mode_drop": (False, 42.0, 0.9, 0.98, 0.41, 1.1, 0.39),
    "noise": (False, 160.0, 5.5, 0.1, 0.8, 0.02, 0.05),
}
PROVENANCE = {"commit": "0" * 40, "device": "cpu", "libraries": {"numpy": np.__version__}}
REASON = "out of ink at image 300"
WIDTHS = {"fd": 0.12, "kd": 0.004, "precision": 0.02, "recall": 0.02, "density": 0.05, "coverage": 0.02}


def estimate_of(metric: str, value: float, reference: Reference) -> Estimate:
    """An invented estimate around `value`, wider with a random reference."""
    se = WIDTHS[metric] * max(1.0, abs(value)) / (2 if reference == "random" else 3)
    return Estimate(
        value,
        se,
        value - 1.96 * se,
        value + 1.96 * se,
        level=0.95,
        target="T_N",
        reference=reference,
        method="invented",
        n_real=400,
        n_fake=400,
    )


def records_of(
    encoder: str,
    generator: str,
    seeds: tuple[int | None, int] | None,
    metric: str,
    parameters: dict,
    value: float | None,
) -> list[Record]:
    """The Records of one metric of a cell, or of a generator where `seeds` is None: one for each reference."""
    cell = Cell("digits", "reference", generator, *(seeds or (None, None)), "grey", encoder)
    return [
        Record(
            benchmark="digits",
            level="cell" if seeds else "generator",
            cell=cell,
            metric=metric,
            parameters={"use": metric, **parameters},
            status="failed" if value is None else "ok",
            reason=REASON if value is None else None,
            estimate=None if value is None else estimate_of(metric, value, reference),
            provenance=PROVENANCE,
        )
        for reference in ("fixed", "random")
    ]


def write_run(
    out: Path,
    *,
    generators: dict[str, tuple[float, ...]] | None = None,
    encoders: dict[str, str] | None = None,
    failed: tuple[str, ...] = ("broken",),
    run_key: str | None = None,
) -> Path:
    """Write records.jsonl, leaderboard.*, benchmark.lock.yaml, run.json, one grid and one plot file."""
    generators, encoders = generators or GENERATORS, encoders or ENCODERS
    rng = np.random.default_rng(7)
    records, rows = [], []
    controls = CONTROLS & set(generators) if set(generators) - CONTROLS else set()
    contestants = sorted(set(generators) - controls, key=lambda name: generators[name][1])
    for encoder in encoders:
        for name, (trained, *values) in sorted(generators.items(), key=lambda item: (item[0] in controls, item[1][1])):
            rank = None if name in controls else 1 + contestants.index(name)
            metrics = {}
            training_seeds = (0, 1, 2) if trained else ()
            for (metric, parameters), value in zip(METRICS.items(), values, strict=True):
                for seeds in itertools.product(training_seeds or (None,), (0, 1)):
                    near = value + WIDTHS[metric] * max(1.0, abs(value)) * rng.normal() / 2
                    records += records_of(encoder, name, seeds, metric, parameters, near)
                records += records_of(encoder, name, None, metric, parameters, value)
                metrics[metric] = estimate_of(metric, value, "random")
            flags = ("100% exact copies of training images",) if name == "memorise" else ()
            rows.append(
                Row(
                    encoder,
                    name,
                    "ok",
                    None,
                    rank,
                    rank and max(1, rank - 1),
                    rank,
                    (),
                    training_seeds,
                    (0, 1),
                    400,
                    400,
                    metrics,
                    flags,
                    control=name in controls,
                )
            )
        for name in failed:
            for (metric, parameters), seeds in itertools.product(METRICS.items(), (None, (None, 0), (None, 1))):
                records += records_of(encoder, name, seeds, metric, parameters, None)
            rows.append(Row(encoder, name, "failed", REASON, None, None, None, (), (), (0, 1), 400, 400, {}, ()))
    board = Leaderboard(
        benchmark="digits",
        rank_by={"metric": "fd", "encoder": next(iter(encoders))},
        interval={"level": 0.95, "target": "T_N", "reference": "random"},
        columns=tuple(Column(m, {"fd": "FD", "kd": "KD"}.get(m, m), m in ("fd", "kd")) for m in METRICS),
        encoder_notes=encoders,
        rows=tuple(rows),
        notes=("over training seeds where there are several",),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "records.jsonl").write_bytes(to_lines(records))
    (out / "leaderboard.json").write_text(board.to_json())
    (out / "leaderboard.csv").write_text(board.to_csv())
    (out / "leaderboard.md").write_text(board.to_markdown())
    (out / "metrics.json").write_text(board.to_metrics())
    declared = {
        "name": "digits",
        "dataset": "digits",
        "reference_split": "reference",
        "n_fake": 400,
        "training_seeds": [0, 1, 2],
        "generators": {name: {"use": name, "parameters": {"bandwidth": 0.1}} for name in (*generators, *failed)},
        "encoders": {name: {"use": name, "parameters": {}} for name in encoders},
    }
    splits = {name: {"size": 400, "digest": "sha256:" + digest(name)} for name in ("train", "reference")}
    lock = {"run_key": run_key or digest(declared), "benchmark": declared, "dataset": splits}
    YAML(typ="safe").dump(lock, out / "benchmark.lock.yaml")
    run = {"run_key": lock["run_key"], "time": "2026-01-02T03:04:05+00:00", "seconds": 12.5}
    (out / "run.json").write_text(json.dumps(run))
    for folder in ("grids", "plots"):
        (out / folder).mkdir(exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(out / "grids" / "kde.png")
    (out / "plots" / "digits_convnet.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return out
