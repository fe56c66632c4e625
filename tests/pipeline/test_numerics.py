"""The numerics component through the pipeline: an encoder that depends on its batch is found out."""

import json

import pytest

from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.benchmark import model as benchmark

pytestmark = pytest.mark.slow

ENCODERS = """

class BatchMean(MeansEncoder):
    identity = {"name": "row means less some of the batch's"}

    def encode(self, images):
        rows = super().encode(images)
        return rows - 0.05 * rows.mean(axis=0)  # more would be refused before the run


class NeverThree(MeansEncoder):
    identity = {"name": "row means, but not of three"}

    def encode(self, images):
        if len(images) == 3:
            raise RuntimeError("no statistics of three images")
        return super().encode(images)
"""


def declared(small, encoders, numerics="numerics: {batch_sizes: [2, 7]}"):
    """One untrained and one trained generator, two encoders of the test's own beside the shipped one."""
    with (small.folder / f"{small.module}.py").open("a") as stream:
        stream.write(ENCODERS)
    small.edit("  pixels: {}\n", "".join(f"  {n}: {{use: '{small.module}:{c}'}}\n" for n, c in encoders.items()))
    small.edit("  kde: {}\n", "")
    small.edit("  holdout: {}\n", "")
    small.edit("interval:", f"{numerics}\ninterval:")


def components(small, encoder):
    """By generator and metric, the generator-level components (random reference)."""
    return {
        (r.cell.generator, r.metric): r.observations["components"]
        for r in read_records(small.folder / "results/small/records.jsonl")
        if r.level == "generator" and r.cell.encoder == encoder and r.estimate.reference == "random"
    }


def test_an_encoder_that_depends_on_its_batch_exceeds_and_others_do_not(small):
    declared(small, {"batchy": "BatchMean", "plain": "MeansEncoder"})
    outcome = small.run("--workers", "1")
    assert outcome.returncode == 0, outcome.stderr
    for generator in ("mine", "noise"):
        caught = components(small, "batchy")[generator, "fd"]["numerics"]
        assert set(caught["values"]) == {"batch size 2", "batch size 7"}
        assert caught["share_of_se"] > 0.1
        assert "it depends on how it was computed" in caught["verdict"]
        for encoder in ("plain", "digits_convnet"):
            for metric in ("fd", "kd", "recall"):
                quiet = components(small, encoder)[generator, metric]["numerics"]
                assert quiet["verdict"] is None
                assert quiet["share_of_se"] < 0.01
    cells = [r for r in read_records(small.folder / "results/small/records.jsonl") if r.level == "cell"]
    assert not any("components" in r.observations for r in cells)
    again = small.run("--workers", "1")
    assert "nothing to compute" in again.stdout


def test_scores_are_those_of_a_benchmark_that_asks_for_no_numerics(small):
    declared(small, {"plain": "MeansEncoder"})
    assert small.run("--workers", "1").returncode == 0
    asked = read_records(small.folder / "results/small/records.jsonl")
    small.edit("numerics: {batch_sizes: [2, 7]}\n", "")
    assert small.run("--workers", "1").returncode == 0
    plain = read_records(small.folder / "results/small/records.jsonl")
    assert [r.estimate for r in asked] == [r.estimate for r in plain]
    assert not any("numerics" in r.observations.get("components", {}) for r in plain)


def test_an_encoder_that_fails_at_another_batch_size_loses_its_component_only(small):
    declared(small, {"uneven": "NeverThree"}, "numerics: {batch_sizes: [3]}")
    small.run("--workers", "1")
    records = read_records(small.folder / "results/small/records.jsonl")
    assert {r.status for r in records} == {"ok"}
    for found in components(small, "uneven").values():
        assert "no statistics of three images" in found["numerics"]["failed"]
    assert components(small, "digits_convnet")["mine", "fd"]["numerics"]["share_of_se"] < 0.01


@pytest.mark.parametrize("value", ["{batch_sizes: []}", "{batch_sizes: [0]}", "{batch_size: [1]}"])
def test_batch_sizes_that_cannot_be_are_refused_with_their_place(small, value):
    small.edit("interval:", f"numerics: {value}\ninterval:")
    with pytest.raises(UsageError, match=r"bench.yaml:\d+:\d+: numerics"):
        benchmark.load(small.bench)


def test_a_benchmark_without_numerics_resolves_as_before(small):
    assert "numerics" not in json.loads(json.dumps(benchmark.load(small.bench).resolved()))


def test_an_entry_that_is_wrong_does_not_make_its_list_too_short_as_well(small):
    small.edit("interval:", "numerics: {batch_sizes: [0]}\ninterval:")
    with pytest.raises(UsageError) as refused:
        benchmark.load(small.bench)
    (problem,) = refused.value.problems
    assert "numerics.batch_sizes.0: found 0; must be at least 1" in problem


def test_an_encoder_in_training_mode_is_refused_before_its_features_are_stored(small):
    with (small.folder / f"{small.module}.py").open("a") as stream:
        stream.write(TRAINING)
    small.edit("  pixels: {}\n", f"  trained: {{use: '{small.module}:Training'}}\n")
    outcome = small.run("--workers", "1")
    assert outcome.returncode == 2
    assert "encoder trained gives different features for the same images" in outcome.stdout + outcome.stderr
    records = read_records(small.folder / "results/small/records.jsonl")
    assert {r.status for r in records if r.cell.encoder == "trained"} == {"failed"}
    assert {r.status for r in records if r.cell.encoder == "digits_convnet"} == {"ok"}


TRAINING = """

class Training(MeansEncoder):
    identity = {"name": "row means under dropout"}

    def encode(self, images):
        rows = super().encode(images)
        return rows * (np.random.random(rows.shape) > 0.1).astype(np.float32)
"""
