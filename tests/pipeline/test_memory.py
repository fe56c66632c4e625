"""Real images are read, held against their pins, stored and encoded in parts: memory does not grow with them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness import UsageError, benchmark
from harness.images import content_digest
from harness.images.datasets import split as splits
from harness.pipeline import Plan, checked, models, nearest, read_images, sample
from harness.pipeline.planned import RealSet

SIDE, FEW, MANY = 32, 150, 450
SHAPE = f"[{SIDE}, {SIDE}, 3]"
EACH = 800  # bytes: names, places and digests of an image; its pixels are 3,072
YAML = """\
name: memory
seed: 0
datasets: datasets.yaml
dataset: real
n_real: {n}
n_fake: 16
preprocessing: {{channels: grey, resize: {{library: pillow, filter: bicubic, size: [32, 32]}}, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{holdout: {{split: reference}}}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""
CATALOGUE = """\
real:
  use: {kind}
  source: made
  licence: CC0
  image: {image}
  splits: {{reference: {{path: {path}, size: {size}, digest: "{digest}"}}}}
"""


def planned(folder: Path, kind: str, size: int, *, n: int | None = None, image: str = SHAPE) -> Plan:
    """A plan with a reference of so many random images."""
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (size, SIDE, SIDE, 3), np.uint8)
    if kind == "npy":
        path = folder / "real.npy"
        np.save(path, images)
    else:
        path = folder / "real"
        path.mkdir()
        for i, pixels in enumerate(images):
            Image.fromarray(pixels).save(path / f"{i:05d}.png", compress_level=0)
    digest = content_digest(images)
    (folder / "datasets.yaml").write_text(
        CATALOGUE.format(kind=kind, path=path.name, size=size, digest=digest, image=image)
    )
    (folder / "bench.yaml").write_text(YAML.format(n=n or size))
    return Plan(benchmark.load(folder / "bench.yaml"), folder / "store")


def peak(plan: Plan) -> int:
    """The largest number of bytes that were held at once while the split was checked, stored and read again."""
    tracemalloc.start()
    try:
        sample.check_split(plan, "reference", [plan.reference])
        for batch in read_images(plan, plan.reference, 64):
            assert len(batch)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("kind", "image"), [("folder", SHAPE), ("folder", "any"), ("npy", SHAPE)])
def test_a_further_real_image_takes_no_memory_but_for_its_name(tmp_path, monkeypatch, kind, image):
    monkeypatch.setattr(sample, "SHARD_BYTES", 64 * SIDE * SIDE * 3)
    monkeypatch.setattr(splits, "PART_BYTES", 32 * SIDE * SIDE * 3)
    peak(planned(tmp_path / "first", kind, 20, image=image))  # what is imported and cached once
    # Of two: once in a while Python's table of interned strings doubles, and pathlib interns parts of paths.
    few, many = (
        min(peak(planned(tmp_path / f"{size} {turn}", kind, size, image=image)) for turn in range(2))
        for size in (FEW, MANY)
    )
    assert (many - few) / (MANY - FEW) < EACH


@pytest.mark.parametrize("n", [40, 200])
def test_a_draw_of_a_split_is_the_same_rows_however_the_split_is_cut(tmp_path, monkeypatch, n):
    plan = planned(tmp_path / "whole", "npy", 200, n=n)
    sample.check_split(plan, "reference", [plan.reference, RealSet("reference")])
    monkeypatch.setattr(splits, "PART_BYTES", 7 * SIDE * SIDE * 3)
    monkeypatch.setattr(sample, "SHARD_BYTES", 11 * SIDE * SIDE * 3)
    cut = planned(tmp_path / "cut", "folder", 200, n=n)
    sample.check_split(cut, "reference", [cut.reference, RealSet("reference")])
    for source in (plan.reference, RealSet("reference")):
        one, other = (made.images(source) for made in (plan, cut))
        assert one.facts["content"] == other.facts["content"]
        assert len(other.shards) > len(one.shards) == 1
    images = np.random.default_rng(0).integers(0, 256, (200, SIDE, SIDE, 3), np.uint8)
    drawn = np.sort(np.random.default_rng(plan.seed("reference", "reference")).permutation(200)[:n])
    read = list(read_images(cut, cut.reference, 16))
    np.testing.assert_array_equal(np.concatenate(read), images[drawn])
    assert {len(batch) for batch in read[:-1]} == {16}


def test_a_split_that_is_not_as_pinned_leaves_nothing_in_the_store(tmp_path):
    plan = planned(tmp_path / "a", "npy", 60)
    held = np.load(tmp_path / "a" / "real.npy")
    held[59, 0, 0, 0] ^= 1
    np.save(tmp_path / "a" / "real.npy", held)
    with pytest.raises(UsageError, match="changed: its digest"):
        sample.check_split(plan, "reference", [plan.reference])
    assert plan.looks == {}
    assert not list((tmp_path / "a" / "store").rglob("*.safetensors"))


GENERATOR = """
import numpy as np


class Kept:
    def fit(self, images, labels, *, seed):
        self.images, self.labels = images, labels

    def sample(self, seeds):
        return self.images[[seed % len(self.images) for seed in seeds]]
"""


def fitted_on(folder: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> Any:
    """A generator that was given its split, kept in memory up to `held` bytes."""
    plan = planned(folder, "npy", 300)
    (folder / "kept.py").write_text(GENERATOR)
    text = (folder / "bench.yaml").read_text().replace("holdout: {split: reference}", 'mine: {use: "kept:Kept"}')
    (folder / "bench.yaml").write_text(text + "training_split: reference\n")
    plan = Plan(benchmark.load(folder / "bench.yaml"), folder / "store")
    monkeypatch.setattr(checked, "HELD_BYTES", held)
    made = plan.component("generators", "mine")
    models.fitted(plan, "mine", 0, made)
    return made


def test_a_generator_learns_from_the_same_images_where_they_lie_on_disk(tmp_path, monkeypatch):
    whole = fitted_on(tmp_path / "whole", monkeypatch, 10**9)
    mapped = fitted_on(tmp_path / "mapped", monkeypatch, 1000)
    assert isinstance(mapped.images, np.memmap)
    assert not isinstance(whole.images, np.memmap)
    np.testing.assert_array_equal(mapped.images, whole.images)
    mapped.images[0] = 0  # code that writes into its images writes into a copy of its own
    assert [path for path in (tmp_path / "mapped" / "store").rglob("*") if path.is_file()] == []


def test_a_split_on_disk_is_held_against_its_pin_too(tmp_path, monkeypatch):
    held = np.load(planned(tmp_path / "a", "npy", 60).benchmark.folder / "real.npy")
    held[59, 0, 0, 0] ^= 1
    np.save(tmp_path / "a" / "real.npy", held)
    monkeypatch.setattr(checked, "HELD_BYTES", 1000)
    data = benchmark.load(tmp_path / "a" / "bench.yaml").data
    with pytest.raises(UsageError, match="changed: its digest"):
        checked.load_split(data, "reference", folder=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_images_that_are_shown_do_not_hold_the_shards_they_are_of(tmp_path):
    plan = planned(tmp_path / "a", "npy", 300)
    sample.check_split(plan, "reference", [plan.reference])
    shown = sample.first_images(plan, 16)["reference"]
    kept = nearest._images(plan, plan.reference, [3, 250])
    for images in (shown, *kept.values()):
        whole = images if images.base is None else images.base
        assert whole.nbytes == images.nbytes
