"""`harness pairs`: pairs by name, per-image scores, intervals that share the real images, refusal without pairs."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli.main import main
from harness.metrics.paired import psnr


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    spread = {"real": 0, "near": 8, "far": 30}
    for i in range(12):
        image = rng.integers(40, 200, (16, 16, 3))
        for name, by in spread.items():
            file = tmp_path / name / f"clip{i % 4}" / (f"img_{i:03d}.png" if name == "real" else f"IMG_{i}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            noise = rng.integers(-by, by + 1, image.shape)
            Image.fromarray((image + noise).astype(np.uint8)).save(file)
    return tmp_path


def said(*arguments):
    return CliRunner().invoke(main, ["pairs", *map(str, arguments)])


def test_the_nearer_generator_is_best_and_the_table_has_every_image(folders):
    table = folders / "scores.csv"
    found = said(folders / "real", folders / "near", folders / "far", "--compare", "near", "far", "--csv", table)
    assert found.exit_code == 0, found.output
    assert "near is best by psnr (higher is better), beyond noise." in found.output
    assert "near is best by ssim (higher is better), beyond noise." in found.output
    assert "paired by the same images: near is better beyond noise" in found.output
    assert "12 images that all generators share" in found.output
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 24
    one, other = (np.asarray(Image.open(folders / path)) for path in ("real/clip1/img_005.png", "far/clip1/IMG_5.png"))
    told = next(row for row in rows if row["generator"] == "far" and row["prompt"].endswith("005.png"))
    assert float(told["psnr"]) == psnr(one, other)
    again = CliRunner().invoke(main, ["scores", str(table), "--score", "ssim"])
    assert "near is best" in again.output


def test_folders_can_be_what_was_drawn(folders):
    found = said(folders / "real", folders / "far", "--clusters", "--measure", "psnr")
    assert "4 folders that all generators share" in found.output


def test_sets_without_pairs_are_refused_with_what_can_measure_them(folders):
    (folders / "far/clip0/IMG_0.png").rename(folders / "far/clip0/other.png")
    found = said(folders / "real", folders / "far")
    assert found.exit_code == 2
    assert "1 of 12 real images have no partner" in found.output
    assert "its perfect samples differ from all real images" in found.output
    assert "`harness score REAL FAKE`" in found.output


def test_equal_images_have_no_mean_psnr_and_an_ssim_of_one(folders):
    found = said(folders / "real", folders / "real")
    assert "psnr has no mean" in found.output
    assert "ssim of one generator (higher is better)" in found.output


def test_random_weights_of_lpips_are_labelled(folders):
    for file in folders.rglob("*.png"):
        Image.open(file).resize((32, 32)).save(file)
    found = said(folders / "real", folders / "near", "--measure", "lpips", "--random-weights")
    assert found.exit_code == 0, found.output
    assert "lpips of one generator (lower is better)" in found.output
    assert "LPIPS has random weights" in found.output
