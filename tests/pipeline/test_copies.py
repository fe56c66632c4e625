"""The check for copies: what hangs on the real images alone is searched once and found by every other generator."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from harness.benchmark import load
from harness.metrics import copied_share
from harness.metrics.manifold.bounds import Product
from harness.pipeline import copies
from harness.pipeline.encode import Features
from harness.pipeline.plan import Plan
from harness.pipeline.store import CorruptEntryWarning, Entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plan(tmp_path):
    return Plan(load(ROOT / "benchmarks" / "digits.yaml"), tmp_path)


@pytest.fixture
def searched(monkeypatch):
    """The sizes of the two sets of every search."""
    sizes = []
    original = Product.__init__

    def counted(self, left, right, *processor):
        sizes.append((len(left), len(right)))
        original(self, left, right, *processor)

    monkeypatch.setattr(Product, "__init__", counted)
    return sizes


def features(n, seed):
    rows = np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)
    prints = [hashlib.sha256(row.tobytes()).digest()[:16] for row in rows]
    facts = {"content": hashlib.sha256(rows.tobytes()).hexdigest()}
    return Features(
        Entry(Path(), facts, ()), rows, set(prints), np.frombuffer(b"".join(prints), np.uint8).reshape(-1, 16)
    )


def test_the_second_generator_searches_for_its_own_images_alone(plan, searched):
    training, real = features(50, 0), features(30, 1)
    generators = [features(20, 2), features(25, 3)]
    found = [copies.observed(plan, generators[0], real, training)]
    assert sorted(searched) == [(50, 20), (50, 30), (50, 50)]
    searched.clear()
    found.append(copies.observed(Plan(plan.benchmark, plan.store_root), generators[1], real, training))
    assert searched == [(50, 25)]
    for seen, fake in zip(found, generators, strict=True):
        assert seen["near_copies"] == copied_share(training.rows, fake.rows)
        assert seen["near_copies_unseen"] == copied_share(training.rows, real.rows)
        assert (seen["training_copies"], seen["reference_copies"], seen["repeats"]) == (0, 0, 0)


def test_what_is_stored_of_other_images_is_not_taken(plan, searched):
    fake, real = features(20, 2), features(30, 1)
    for seed in (0, 9):
        searched.clear()
        training = features(50, seed)
        assert copies.observed(plan, fake, real, training)["near_copies"] == copied_share(training.rows, fake.rows)
        assert (50, 50) in searched


def test_a_damaged_entry_is_made_again(plan):
    fake, real, training = features(20, 2), features(30, 1), features(50, 0)
    first = copies.observed(plan, fake, real, training)
    (shard,) = plan.store_root.glob("copies/*/*/*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-8] + bytes(8))
    with pytest.warns(CorruptEntryWarning):
        assert copies.observed(plan, fake, real, training) == first
    assert copies.observed(plan, fake, real, training) == first
