"""How far another batch size moves a metric: next to nothing, unless an encoder's rows depend on their batch."""

import json

import pytest

from harness.record import read_records

pytestmark = pytest.mark.slow


def components(small):
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    return {
        (r.cell.encoder, r.cell.generator, r.metric): r.observations["components"]
        for r in read_records(small.folder / "results/small/records.jsonl")
        if r.level == "generator" and r.estimate.reference == "random"
    }


def test_numerics_are_a_component_of_every_generator_and_an_encoder_that_sees_its_batch_is_told_of(small):
    small.edit("  pixels: {}", f'  batch: {{use: "{small.module}:BatchEncoder"}}')
    small.edit("rank_by:", "numerics: {batch_sizes: [1, 7]}\nrank_by:")
    found = components(small)
    assert len(found) == 2 * 4 * 6
    own = [c for (encoder, _, _), c in found.items() if encoder == "digits_convnet"]
    assert all(c["numerics_share_of_se"] < 1e-3 for c in own)
    fd = [c["numerics_share_of_se"] for (e, _, metric), c in found.items() if e == "batch" and metric == "fd"]
    assert min(fd) > 1
    notes = json.loads((small.folder / "results/small/leaderboard.json").read_text())["notes"]
    told = [note for note in notes if "the batch size moves" in note]
    assert any("under batch: the batch size moves fd" in note for note in told)
    assert not any("digits_convnet" in note for note in told)


def test_without_the_key_nothing_is_encoded_twice_and_a_wrong_one_is_named(small, finished):
    records = read_records(finished.folder / "results/small/records.jsonl")
    assert not any("numerics" in r.observations.get("components", {}) for r in records)
    small.edit("rank_by:", "numerics: {batch_sizes: [0]}\nrank_by:")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "numerics.batch_sizes.0: found 0; at least 1 is needed" in outcome.stderr
