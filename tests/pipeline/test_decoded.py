"""`harness score` reads each real image once: what pinning read is what the run stores."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from harness import benchmark
from harness.base import UsageError
from harness.benchmark import from_folders
from harness.pipeline import Pipeline, Plan, Silent, Store, executor_of, keep_decoded
from harness.pipeline.sample import load_images, read_images


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        (tmp_path / name).mkdir()
        for i in range(16):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def declared(folders, *, n=None):
    store = Store(folders / "store")
    found = from_folders.declare(
        folders / "real",
        [folders / "fake"],
        out=folders / "out",
        protocol=None,
        encoder="pixels",
        n=n,
        random_weights=False,
        seed=3,
        read=partial(keep_decoded, store),
    )
    return Plan(benchmark.load(found.bench), store.root, "cpu")


def checked(plan):
    with executor_of(workers=1) as executor:
        pipeline = Pipeline(plan, executor, Silent())
        pipeline.check()
    return plan.looks["reference"]


def spoil(folders):
    """Real images that can be read no longer, under the sizes and times that they had."""
    for path in (folders / "real").iterdir():
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("n", [None, 13], ids=["all", "some"])
def test_the_run_reads_no_real_image_again(folders, n):
    apart = Plan(declared(folders, n=n).benchmark, folders / "other", "cpu")
    expected = load_images(apart, apart.reference)
    plan = declared(folders, n=n)
    spoil(folders)
    assert checked(plan).new
    found = load_images(plan, plan.reference)
    assert found.facts == expected.facts
    pairs = zip(read_images(plan, plan.reference, 5), read_images(apart, apart.reference, 5), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_files_that_changed_since_are_read_again(folders):
    plan = declared(folders)
    changed = folders / "real" / "3.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(changed)
    with pytest.raises(UsageError, match="changed: its digest"):
        checked(plan)


def test_a_damaged_copy_is_read_anew_from_the_files(folders):
    plan = declared(folders)
    (shard,) = (plan.store_root / "decoded").rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert load_images(plan, plan.reference).facts["n"] == 16


def test_nothing_of_it_stays_once_the_real_images_are_stored(folders):
    plan = declared(folders)
    with executor_of(workers=1) as executor:
        Pipeline(plan, executor, Silent()).sample()
    assert not list((plan.store_root / "decoded").rglob("*.safetensors"))
    assert not checked(Plan(plan.benchmark, plan.store_root, "cpu")).new  # a later run goes by sizes and times
