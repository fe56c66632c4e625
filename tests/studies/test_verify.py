"""`harness verify`: what was changed is found, what agrees is said so, what cannot be tried is named."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from harness.base import UsageError
from harness.benchmark import Place, from_lock
from harness.pipeline import Plan, declared, lockfile
from harness.studies import verify as study
from harness.studies.verify import Drift
from tests.conftest import ROOT


def test_an_untouched_run_agrees_with_its_files_to_the_bit(finished):
    found = study.from_files(finished.folder / "results/small")
    assert found.exit_code == 0
    assert len(found.files) > 100
    assert all(one.equal for one in found.files)


def test_a_sample_computed_again_from_the_lock_is_equal_to_the_bit(finished, tmp_path):
    where = ["--beside", "bench.yaml", "--json", tmp_path / "told.json"]
    told = finished.harness("verify", "results/small", "--sample", 2, *where)
    assert told.returncode == 0, told.stderr + told.stdout
    assert "recomputed, 2 of 24 cells             24          24   0 (0.05 SE)" in told.stdout
    held = json.loads((tmp_path / "told.json").read_text())
    assert held["exit_code"] == 0
    assert all(one["equal"] for one in held["again"])


def test_a_module_that_a_lock_names_is_not_imported_unless_its_yaml_is_named(finished, damaged):
    lock = lockfile.read_lock(damaged)
    found, left = from_lock(lock, "lock", Place.of(finished.folder))
    assert list(found.generators) == ["kde", "holdout", "noise"]
    assert "is the run's own code" in left["generators", "mine"]
    whole, left = from_lock(lock, "lock", Place.of(finished.bench))
    assert left == {}
    assert "mine" in whole.generators


@pytest.fixture
def damaged(finished, tmp_path):
    out = tmp_path / "small"
    shutil.copytree(finished.folder / "results/small", out)
    return out


@pytest.mark.parametrize("level", ["cell", "generator"])
def test_a_digit_changed_in_records_is_found_and_named(damaged, level):
    path = damaged / "records.jsonl"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if f'"level":"{level}"' in line and '"metric":"recall"' in line)
    held = json.loads(lines[at])
    held["estimate"]["value"] += 0.001
    lines[at] = json.dumps(held)
    path.write_text("\n".join(lines) + "\n")
    (damaged / ".complete.json").unlink()  # whoever changes a record takes the receipt away
    found = study.from_files(damaged)
    assert [one.record for one in found.drifted] == [one.record for one in found.files if not one.equal]
    assert len(found.drifted) == 1
    assert held["cell"]["generator"] in found.drifted[0].record
    assert "recall" in found.drifted[0].record
    assert found.exit_code == 1
    assert found.unvouched


@pytest.mark.parametrize("file", ["leaderboard.json", "analyses/pixels.safetensors", "benchmark.lock.yaml"])
def test_a_byte_changed_in_any_file_of_the_result_is_found(damaged, file):
    path = damaged / file
    content = bytearray(path.read_bytes())
    at = -3 if path.suffix == ".safetensors" else re.search(rb"[0-9]\.[0-9]{3,}", content).start()
    content[at] = content[at] ^ 1
    path.write_bytes(content)
    assert any(file in problem for problem in study.from_files(damaged).damaged)


def test_a_lock_that_was_edited_is_found_without_a_receipt(damaged):
    path = damaged / "benchmark.lock.yaml"
    path.write_text(path.read_text().replace("n_fake: 100", "n_fake: 101"))
    (damaged / ".complete.json").unlink()
    assert "its run_key is not the digest" in " ".join(study.from_files(damaged).damaged)


def test_a_folder_without_a_run_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UsageError, match="holds no run"):
        study.from_files(tmp_path)


def test_where_features_differ_the_value_counts_and_not_the_draw_of_random_parts():
    moved = Drift("r", 1.0, 1.001, 0.1, 0.08, tolerance=0.05, begins="features", of_value=0.001)
    assert not moved.equal
    assert not moved.drifted
    assert Drift("r", 1.0, 1.001, 0.1, 0.08, tolerance=0.05, begins="scores", of_value=0.001).drifted
    assert Drift("r", 1.0, 1.02, 0.1, 0.08, tolerance=0.05, begins="features", of_value=0.02).drifted


FILES = """\
name: files
seed: 1
dataset: digits
datasets: {datasets}
n_real: 100
n_fake: 40
encoders: {{pixels: {{}}}}
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
generators: {{mine: {{use: folder, path: images}}, holdout: {{}}}}
metrics: {{fd: {{}}}}
interval: {{replicates: 60}}
rank_by: {{metric: fd, encoder: pixels}}
"""


def test_a_changed_image_is_found_and_a_missing_folder_is_named(small):
    folder = small.folder / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{i:02}.png")
    small.bench.write_text(FILES.format(datasets=ROOT / "datasets.yaml"))
    assert small.run().returncode == 0
    before = small.harness("verify", "results/files", "--all", "--beside", "bench.yaml")
    assert before.returncode == 0, before.stdout + before.stderr
    picture = np.array(Image.open(folder / "07.png"))
    picture[0, 0] ^= 255
    Image.fromarray(picture).save(folder / "07.png")
    after = small.harness("verify", "results/files", "--all", "--beside", "bench.yaml")
    assert after.returncode == 1
    assert "CHANGED  the images of generator mine are not those of the run" in after.stdout
    assert re.search(r"DRIFTED .*mine sampling seed 0: fd under pixels.*; first difference: images", after.stdout)
    assert not re.search(r"DRIFTED .*holdout", after.stdout)
    shutil.rmtree(folder)
    gone = small.harness("verify", "results/files", "--all", "--beside", "bench.yaml")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert re.search(r"LEFT     generator mine: not recomputed: path: .*images", gone.stdout)


@pytest.mark.parametrize("name", ["digits", "photographs", "mnist5k"])
def test_a_lock_declares_what_its_benchmark_declared(name, tmp_path):
    path = ROOT / "benchmarks" / f"{name}.yaml"
    if not path.is_file():
        pytest.skip(f"no {path}")
    from harness import benchmark

    plan = Plan(benchmark.load(path), tmp_path)
    said = declared(plan)
    (tmp_path / lockfile.LOCK).write_bytes(lockfile.as_yaml(said))
    found, left = from_lock(lockfile.read_lock(tmp_path), "lock", Place.of(path))
    again = declared(Plan(found, tmp_path))
    assert left == {}
    assert again["components"] == said["components"]
    assert again["dataset"] == said["dataset"]
    unlike = {key for key in said["benchmark"] if again["benchmark"].get(key) != said["benchmark"][key]}
    assert unlike <= {"audit", "numerics", "sweep", "encoders"}
    plainly = {name: entry | {"protocol": None} for name, entry in said["benchmark"]["encoders"].items()}
    assert again["benchmark"]["encoders"] == plainly
