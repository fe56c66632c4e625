"""Metrics as published protocols compute them, through a benchmark."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.metrics.estimates import estimate
from tests.metrics.test_published_conventions import FIVE, SIX


@pytest.mark.slow
def test_a_benchmark_with_an_encoder_of_ones_own_prints_them_all_with_intervals(small):
    small.edit("  digits_convnet: {}\n  pixels: {}\n", f"  own: {{use: '{small.module}:MeansEncoder'}}\n")
    small.edit("encoder: digits_convnet", "encoder: own")
    small.edit(SIX, FIVE)
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    rows = [r for r in read_records(small.folder / "results/small/records.jsonl") if r.level == "generator"]
    found = {r.metric: r.estimate for r in rows if r.cell.generator == "mine" and r.estimate.reference == "random"}
    assert set(found) == {"fd", "kd", "inception_score", "vendi", "cmmd", "kid_subsets"}
    assert all(said.low < said.value < said.high for said in found.values())
    assert found["cmmd"].value > 1000 * found["kd"].value
    assert 1 < found["inception_score"].value < 8
    again = small.run()
    assert "nothing to compute" in again.stdout


@pytest.mark.slow
def test_sfid_and_the_inception_score_read_the_networks_own_layers():
    from sklearn.datasets import load_sample_images

    from harness.encoders.inception import Inception
    from harness.encoders.inception_graph import random_state

    photographs = [photograph.astype(np.float32) / 127.5 - 1 for photograph in load_sample_images().images]
    crops = np.stack([photographs[i % 2][i : i + 299, 9 * i : 9 * i + 299] for i in range(16)])
    for layer, name, parameters in (("sfid", "sfid", {}), ("logits_unbiased", "inception_score", {"splits": 2})):
        rows = Inception.of(random_state(1), layer=layer).encode(crops)
        said = estimate(name, rows[:8], rows[8:], **parameters)
        assert said.low < said.value < said.high
        refused = {"sfid": ("inception_score", {"classes": 1008}), "inception_score": ("sfid", {})}[name]
        with pytest.raises(UsageError, match="columns"):  # each refuses the other's features
            estimate(refused[0], rows[:8], rows[8:], **refused[1])
