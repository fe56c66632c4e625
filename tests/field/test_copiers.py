"""A generator that gives reference images back: FD 0, and nothing that the number says of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness import open_run
from harness.cli.main import main
from harness.pipeline.leaderboard import Leaderboard
from harness.report.figures.forest import draw_encoder
from harness.report.mlflow import directory, tables
from harness.report.run_files import read_run
from harness.report.words import answer, verdict


def images(folder: Path, n: int, *, seed: int, shift: float = 0.0) -> Path:
    """n grey noise images of 6 x 6 pixels, brighter by `shift`."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for i in range(n):
        pixels = np.clip(rng.normal(120 + shift, 20, (6, 6)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).convert("RGB").save(folder / f"{i:03d}.png")
    return folder


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Real images scored against themselves, a fair generator and a bright one."""
    folder = tmp_path_factory.mktemp("copier")
    real = images(folder / "real", 120, seed=0)
    shutil.copytree(real, folder / "copies")
    images(folder / "fair", 120, seed=1, shift=4)
    images(folder / "bright", 120, seed=2, shift=60)
    told = ask(
        "score",
        *(folder / name for name in ("real", "copies", "fair", "bright")),
        "--encoder",
        "pixels",
        "--workers",
        1,
        "--out",
        folder / "out",
        "--store",
        folder / "store",
    )
    assert told.exit_code == 0, told.output
    return folder, told


def test_a_copier_has_its_distance_and_no_rank(scored):
    folder, _ = scored
    board = Leaderboard.from_json((folder / "out/leaderboard.json").read_text())
    rows = {row.generator: row for row in board.rows}
    assert abs(rows["copies"].metrics["fd"].value) < 1e-6
    assert [(row.generator, row.rank) for row in board.rows] == [("fair", 1), ("bright", 2), ("copies", None)]
    assert (rows["bright"].rank_low, rows["bright"].rank_high) == (2, 2), "brackets count the ranked"
    assert rows["fair"].tied_with == ()
    assert rows["copies"].flags == (
        "100% exact copies of reference images: distances are meaningless, so it has no rank",
    )


def test_the_verdict_is_one_in_terminal_report_and_mlflow_and_crowns_no_copier(scored):
    folder, told = scored
    run = read_run(folder / "out")
    said = answer(run)
    assert "fair (FD" in said[0]
    assert "is best, beyond noise." in said[0]
    assert said[1] == "copies has no rank: it returns reference images, so distances mean nothing."
    assert verdict(run)[: len(said)] == said
    line = next(line for line in told.output.splitlines() if line.startswith("verdict"))
    assert " ".join(said) in " ".join(told.output[told.output.index(line) :].split())
    logged = directory.read(folder / "out")
    assert " ".join(said) in tables.description(logged.board, "page", answer=answer(logged.shown))
    copies = next(row for row in logged.board.rows if row.generator == "copies")
    assert tables.child_title(logged.board, copies).startswith("– copies")


def test_plots_draw_the_copier_below_the_ranked(scored):
    folder, _ = scored
    board = json.loads((folder / "out/leaderboard.json").read_text())
    axes = draw_encoder([], board, "pixels").axes[0]
    assert [label.get_text().split()[-1] for label in axes.get_yticklabels()] == ["fair", "bright", "copies"]


def test_the_gate_fails_who_became_a_copier_and_tests_no_copier(scored):
    folder, _ = scored
    before = folder / "before"
    before.mkdir()
    images(before / "copies", 120, seed=3, shift=9)
    told = ask(
        "score",
        folder / "real",
        before / "copies",
        "--encoder",
        "pixels",
        "--workers",
        1,
        "--out",
        before / "out",
        "--store",
        folder / "store",
    )
    assert told.exit_code == 0, told.output
    now = ask(
        "score",
        folder / "real",
        folder / "copies",
        "--encoder",
        "pixels",
        "--workers",
        1,
        "--out",
        folder / "alone",
        "--store",
        folder / "store",
    )
    assert now.exit_code == 0, now.output
    assert "No generator can be ranked" in " ".join(now.output.split())
    worse = ask("gate", folder / "alone", "--baseline", before / "out")
    assert worse.exit_code == 1, worse.output
    assert worse.output.startswith("gate: copies gives reference images back")
    same = ask("gate", folder / "alone", "--baseline", folder / "alone")
    assert same.exit_code == 0, same.output
    assert "note  copies: not tested: in the baseline, 100% exact copies of reference images" in same.output


def test_compare_and_power_hold_no_copier_against_anybody(scored):
    folder, _ = scored
    for command in (("compare",), ("power", "--difference", 1)):
        told = ask(command[0], folder / "out", "copies", "fair", *command[1:])
        assert told.exit_code == 2, told.output
        assert "copies: 100% exact copies of reference images: distances are meaningless" in told.output
        assert "so it is not compared" in told.output
        assert "better" not in told.output
    assert ask("compare", folder / "out", "fair", "bright").exit_code == 0


def test_pairs_of_a_finished_run_name_no_copier_as_better(scored):
    folder, _ = scored
    pairs = open_run(folder / "out").pairs(metric="fd").set_index(["first", "second"])
    assert pairs.loc[("fair", "bright"), "better"] == "fair"
    copiers = pairs[[("copies" in pair) for pair in pairs.index]]
    assert len(copiers) == 2
    assert copiers["better"].isna().all()
    assert copiers["p_holm"].max() < 0.05, "they do differ"
    assert copiers["notes"].str.startswith("copies returns reference images").all()


def test_diagnose_finds_a_copier_neither_faithful_nor_good(scored):
    folder, _ = scored
    told = ask("diagnose", folder / "out")
    assert told.exit_code == 0, told.output
    table = told.output.splitlines()
    (row,) = [number for number, line in enumerate(table) if line.startswith("  copies ")]
    assert table[row].split("  ")[-1].strip() == "100.0% of its images"
    assert "copies of reference images" in table[row]
    assert table[row + 1].strip() == "its distances mean nothing"
    assert "nothing is found against" not in told.output or "copies" not in told.output.splitlines()[0]


def test_rerank_leaves_the_copier_out_and_says_so(tmp_path, scored):
    folder, _ = scored
    images(tmp_path / "dim", 120, seed=4, shift=-30)
    bench = tmp_path / "two.yaml"
    text = (folder / "out.yaml").read_text().replace("path: ", f"path: {folder}/")
    text = text.replace("datasets: out.datasets.yaml", f"datasets: {folder}/out.datasets.yaml")
    text = text.replace(
        "encoders:\n",
        "encoders:\n  small: {use: pixels, preprocessing: {resize: {library: pillow, filter: box, size: 3}}}\n",
    )
    text = text.replace("generators:\n", f"generators:\n  dim: {{use: folder, path: {tmp_path}/dim}}\n")
    bench.write_text(text)
    ran = ask("run", bench, "--out", tmp_path / "out", "--store", folder / "store", "--workers", 1, "--no-tracking")
    assert ran.exit_code == 0, ran.output
    told = ask("rerank", tmp_path / "out", "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    assert "note: left out: copies (gives reference images, so distances mean nothing)" in told.output
    found = json.loads((tmp_path / "told.json").read_text())
    assert set(found["consensus"]["mean_rank"]) == {"fair", "bright", "dim"}
    assert all("copies" not in order["sentence"] for order in found["distances"])
    assert len(found["distances"]) == 2
