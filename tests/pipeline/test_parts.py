"""A large set is encoded in parts: the same features, whatever is done first, and a lost part costs that part."""

import shutil

import numpy as np
import pytest

from harness import benchmark
from harness.pipeline.encode import PART, encoded, find_part, load_features, make_part
from harness.pipeline.plan import Plan
from harness.pipeline.planned import PART_IMAGES, FakeSet, RealSet
from harness.pipeline.sample import load_images, read_images
from harness.pipeline.stages import Pipeline, Silent
from tests.conftest import MODULE, ROOT
from tests.support.here import Here

N = 2 * PART_IMAGES + 100
BENCH = """\
name: large
seed: 7
dataset: digits
datasets: {datasets}
reference_split: reference
training_split: train
n_real: 120
n_fake: {n}
batch_size: 60
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{mine: {{use: "mine_large:Shifted"}}}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""
MINE = FakeSet("mine", 0, 0)


class Counted(Here):
    def __init__(self):
        self.units = []

    def submit(self, work, unit):
        self.units.append(unit)
        return super().submit(work, unit)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    (folder / "mine_large.py").write_text(MODULE)
    (folder / "bench.yaml").write_text(BENCH.format(datasets=ROOT / "datasets.yaml", n=N))
    made = Plan(benchmark.load(folder / "bench.yaml"), folder / "store")
    pipeline = Pipeline(made, counted := Counted(), Silent())
    pipeline.sample()
    pipeline.encode()
    assert sorted(str(u) for u in counted.units if getattr(u, "part", None)) == [
        f"mine training seed 0 sampling seed 0 under pixels, images {part.start} to {part.stop - 1}"
        for part in made.parts(MINE)
    ]
    return made


def test_parts_are_whole_batches_that_hang_on_the_declaration_alone(plan):
    rows = 4140  # the first whole number of batches of 60 above 4096
    assert plan.parts(MINE) == (range(rows), range(rows, 2 * rows), range(2 * rows, N))[: len(plan.parts(MINE))]
    assert plan.parts(RealSet("reference", 120)) == (range(120),)
    assert sum(map(len, plan.parts(MINE))) == N


def test_features_of_parts_are_those_of_the_set_in_one_go_to_the_last_bit(plan):
    rows, prints = encoded(plan, MINE, "pixels", plan.benchmark.batch_size)
    found = load_features(plan, MINE, "pixels")
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.prints, prints)
    whole = np.concatenate(list(read_images(plan, MINE, 60)))
    for part in plan.parts(MINE):
        np.testing.assert_array_equal(next(read_images(plan, MINE, 60, part.start)), whole[part.start :][:60])


def test_a_lost_or_damaged_part_is_made_again_and_no_other(plan):
    first, *others = plan.parts(MINE)
    before = load_features(plan, MINE, "pixels")
    kept = {part: find_part(plan, MINE, "pixels", part).folder.stat().st_ino for part in others}
    lost = find_part(plan, MINE, "pixels", first)
    shutil.rmtree(lost.folder)
    np.testing.assert_array_equal(load_features(plan, MINE, "pixels").rows, before.rows)
    shard = make_part(plan, MINE, "pixels", first).folder / lost.shards[0]["file"]
    shard.write_bytes(shard.read_bytes()[:-4] + b"\0\1\2\3")
    with pytest.warns(UserWarning, match=f"{PART} .* is corrupted"):
        again = load_features(plan, MINE, "pixels")
    np.testing.assert_array_equal(again.rows, before.rows)
    assert again.entry.facts["content"] == before.entry.facts["content"]
    assert kept == {part: find_part(plan, MINE, "pixels", part).folder.stat().st_ino for part in others}


def test_a_small_set_is_stored_as_before(plan):
    real = load_features(plan, plan.reference, "pixels")
    assert "parts" not in real.entry.facts
    assert len(real.entry.shards) == 1
    assert load_images(plan, plan.reference).facts["shards"] == [120]
