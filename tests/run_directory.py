"""A run's OUT directory with invented numbers, written with the real Record and Estimate, for tests of its readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from harness.keys import digest
from harness.record import Cell, Estimate, Record, write_records

METRICS = {"fd": {}, "kd": {}, "precision": {"k": 3}, "recall": {"k": 3}, "density": {"k": 5}, "coverage": {"k": 5}}
ENCODERS = {"digits_convnet": "", "random_convnet": "random weights", "pixels": ""}
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
REASON = "out of ink at image 300"
WIDTHS = {"fd": 0.12, "kd": 0.004, "precision": 0.02, "recall": 0.02, "density": 0.05, "coverage": 0.02}


def estimate_of(metric: str, value: float) -> Estimate:
    """An invented estimate around `value`."""
    se = WIDTHS[metric] * max(1.0, abs(value)) / 2
    return Estimate(
        value, se, value - 1.96 * se, value + 1.96 * se, level=0.95, target="T_N", reference="random",
        method="invented", n_real=400, n_fake=400,
    )  # fmt: skip


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
    for encoder, note in encoders.items():
        for rank, (name, (trained, *values)) in enumerate(sorted(generators.items(), key=lambda item: item[1][1]), 1):
            metrics = {}
            training_seeds = [0, 1, 2] if trained else []
            for (metric, parameters), value in zip(METRICS.items(), values, strict=True):
                make = {
                    "benchmark": "digits", "metric": metric, "parameters": parameters, "status": "ok",
                    "provenance": {"numpy": np.__version__, "commit": "0" * 40},
                }  # fmt: skip
                for training_seed in training_seeds or [None]:
                    for sampling_seed in (0, 1):
                        cell = Cell("digits", "reference", name, training_seed, sampling_seed, "grey8", encoder)
                        near = estimate_of(metric, value + WIDTHS[metric] * max(1.0, abs(value)) * rng.normal() / 2)
                        records.append(Record(level="cell", cell=cell, estimate=near, **make))
                whole = estimate_of(metric, value)
                cell = Cell("digits", "reference", name, None, None, "grey8", encoder)
                records.append(Record(level="generator", cell=cell, estimate=whole, **make))
                metrics[metric] = {"value": whole.value, "se": whole.se, "low": whole.low, "high": whole.high}
            rows.append({
                "encoder": encoder, "encoder_note": note, "rank": rank, "rank_low": max(1, rank - 1), "rank_high": rank,
                "tied_with": [], "generator": name, "status": "ok", "reason": None, "training_seeds": training_seeds,
                "sampling_seeds": [0, 1], "n_real": 400, "n_fake": 400, "metrics": metrics,
                "flags": ["copies of training images: 400 of 400"] if name == "memorise" else [],
            })  # fmt: skip
        for name in failed:
            for metric, parameters in METRICS.items():
                cell = Cell("digits", "reference", name, None, 0, "grey8", encoder)
                records.append(Record("digits", "cell", cell, metric, parameters, "failed", reason=REASON))
            rows.append({
                "encoder": encoder, "encoder_note": note, "rank": None, "rank_low": None, "rank_high": None,
                "tied_with": [], "generator": name, "status": "failed", "reason": REASON,
                "training_seeds": [], "sampling_seeds": [0, 1], "n_real": 400, "n_fake": 400, "metrics": {},
                "flags": [],
            })  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_records(out / "records.jsonl", records)
    leaderboard = {
        "benchmark": "digits", "rank_by": {"metric": "fd", "encoder": next(iter(encoders))},
        "interval": {"level": 0.95, "target": "T_N", "reference": "random"}, "rows": rows,
        "notes": ["Intervals of trained generators include the spread over 3 training seeds."],
    }  # fmt: skip
    (out / "leaderboard.json").write_text(json.dumps(leaderboard, indent=1))
    (out / "leaderboard.csv").write_text("rank,generator\n" + "".join(f"{r['rank']},{r['generator']}\n" for r in rows))
    (out / "leaderboard.md").write_text("| rank | generator |\n|---|---|\n")
    resolved = {name: {"use": name} for name in generators}
    (out / "benchmark.lock.yaml").write_text(
        f"run_key: {run_key or digest([resolved, list(encoders)])}\n"
        "benchmark: {name: digits, n_real: 400, n_fake: 400, training_seeds: [0, 1, 2]}\n"
    )
    run = {"time": "2026-01-02T03:04:05+00:00", "host": "here", "command": "harness run digits.yaml", "seconds": 12.5}
    (out / "run.json").write_text(json.dumps(run))
    for folder in ("grids", "plots"):
        (out / folder).mkdir(exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(out / "grids" / "kde.png")
    (out / "plots" / "digits_convnet.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return out
