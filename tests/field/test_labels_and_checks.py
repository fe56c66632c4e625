"""Labels decide numbers, so they are in every key; pins are checked first, and again where files change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from harness import UsageError, content_digest, estimate, open_run
from harness.benchmark import load
from harness.pipeline.checked import labels_digest
from harness.pipeline.encode import load_features
from harness.pipeline.plan import FakeSet, Plan
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.tiny import tiny

CODE = """
import numpy as np


class Ones:
    def fit(self, images, labels, *, seed):
        self.images = images[labels == 1]

    def sample(self, seeds):
        return self.images[[seed % len(self.images) for seed in seeds]]


def levels(seeds):
    draws = [np.random.default_rng(seed) for seed in seeds]
    return np.stack([rng.integers(0, 200, (4, 4, 1), np.uint8) for rng in draws])
"""
N = 120


def pictures() -> np.ndarray:
    """Twelve patients, ten pictures each: half of a picture is the patient's."""
    rng = np.random.default_rng(5)
    patients = np.repeat(rng.integers(0, 120, (12, 4, 4, 1)), 10, axis=0)
    return (patients + rng.integers(0, 120, (N, 4, 4, 1))).astype(np.uint8)


def dataset(folder: Path, labels: np.ndarray, **pins: Any) -> Path:
    """`datasets.yaml` and an npz with the pictures and these labels, as both splits."""
    images = pictures()
    np.savez(folder / "real.npz", images=images, labels=labels)
    split = {"path": "real.npz", "labels": "labels", "size": N, "digest": content_digest(images)}
    splits = {"reference": {**split, **pins}, "train": split}
    about = {"use": "npz", "source": "made here", "licence": "none", "image": [4, 4, 1], "splits": splits}
    YAML(typ="safe").dump({"own": about}, folder / "datasets.yaml")
    return folder / "datasets.yaml"


def bench(folder: Path, labels: np.ndarray, *generators: str, **pins: Any) -> Path:
    datasets = dataset(folder, labels, **pins)
    used = {name: {"use": f"mine:{name}"} for name in generators}
    return tiny(folder, CODE, used, dataset="own", datasets=str(datasets), n_real=N, n_fake=N)


def run(path: Path, *, store: str = "store", **options: Any) -> Any:
    folder = path.parent
    made = run_benchmark(path, out=folder / "out", store=folder / store, executor=Here(), tracking=False, **options)
    (row,) = made.leaderboard.rows
    return made, row.metrics["fd"], open_run(made.out).run_key


WRONG = np.arange(N) % 4
RIGHT = np.arange(N) // 30


def test_corrected_labels_fit_the_generator_anew_and_change_the_run_key(tmp_path):
    path = bench(tmp_path, WRONG, "Ones")
    _, before, key = run(path)
    dataset(tmp_path, RIGHT)
    _, after, corrected = run(path)
    _, truth, _ = run(path, store="empty")
    assert after == truth != before
    assert corrected != key
    assert open_run(tmp_path / "out").lock["dataset"]["train"]["labels_digest"] == labels_digest(RIGHT)


def test_corrected_labels_make_strata_anew(tmp_path):
    path = bench(tmp_path, WRONG, "levels", strata="labels")
    _, before, key = run(path)
    dataset(tmp_path, RIGHT, strata="labels")
    _, after, corrected = run(path)
    _, truth, _ = run(path, store="empty")
    assert after.se == truth.se != before.se
    assert corrected != key


def test_pinned_labels_that_are_not_the_ones_are_refused(tmp_path):
    path = bench(tmp_path, RIGHT, "levels", labels_digest=labels_digest(RIGHT))
    run(path)
    dataset(tmp_path, WRONG, labels_digest=labels_digest(RIGHT))
    with pytest.raises(UsageError, match="the labels of split reference are not the declared ones"):
        run(path)


def test_clusters_of_a_split_count_as_one_draw_each(tmp_path):
    patients = np.arange(N) // 10
    _, plain, _ = run(bench(tmp_path, patients, "levels"))
    path = bench(tmp_path, patients, "levels", clusters="labels")
    made, clustered, _ = run(path)
    assert clustered.se > 1.2 * plain.se
    plan = Plan(load(path), tmp_path / "store")
    real, fake = (load_features(plan, s, "pixels").rows for s in (plan.reference, FakeSet("levels", None, 0)))
    direct = estimate("fd", real, fake, clusters_real=patients, replicates=60)
    assert clustered.value == pytest.approx(direct.value, rel=1e-12)
    assert clustered.se == pytest.approx(direct.se, rel=2e-3)  # other seeds for what FD's error draws
    assert "by clusters (real)" in clustered.method
    assert any("the real images" in note for note in made.leaderboard.notes)


def test_clusters_go_with_the_images_where_a_part_of_the_split_is_taken(tmp_path):
    path = bench(tmp_path, np.arange(N) // 10, "levels", clusters="labels")
    path.write_text(path.read_text().replace(f"n_real: {N}", "n_real: 100"))
    run(path)
    plan = Plan(load(path), tmp_path / "store")
    images = plan.images(plan.reference)
    assert images is not None
    arrays = images.arrays()
    patient = {image.tobytes(): i // 10 for i, image in enumerate(pictures())}
    told = [patient[image.tobytes()] for image in arrays["images"]]
    assert len(set(zip(told, arrays["clusters"].tolist(), strict=True))) == len(set(told)) == 12


def test_labels_are_strata_or_clusters(tmp_path):
    with pytest.raises(UsageError, match="strata or clusters, not both"):
        load(bench(tmp_path, RIGHT, "levels", clusters="labels", strata="labels"))


def test_a_wrong_digest_is_said_before_anything_is_sampled(tmp_path):
    path = bench(tmp_path, RIGHT, "levels", digest="sha256:" + "0" * 64)
    with pytest.raises(UsageError, match="split reference is not the declared content"):
        run(path)
    with pytest.raises(UsageError):  # where nobody looks first either
        Plan(load(path), tmp_path / "store").labels_digest("reference")
    plan = Plan(load(path), tmp_path / "store")
    assert plan.images(FakeSet("levels", None, 0)) is None


def test_files_are_read_again_when_they_change_and_when_it_is_asked_for(tmp_path):
    path, file = bench(tmp_path, RIGHT, "levels"), tmp_path / "real.npz"
    first, *_ = run(path)
    assert first.unread_since is None
    second, *_ = run(path)
    assert second.unread_since is not None
    assert second.cached
    before = file.stat()
    images = pictures()
    images[7, 0, 0, 0] ^= 1
    np.savez(file, images=images, labels=RIGHT)
    assert file.stat().st_size == before.st_size
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(path)[0].cached  # nothing tells that it changed
    with pytest.raises(UsageError, match="is not the declared content"):
        run(path, verify=True)
    os.utime(file)
    with pytest.raises(UsageError, match="is not the declared content"):
        run(path)
