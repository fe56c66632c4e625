"""`harness judge`: from images with prompts to ranked generators, and the file that `harness scores` reads."""

from __future__ import annotations

import csv
import json

import numpy as np
import open_clip
import pytest
from click.testing import CliRunner
from open_clip import factory
from PIL import Image

from harness.cli.main import main
from tests.conftest import ROOT

TOWERS = {
    "embed_dim": 768,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 224, "layers": 1, "width": 64, "head_width": 32, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """open_clip's ViT-L-14 with two layers in all."""
    folder = tmp_path_factory.mktemp("configs")
    (folder / "ViT-L-14-quickgelu.json").write_text(json.dumps(TOWERS))
    open_clip.add_model_config(folder)
    yield
    factory._MODEL_CONFIG_PATHS.remove(folder)
    factory._rescan_model_configs()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    where = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    for name in ("mine", "theirs"):
        (where / name).mkdir()
        for i in range(6):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(where / name / f"{i}.png")
    (where / "prompts.txt").write_text("\n".join(f"picture number {i}" for i in range(6)))
    return where


def judge(where, *arguments):
    return CliRunner().invoke(main, ["judge", *map(str, arguments), "--out", str(where / "scores.csv")])


def test_scores_are_a_row_an_image_and_ranked_as_harness_scores_ranks_them(tiny, images, tmp_path):
    told = judge(
        tmp_path,
        *(images / name for name in ("mine", "theirs")),
        *("--by", "clip_score", "--by", "aesthetic", "--prompts", images / "prompts.txt", "--random-weights"),
        *("--compare", "mine", "theirs"),
    )
    assert told.exit_code == 0, told.output
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert len(rows) == 12
    label = "clip_score (random weights)"
    assert list(rows[0]) == ["generator", "image", "prompt", label, "aesthetic (random weights)"]
    assert [row["prompt"] for row in rows[:6]] == [f"picture number {i}" for i in range(6)]
    assert "over 6 prompts that all generators share" in told.output
    assert "mine minus theirs" in told.output
    again = CliRunner().invoke(
        main, ["scores", str(tmp_path / "scores.csv"), "--score", label, "--compare", "mine", "theirs"]
    )
    assert again.exit_code == 0
    assert again.output.strip() in told.output
    held = json.loads((tmp_path / "scores.csv.json").read_text())["judges"]
    assert set(held) == {label, "aesthetic (random weights)"}
    assert len(held[label]["weights"]) == 64
    assert held[label]["weights"] == held["aesthetic (random weights)"]["weights"]


def test_scores_hang_on_the_image_and_its_prompt_not_on_the_order(tiny, images, tmp_path):
    given = ("--by", "clip_score", "--prompts", images / "prompts.txt", "--random-weights")

    def column():
        rows = csv.DictReader((tmp_path / "scores.csv").open())
        return {(row["generator"], row["image"]): float(row["clip_score (random weights)"]) for row in rows}

    assert judge(tmp_path, images / "mine", images / "theirs", *given).exit_code == 0
    first = column()
    assert judge(tmp_path, images / "theirs", images / "mine", *given).exit_code == 0
    assert column() == pytest.approx(first, abs=1e-3)


def test_a_judge_that_reads_prompts_refuses_images_without_before_it_reads_weights(images, tmp_path):
    told = judge(tmp_path, images / "mine", "--by", "clip_score")
    assert told.exit_code == 2
    assert "clip_score reads prompts, and mine has none: give --prompts FILE" in told.output
    assert not (tmp_path / "scores.csv").exists()


def test_absent_weights_and_unknown_judges_cost_a_sentence(images, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "none"))
    told = judge(tmp_path, images / "mine", "--by", "text-to-image", "--prompts", images / "prompts.txt")
    assert told.exit_code == 2
    assert "weights ViT-L-14.pt not found" in told.output
    told = judge(tmp_path, images / "mine", "--by", "clipscore")
    assert told.exit_code == 2
    assert "no judge 'clipscore'; did you mean 'clip_score'" in told.output


BENCH = """\
name: prompted
seed: 3
dataset: digits
datasets: {datasets}
n_real: 20
n_fake: 8
preprocessing: {{channels: grey, resize: {{size: 8, library: pillow, filter: bilinear}}, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  mine: {{use: folder, path: mine}}
  theirs: {{use: folder, path: theirs}}
  holdout: {{}}
metrics: {{kd: {{}}}}
interval: {{replicates: 50}}
rank_by: {{metric: kd, encoder: pixels}}
"""


def test_generators_of_a_benchmark_that_have_prompts_are_judged_image_by_image(tiny, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        for i in range(8):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / name / f"{i}.png")
            (tmp_path / name / f"{i}.txt").write_text(f"picture number {i}")
    (tmp_path / "bench.yaml").write_text(BENCH.format(datasets=ROOT / "datasets.yaml"))
    monkeypatch.chdir(tmp_path)
    told = judge(tmp_path, "bench.yaml", "--by", "clip_score", "--random-weights", "--store", tmp_path / "store")
    assert told.exit_code == 0, told.output
    assert "skipped, no prompts: holdout" in told.output
    of_bench = {
        (row["generator"], row["prompt"]): float(row["clip_score (random weights)"])
        for row in csv.DictReader((tmp_path / "scores.csv").open())
    }
    assert judge(tmp_path, "mine", "theirs", "--by", "clip_score", "--random-weights").exit_code == 0
    of_files = {
        (row["generator"], row["prompt"]): float(row["clip_score (random weights)"])
        for row in csv.DictReader((tmp_path / "scores.csv").open())
    }
    assert len(of_bench) == 16
    assert of_bench == pytest.approx(of_files, abs=1e-3)  # whatever order the pool was drawn in
