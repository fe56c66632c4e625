from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.run_directory import write_run

ROOT = Path(__file__).parents[2]
BENCHMARK = """\
name: digits
description: small
seed: 1
dataset: digits
reference_split: reference
training_split: train
n_real: 100
n_fake: 100
batch_size: 64
preprocessing: {channels: grey, jpeg: null, resize: null, quantise: uint8, range: [0, 1]}
encoders:
  pixels: {}
  random_convnet: {seed: 0}
generators:
  ppca: {components: 4}
  noise: {sd: 50}
training_seeds: [0, 1]
sampling_seeds: [0, 1]
metrics: {fd: {}}
interval: {level: 0.95, target: T_N, reference: random, replicates: 50}
rank_by: {metric: fd, encoder: pixels}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The pipeline as it is committed, around a small benchmark, outside git."""
    for name in ("dvc.yaml", ".dvcignore", "datasets.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", tmp_path / ".dvc")
    (tmp_path / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    (tmp_path / "harness").mkdir()  # what DVC watches; the code that runs is the installed one
    shutil.copy(ROOT / "harness" / "base" / "keys.py", tmp_path / "harness")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "digits.yaml").write_text(BENCHMARK)
    return tmp_path


def run(project: Path, *command: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HARNESS_STORE": str(project / ".harness"),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


def test_stages_are_expanded_from_the_benchmark_and_nothing_is_declared_twice(project):
    benchmark = project / "benchmarks" / "digits.yaml"
    benchmark.write_text(BENCHMARK.replace("  pixels: {}\n", "  pixels: {}\n  another: {use: pixels}\n"))
    listed = [line.split()[0] for line in run(project, "dvc", "stage", "list").splitlines()]
    encoders = ("pixels", "another", "random_convnet")
    assert listed == ["sample", *(f"encode@{e}" for e in encoders), *(f"score@{e}" for e in encoders), "rank"]
    declared = (ROOT / "dvc.yaml").read_text()
    for name in ("pixels", "convnet", "kde", "coverage", "0.95", "400"):
        assert name not in declared


def test_dvc_sends_no_analytics():
    assert re.search(r"analytics\s*=\s*false", (ROOT / ".dvc" / "config").read_text())


@pytest.mark.slow
def test_the_pipeline_ends_with_the_records_of_harness_run_and_repeats_only_what_changed(project):
    everything = ["sample", "encode@pixels", "encode@random_convnet", "score@pixels", "score@random_convnet", "rank"]
    assert stages_run(run(project, "dvc", "repro")) == everything
    run(project, "harness", "run", "benchmarks/digits.yaml", "--no-tracking")
    for name in ("records.jsonl", "leaderboard.json", "benchmark.lock.yaml"):
        by_dvc, by_run = (project / "results" / folder / name for folder in ("dvc/digits", "digits"))
        assert by_dvc.read_bytes() == by_run.read_bytes()

    (project / "harness" / "__pycache__").mkdir()
    (project / "harness" / "__pycache__" / "keys.cpython-311.pyc").write_bytes(b"bytecode")
    assert stages_run(run(project, "dvc", "repro")) == []

    receipt = project / "results" / "dvc" / "encode" / "random_convnet.json"
    before = json.loads(receipt.read_text())
    benchmark = project / "benchmarks" / "digits.yaml"
    benchmark.write_text(BENCHMARK.replace("random_convnet: {seed: 0}", "random_convnet: {seed: 5}"))
    assert stages_run(run(project, "dvc", "repro")) == ["encode@random_convnet", "score@random_convnet", "rank"]
    after = json.loads(receipt.read_text())
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in after)

    benchmark.write_text(BENCHMARK.replace("level: 0.95", "level: 0.9"))
    assert "encode@pixels" not in stages_run(run(project, "dvc", "repro"))
    board = json.loads((project / "results" / "dvc" / "digits" / "leaderboard.json").read_text())
    assert board["interval"]["level"] == 0.9


def everything_of(*encoders: str) -> list[str]:
    return ["sample", *(f"{stage}@{e}" for stage in ("encode", "score") for e in encoders), "rank"]


@pytest.mark.slow
def test_every_edit_of_the_benchmark_reaches_the_records(project):
    benchmark = project / "benchmarks" / "digits.yaml"
    out = project / "results" / "dvc" / "digits"
    text = BENCHMARK.replace("  random_convnet: {seed: 0}\n", "  second: {use: pixels}\n")

    def repro(old: str, new: str) -> list[str]:
        nonlocal text
        assert old in text
        text = text.replace(old, new)
        benchmark.write_text(text)
        return stages_run(run(project, "dvc", "repro"))

    def by_run() -> bytes:
        run(project, "harness", "run", "benchmarks/digits.yaml", "--no-tracking", "--out", "results/plain")
        return (project / "results" / "plain" / "records.jsonl").read_bytes()

    assert repro("", "") == everything_of("pixels", "second")
    first = (out / "records.jsonl").read_bytes()
    assert repro("n_real: 100", "n_real: 120") == everything_of("pixels", "second")
    assert (out / "records.jsonl").read_bytes() != first
    assert repro("  second: {use: pixels}\n", "") == ["rank"]
    assert b'"second"' not in (out / "records.jsonl").read_bytes()
    assert "rank" in repro("metrics:", "numerics: {batch_sizes: [16]}\nmetrics:")
    assert "numerics" in (out / "benchmark.lock.yaml").read_text()
    assert repro("reference_split: reference", "reference_split: holdout") == everything_of("pixels")
    assert (out / "records.jsonl").read_bytes() == by_run()
    assert stages_run(run(project, "dvc", "repro")) == []


@pytest.mark.slow
def test_a_receipt_tells_of_the_real_images_at_every_stage(small):

    small.edit("n_real: 120", "n_real: 60")
    receipts = {}
    for n in (60, 80):
        small.edit("n_real: 60", f"n_real: {n}")
        for stage in ("sample", "encode", "score"):
            done = small.harness(stage, "bench.yaml", "--generator", "holdout", "--receipt", f"{stage}.json")
            assert done.returncode == 0, done.stderr
            receipts[stage, n] = json.loads((small.folder / f"{stage}.json").read_text())
    for stage in ("sample", "encode", "score"):
        changed = {name for name in receipts[stage, 60] if receipts[stage, 60][name] != receipts[stage, 80][name]}
        assert {"real split reference"} <= {name.partition(" under ")[0] for name in changed}


DVC = """
import os, sys
from dvc.cli import main
for line in sys.stdin.read().splitlines():
    print(f"$ {line}", flush=True)
    if code := main(line.split()[1:]) if line.startswith("dvc ") else os.system(line) >> 8:
        sys.exit(f"{line}: {code}")
"""


def dvc_of(folder: Path, *lines: str) -> dict[str, str]:
    """What each line said: commands of DVC, in one process since it is slow to start, and of the shell between them."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}
    done = subprocess.run(
        [sys.executable, "-c", DVC], cwd=folder, env=environment, input="\n".join(lines), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = ("\n" + done.stdout).split("\n$ ")[1:]
    return {line: rest for line, _, rest in (part.partition("\n") for part in parts)}


def test_metrics_of_two_commits_are_compared_and_results_go_to_a_remote_and_come_back(project, tmp_path_factory):
    """The pipeline as it is committed; its results are written without running it: they are not what is tested."""
    shutil.copy(ROOT / ".gitignore", project)
    (project / ".dvc" / "config.local").unlink()
    out, remote = project / "results" / "dvc" / "digits", tmp_path_factory.mktemp("remote")
    for stage in ("encode", "score"):
        (out.parent / stage).mkdir(parents=True)
        for encoder in ("pixels", "random_convnet"):
            (out.parent / stage / f"{encoder}.json").write_text("{}")
    (out.parent / "sample.json").write_text("{}")
    write_run(out, encoders={"pixels": ""}, run_key="first")
    records = (out / "records.jsonl").read_bytes()
    save = ("dvc commit --quiet --force", "git add --all", "git commit --quiet --message run")
    said = dvc_of(
        project, "git init --quiet", f"dvc remote add --quiet --default store {remote}", *save, "git status --short"
    )
    assert said["git status --short"].strip() == ""
    committed = subprocess.run(["git", "ls-files", "results"], cwd=project, capture_output=True, text=True).stdout
    assert committed.split() == ["results/dvc/digits/metrics.json"]

    numbers = json.loads((out / "metrics.json").read_text())
    assert numbers["pixels/kde/fd.ci_lo"] < numbers["pixels/kde/fd"] == 2.2
    numbers["pixels/kde/fd"] = 2.0
    (out / "metrics.json").write_text(json.dumps(numbers))
    diff, plots = "dvc metrics diff --json", "dvc plots show --json"
    experiments, push = "dvc exp show --json --no-pager", "dvc push --quiet"
    said = dvc_of(project, diff, plots, experiments, push)
    (changed,) = json.loads(said[diff]).values()
    assert {name: (both["old"], both["new"]) for name, both in changed.items()} == {"pixels/kde/fd": (2.2, 2.0)}
    assert "results/dvc/digits/plots/digits_convnet.svg" in said[plots]
    assert "pixels/kde/fd" in said[experiments]

    # Another machine: the same commit, and nothing else.
    shutil.rmtree(project / ".dvc" / "cache")
    shutil.rmtree(out.parent)
    dvc_of(project, "git checkout --quiet .", "dvc pull --quiet")
    assert (out / "records.jsonl").read_bytes() == records
    assert (out / "plots" / "digits_convnet.svg").is_file()
