"""`python -m tests.docs.pictures`: draw the pictures of the README and of the pages into docs/img.

`forest.png` needs a finished run of benchmarks/digits.yaml in results/digits. `coverage.png` simulates: how often 95%
intervals hold the true value, ours against the naive percentile bootstrap of docs/coverage.csv, from equal populations.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from harness import open_run
from harness.report.figures.forest import CONTROL, TRAINED, draw_encoder, plot_style
from harness.uncertainty.analysis import MetricCall
from tests.docs.blocks import ROOT
from tests.simulations.populations import Population
from tests.simulations.studies import Study, both_random

FOLDER = ROOT / "docs/img"
SHOWN = ("fd", "precision", "recall")
REPETITIONS, SEED = 200, 20261
# The controls of tests/simulations/regimes.py: what is measured, between which populations, how many rows a side.
CASES: Mapping[str, tuple[str, Population, int]] = {
    "FD, far apart": ("fd", Population("gaussian", 16, 0.8), 400),
    "FD, close": ("fd", Population("gamma", 16, 0.3), 300),
    "KD, equal sets": ("kd", Population("gaussian", 64, 0.0, 0.0), 150),
    "recall": ("recall", Population("gaussian", 8, 0.8), 200),
}


def forest(out: Path) -> bytes:
    """PNG: FD, precision and recall of every generator of a finished run, with intervals and rank sets."""
    board = json.loads((out / "leaderboard.json").read_text(encoding="utf-8"))
    board["columns"] = [column for column in board["columns"] if column["metric"] in SHOWN]
    records = [record for record in open_run(out).records if record.metric in SHOWN]
    return _png(draw_encoder(records, board, board["rank_by"]["encoder"]), dpi=100)


def coverages() -> list[dict[str, Any]]:
    """For each case the share of 95% intervals that hold the truth: of the committed table's bootstrap, and of ours."""
    with (ROOT / "docs/coverage.csv").open(encoding="utf-8", newline="") as file:
        naive = [row for row in csv.DictReader(file) if row["study"].startswith("control: naive bootstrap")]
    found = []
    for name, (metric, population, n) in CASES.items():
        theirs = next(row for row in naive if _is_of(row, metric, population, n))
        call = MetricCall(metric, {"k": 3} if metric == "recall" else {})
        study = Study(name, population, n, n, {metric: call}, (0, 1, 0, 9))
        ours = both_random(study, REPETITIONS, SEED)[0]
        found.append({"case": name, "n": n, "naive": float(theirs["coverage"]), "harness": round(ours.coverage, 3)})
    return found


def drawn(rows: list[dict[str, Any]]) -> bytes:
    """PNG: the shares as points on a line from 0 to 100%, with the 95% that both promise."""
    from matplotlib.figure import Figure

    with plot_style():
        figure = Figure(figsize=(7.0, 2.3), layout="constrained")
        axes = figure.subplots()
        places = range(len(rows))
        axes.axvline(95, color="#222222", linewidth=1, linestyle="--")
        axes.hlines(
            places, [100 * row["naive"] for row in rows], [100 * row["harness"] for row in rows], color="#dddddd"
        )
        for side, (colour, marker), label in (
            ("naive", CONTROL, "naive percentile bootstrap"),
            ("harness", TRAINED, "this harness"),
        ):
            axes.plot([100 * row[side] for row in rows], places, marker, color=colour, label=label, markersize=7)
            for place, row in zip(places, rows, strict=True):
                text = f"{100 * row[side]:.0f}%"
                axes.annotate(
                    text, (100 * row[side], place), (0, 6), textcoords="offset points", ha="center", fontsize=8
                )
        axes.set_yticks(places, [f"{row['case']} (n = {row['n']})" for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.set_xlim(-4, 104)
        axes.set_xlabel('how often a "95%" interval holds the true value')
        axes.tick_params(left=False)
        axes.legend(loc="lower center", frameon=False, fontsize=8)
        return _png(figure, dpi=120)


def _is_of(row: Mapping[str, str], metric: str, population: Population, n: int) -> bool:
    return (
        row["metric"] == metric
        and row["study"].endswith(f"(far={population.far})")
        and (int(row["n_real"]), int(row["d"])) == (n, population.d)
    )


def _png(figure: Any, *, dpi: int) -> bytes:
    from PIL import Image

    raw, light = BytesIO(), BytesIO()
    with plot_style():
        figure.savefig(raw, format="png", dpi=dpi)
    Image.open(raw).convert("RGB").quantize(64).save(light, format="PNG", optimize=True)
    return light.getvalue()


def main() -> None:
    """Draw both; say what was found, as the row of a table."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "forest.png").write_bytes(forest(ROOT / "results/digits"))
    rows = coverages()
    (FOLDER / "coverage.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "coverage.png").write_bytes(drawn(rows))
    for row in rows:
        print(f"{row['case']:16s} n = {row['n']}  naive {row['naive']:.3f}  harness {row['harness']:.3f}")


if __name__ == "__main__":
    main()
