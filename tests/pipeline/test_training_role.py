"""Metrics of memorisation get the training split from the pipeline, and their stored scores hang on it."""

from __future__ import annotations

import pytest

from harness.base import UsageError
from harness.benchmark import load
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.score import load_analyses, make_scores
from tests.conftest import ROOT

BENCH = """\
name: roles
seed: 1
dataset: digits
datasets: {datasets}
training_split: {training}
n_real: {n_real}
n_fake: 100
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{memorise: {{}}, holdout: {{}}}}
metrics: {{fd: {{}}, c_t: {{}}}}
rank_by: {{metric: c_t, encoder: pixels}}
"""


def plan(folder, training="train", n_real=120):
    path = folder / "bench.yaml"
    path.write_text(BENCH.format(datasets=ROOT / "datasets.yaml", training=training, n_real=n_real))
    return Plan(load(path), folder / "store")


def test_copies_of_training_images_are_told_from_unseen_ones(tmp_path):
    made = plan(tmp_path)
    found = {}
    for name in ("memorise", "holdout"):
        source = FakeSet(name, None, 0)
        make_scores(made, source, "pixels")
        found[name] = load_analyses(made, source, "pixels")["c_t"]
    assert found["memorise"].value < -5 < -3 < found["holdout"].value < 3
    entry = made.scores(FakeSet("holdout", None, 0), "pixels")
    real, fake, training = (
        made.features(each, "pixels") for each in (made.reference, FakeSet("holdout", None, 0), made.training)
    )
    with_training, without = (
        {name: made.score_key(real, fake, split, name, {}) for name in ("fd", "c_t")} for split in (training, None)
    )
    assert entry["c_t"].folder.name == with_training["c_t"] != without["c_t"]
    assert with_training["fd"] == without["fd"]


def test_a_training_split_that_holds_the_reference_is_refused(tmp_path):
    with pytest.raises(UsageError, match="`reference_split` is the training split here"):
        plan(tmp_path, training="reference")
