"""MNIST's test set as it is published: its halves are of other writers, so that one is no control of the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness import content_digest
from harness.images import open_images
from harness.report.run_files import read_run
from harness.report.words import verdict
from harness.run import run_benchmark
from harness.studies.diagnose import diagnoses
from harness.studies.scored import Scored
from tests.conftest import SHARED, needs_shared
from tests.support.here import Here
from tests.support.tiny import tiny

IMAGES = "mnist/t10k-images-idx3-ubyte.gz"
N = 1000
CODE = """
import numpy as np


def grey(seeds):
    return np.stack([np.random.default_rng(seed).integers(0, 256, (28, 28, 1), np.uint8) for seed in seeds])
"""


def halves(folder: Path, order_seed: int | None) -> Path:
    """A run of `holdout`, the last half, against the first; with a seed, of halves drawn at random."""
    splits: dict[str, Any] = {}
    for name, rows in (("reference", [0, 5000]), ("holdout", [5000, 10_000])):
        given = {"images": str(SHARED / IMAGES), "rows": rows, "order_seed": order_seed}
        source = open_images("idx", given)
        digest = content_digest(source.read(range(source.size)))
        splits[name] = {**{k: v for k, v in given.items() if v is not None}, "size": 5000, "digest": digest}
    about = {"use": "idx", "source": "Yann LeCun", "licence": "not stated", "image": [28, 28, 1], "splits": splits}
    YAML(typ="safe").dump({"mnist": about}, folder / "datasets.yaml")
    path = tiny(
        folder,
        CODE,
        {"holdout": {}, "mine": {"use": "mine:grey"}},
        dataset="mnist",
        datasets="datasets.yaml",
        n_real=N,
        n_fake=N,
        preprocessing={
            "channels": "grey",
            "resize": {"library": "pillow", "filter": "box", "size": 7},
            "range": [0, 1],
        },
        metrics={"fd": {}, "kd": {}},
    )
    out = folder / "out"
    run_benchmark(path, out=out, store=folder / "store", executor=Here(), tracking=False)
    return out


@needs_shared(IMAGES)
def test_the_last_half_of_mnists_test_set_is_no_control_of_the_first(tmp_path):
    out = halves(tmp_path, None)
    said = " ".join(verdict(read_run(out)))
    assert re.search(r"Holdout is not exchangeable with the reference \(kd 0\.00\d+ \[0\.00", said), said
    assert "eld-out real images" not in said
    found = diagnoses(Scored.read(out))
    assert found.against is None
    assert found.unlike is not None


@needs_shared(IMAGES)
def test_random_halves_of_it_are_a_control(tmp_path):
    out = halves(tmp_path, 7)
    said = " ".join(verdict(read_run(out)))
    assert "exchangeable" not in said
    assert "eld-out real images" in said
    assert diagnoses(Scored.read(out)).against == "holdout"
