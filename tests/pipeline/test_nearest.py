"""The closest pairs of a run: copies of training images are found and shown, with real images as the yardstick."""

from __future__ import annotations

import json

import numpy as np

from harness.pipeline import nearest
from harness.pipeline.encode import make_features
from harness.pipeline.nearest import _closest, _within, nearest_images
from harness.report.html.nearest import nearest_section, write_nearest
from harness.report.run_files import read_run
from tests.pipeline.test_training_role import plan
from tests.support.run_directory import write_run


def test_copies_of_training_images_lie_beside_what_they_copy(tmp_path, monkeypatch):
    made = plan(tmp_path)
    read = []
    original = nearest.read_images
    monkeypatch.setattr(nearest, "read_images", lambda p, of, size: read.append(of) or original(p, of, size))
    for source in (made.reference, made.training, *made.first_fakes):
        make_features(made, source, "pixels")
    found = nearest_images(made)
    assert set(found) == {"memorise", "holdout"}
    assert read == [*made.first_fakes, made.training]  # each once, whatever the number of generators
    copied, unseen = found["memorise"], found["holdout"]
    assert [(close.distance, close.as_near) for close in copied.training] == [(0.0, 0.0)] * 6
    for one, other in zip(*copied.pictures["training"], strict=True):
        assert np.array_equal(one, other)
    assert len({close.other for close in copied.training}) == 6
    assert all(close.distance > 0 for close in unseen.training)
    assert unseen.training[-1].as_near > 0  # as ordinary as the closest real ones
    assert sorted(unseen.training, key=lambda close: close.distance) == list(unseen.training)
    # In OUT and in the report.
    run = write_run(tmp_path / "run")
    generator = read_run(run).board.rows[0].generator
    write_nearest(run, {generator: copied})
    told = json.loads((run / "nearest/nearest.json").read_text())[generator]
    assert told["training"][0]["distance"] == 0
    assert told["searched"] == 100
    section = str(nearest_section(read_run(run)))
    assert "Distances 0 [0%], 0 [0%]" in section
    assert (run / "nearest" / f"{generator}_within.png").stat().st_size < 150_000
    assert section.count("data:image/png") == 2
    assert nearest_section(read_run(write_run(tmp_path / "without"))) == []


def test_a_hundred_copies_of_one_image_are_one_pair():
    pairs = _closest(np.array([4, 4, 4, 2]), np.array([0.0, 0.0, 0.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0]), 6)
    assert [(close.fake, close.other, close.as_near) for close in pairs] == [(0, 4, 0.0), (3, 2, 0.75)]


def test_near_duplicates_are_counted_among_distinct_images():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 8)).astype(np.float32)
    rows[1], rows[3] = rows[0], rows[2] + 1e-3
    pairs, near = _within(rows, np.delete(np.arange(40), 1), np.linspace(1.0, 4.0, 100), 3)
    assert (pairs[0].fake, pairs[0].other, pairs[0].as_near) == (2, 3, 0.0)
    assert near == 2 / 39
    assert _within(rows[[0, 1]], np.array([0]), np.ones(3), 3) == ((), 0.0)
