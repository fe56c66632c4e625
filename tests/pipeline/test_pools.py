"""Pools of image files: which images are drawn hangs on what lies there, never on where."""

import shutil
from pathlib import Path

import pytest

from harness.benchmark import model as benchmark
from harness.pipeline import sample as images
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.run import run_benchmark
from tests.support.noise_folders import N, declared, noise


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Folders `real`, `fake` and `other` of 60 images each; every image tells its own number."""
    for seed, name in enumerate(("real", "fake", "other")):
        noise(tmp_path / name, 60, seed=seed)
    return tmp_path


def drawn(bench: Path, store: Path) -> dict[str, list[int]]:
    plan = Plan(benchmark.load(bench), store, "cpu")
    return {
        fake.generator: images.load_images(plan, fake).arrays()["images"][:, 0, 0, 0].tolist() for fake in plan.fakes
    }


def test_the_same_files_elsewhere_are_the_same_numbers_in_an_empty_store(sets):
    shutil.copytree(sets / "fake", sets / "moved" / "fake")
    here = declared(sets / "real", sets / "fake", out=sets / "here")
    there = declared(sets / "real", sets / "moved" / "fake", out=sets / "deep" / "er" / "here")
    kept = []
    for bench in (here, there):
        result = run_benchmark(bench, out=bench.with_suffix(""), store=bench.parent / "own", workers=1, tracking=False)
        kept.append((result.out / "records.jsonl").read_bytes())
    assert kept[0] == kept[1]


def test_two_folders_of_one_size_are_permuted_alike_and_a_seed_permutes_anew(sets):
    first = drawn(declared(sets / "real", sets / "fake", sets / "other", out=sets / "a"), sets / "store")
    assert first["fake"] == first["other"]
    assert len(set(first["fake"])) == N
    assert first["fake"] != sorted(first["fake"])
    again = drawn(declared(sets / "real", sets / "fake", out=sets / "b", seed=1), sets / "store")
    assert again["fake"] != first["fake"]


def test_sampling_seeds_take_disjoint_blocks_of_one_permutation(sets):
    bench = declared(sets / "real", sets / "fake", out=sets / "a")
    bench.write_text(bench.read_text() + "sampling_seeds: [5, 9]\n")
    plan = Plan(benchmark.load(bench), sets / "store", "cpu")
    blocks = [
        images.load_images(plan, FakeSet("fake", None, seed)).arrays()["images"][:, 0, 0, 0].tolist() for seed in (5, 9)
    ]
    assert len(set(blocks[0] + blocks[1])) == 2 * N
