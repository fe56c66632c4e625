"""A small benchmark that runs in seconds, and the command as a user calls it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.objects import S3
from tests.support.warm import Warm

# Where a test does not ask for more: each of these small runs would spend most of its time on starting a second.
os.environ.setdefault("HARNESS_WORKERS", "1")
# Where a machine is busy, a line more would stand between those that a test expects.
os.environ.setdefault("HARNESS_HEARTBEAT", "0")
# The modules that tests write are theirs; tests/benchmark/test_trust.py is about those that are not.
os.environ.setdefault("HARNESS_TRUST_CODE", "1")
# MLflow's migrations take four seconds: once on this machine, not once a test.
os.environ.setdefault("HARNESS_MLFLOW", str(Path(tempfile.gettempdir()) / f"harness-tests-{getpass.getuser()}"))
ROOT = Path(__file__).resolve().parent.parent
# Real files that are too large to ship; CONTRIBUTING.md lists them.
SHARED = Path(os.environ.get("HARNESS_SHARED_DATA") or ROOT.parent / "shared" / "data")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
WARM = Warm()
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(BROWSERS)} on the PATH")


def needs_shared(*files: str) -> pytest.MarkDecorator:
    """Skips a test where a file of the shared data is missing, and says which and where it was looked for."""
    missing = [str(SHARED / file) for file in files if not (SHARED / file).is_file()]
    reason = f"no {', '.join(missing)}: say where the folder is with HARNESS_SHARED_DATA (see CONTRIBUTING.md)"
    return pytest.mark.skipif(bool(missing), reason=reason)


SMALL = """\
name: small
seed: 7
dataset: digits
datasets: {datasets}
reference_split: reference
training_split: train
n_real: 120
n_fake: 100
batch_size: 64
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders:
  digits_convnet: {{}}
  pixels: {{}}
generators:
  kde: {{}}
  mine: {{use: "{module}:Shifted"}}
  holdout: {{}}
  noise: {{}}
training_seeds: [0, 1]
sampling_seeds: [0, 1]
metrics: {{fd: {{}}, kd: {{}}, precision: {{}}, recall: {{}}, density: {{}}, coverage: {{}}}}
interval: {{level: 0.95, target: T_N, reference: random, replicates: 60}}
rank_by: {{metric: fd, encoder: digits_convnet}}
"""

MODULE = """\
import numpy as np


class Shifted:
    \"\"\"Training images moved one pixel to the right.\"\"\"

    def fit(self, images, labels, *, seed):
        self.images = images

    def sample(self, seeds):
        rows = [np.random.default_rng(seed).integers(len(self.images)) for seed in seeds]
        return np.roll(self.images[rows], 1, axis=2)


class Raises(Shifted):
    def sample(self, seeds):
        self.count = getattr(self, "count", 0) + len(seeds)
        if self.count > 70:
            raise RuntimeError("out of ideas")
        return super().sample(seeds)


class NaNEncoder:
    identity = {"name": "nan"}
    dim = 4

    def encode(self, images):
        features = np.zeros((len(images), 4), np.float32)
        features[3, 2] = np.nan
        return features


class MeansEncoder:
    identity = {"name": "row means"}
    dim = 8

    def encode(self, images):
        return images.mean(axis=(2, 3)).astype(np.float32)


def broken_metric(real, fake):
    raise ValueError("no metric today")


def median_gap(real, fake):
    return float(abs(np.median(real) - np.median(fake)))
"""


class Small:
    """A folder with `bench.yaml` and `mine.py`, and `harness` to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = "mine_" + folder.name.replace("-", "_")
        self.bench = folder / "bench.yaml"
        self.bench.write_text(SMALL.format(datasets=ROOT / "datasets.yaml", module=self.module))
        (folder / f"{self.module}.py").write_text(MODULE)

    def edit(self, old: str, new: str) -> None:
        """Change the declaration."""
        text = self.bench.read_text()
        assert old in text
        self.bench.write_text(text.replace(old, new))

    def environment(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {**os.environ, "HOME": str(home), "COLUMNS": "200"}

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "harness.cli.main", *map(str, arguments)]

    def harness(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command in this folder to its end, in a process that need not import everything anew."""
        return WARM.harness(list(map(str, arguments)), cwd=self.folder, env=self.environment())

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """`harness run bench.yaml --no-tracking` and what else is given."""
        return self.harness("run", "bench.yaml", "--no-tracking", *arguments)

    def records(self, out: str = "results/small") -> bytes:
        return (self.folder / out / "records.jsonl").read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """The small benchmark, run once; a test that leaves anything in its results is told so at the end."""
    made = Small(tmp_path_factory.mktemp("finished"))
    outcome = made.run()
    assert outcome.returncode == 0, outcome.stderr

    def results() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (made.folder / "results").rglob("*") if path.is_file()}

    before = results()
    yield made
    after = results()
    changed = [str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    assert changed == [], "a test wrote into the shared run: take copy_of"


@pytest.fixture
def copy_of(finished: Small, tmp_path: Path) -> Callable[[], Small]:
    """A copy of the finished benchmark with its store and results, free to be damaged."""

    def copy() -> Small:
        shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
        made = Small.__new__(Small)
        made.folder, made.bench, made.module = tmp_path, tmp_path / "bench.yaml", finished.module
        return made

    return copy


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3-compatible server with one bucket, started for the first test that asks; prefixes keep tests apart."""
    started = S3()
    yield started
    started.close()
