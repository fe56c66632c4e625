"""Labels decide numbers, so they are in every key; pins are checked first, and again where files change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from harness import UsageError, content_digest, estimate, open_run
from harness.benchmark import load
from harness.cli.main import main
from harness.pipeline.checked import labels_digest
from harness.pipeline.encode import load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.run import run_benchmark
from tests.images.test_arrays_and_parquet import write_parquet
from tests.images.test_files import packed, write_folder, write_zip
from tests.images.test_tar import write_tar
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
    with pytest.raises(UsageError, match="the labels of split reference changed"):
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
    path = bench(tmp_path, RIGHT, "levels", digest="sha256:" + "1" * 64)
    with pytest.raises(UsageError, match="split reference changed"):
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
    with pytest.raises(UsageError, match="changed: its digest"):
        run(path, verify=True)
    os.utime(file)
    with pytest.raises(UsageError, match="changed: its digest"):
        run(path)


def test_every_command_that_uses_the_real_images_says_when_they_were_last_read(tmp_path):
    path = bench(tmp_path, RIGHT, "levels")
    path.write_text(path.read_text() + "audit: {jpeg: [50]}\n")
    commands = (("run", "--no-tracking", "--out", tmp_path / "out"), ("sample",), ("encode",), ("score",))
    for number, command in enumerate((*commands, ("audit", "--out", tmp_path / "out"))):
        words = [command[0], path, "--store", tmp_path / "store", "--workers", 1, *command[1:]]
        told = CliRunner().invoke(main, [str(word) for word in words])
        assert told.exit_code == 0, told.output
        lines = [line for line in told.output.splitlines() if "digests last checked" in line]
        assert len(lines) == (number > 0), told.output  # the first command reads them itself
        assert all("`harness run --verify` checks again" in line for line in lines)


def idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.mark.parametrize("use", ["folder", "zip", "tar", "parquet", "npz", "npy", "idx", "classes"])
def test_the_number_of_labels_is_told_for_every_kind(tmp_path, use):
    images = pictures()[..., 0]
    files = {f"c{label}/{i:03d}.png": packed(image) for i, (image, label) in enumerate(zip(images, RIGHT, strict=True))}
    split: dict[str, Any] = {"path": f"real.{use}", "labels": "folders"}
    if use == "folder":
        write_folder(tmp_path / "real.folder", files)
    elif use == "zip":
        write_zip(tmp_path / "real.zip", files)
    elif use == "tar":
        write_tar(tmp_path / "real.tar", files)
    elif use == "parquet":
        write_parquet(tmp_path / "real.parquet", list(files.values()), labels=RIGHT.tolist())
        split["labels"] = "label"
    elif use == "npz":
        np.savez(tmp_path / "real.npz", images=images[..., None], labels=RIGHT)
        split["labels"] = "labels"
    elif use == "npy":
        np.save(tmp_path / "real.npy", images[..., None])
        np.save(tmp_path / "labels.npy", RIGHT)
        split["labels"] = "labels.npy"
    elif use == "idx":
        idx(tmp_path / "images", images[..., None])
        idx(tmp_path / "labels", RIGHT)
        split = {"images": "images", "labels": "labels"}
    else:  # labels that are pinned, not read
        write_folder(tmp_path / "real.classes", files)
        split = {"path": "real.classes", "classes": [30, 0, 30, 30, 30]}
    pinned = {**split, "size": N, "digest": content_digest(images[..., None])}
    about = {"source": "made here", "licence": "none", "image": [4, 4, 1], "splits": {"reference": pinned}}
    kind = "folder" if use == "classes" else use
    YAML(typ="safe").dump({"own": {"use": kind, **about}}, tmp_path / "datasets.yaml")
    used = {"levels": {"use": "mine:levels"}}
    path = tiny(tmp_path, CODE, used, dataset="own", datasets="datasets.yaml", n_real=N, n_fake=N)
    told = CliRunner().invoke(main, ["check", str(path)])
    assert told.exit_code == 0, told.output
    assert f"split reference: {N} images with 4 labels" in told.output


def test_the_number_of_labels_of_a_generators_folders_is_told(tmp_path):
    datasets = dataset(tmp_path, RIGHT)
    for i, image in enumerate(pictures()):
        write_folder(tmp_path / f"fake/c{i % 6}", {f"{i}.png": packed(image[..., 0])})
    used = {"fake": {"use": "folder", "path": "fake", "groups": "clusters"}}
    path = tiny(tmp_path, CODE, used, dataset="own", datasets=str(datasets), n_real=N, n_fake=N)
    told = CliRunner().invoke(main, ["check", str(path)])
    assert f"generator fake: {N} images with 6 labels" in told.output, told.output
