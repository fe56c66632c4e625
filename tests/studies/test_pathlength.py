"""Perceptual path length: closed forms, torch-fidelity's own loop on the same network and seed, and the command."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from harness.base import UsageError
from harness.cli.main import main
from harness.metrics.pathlength import path_length, step
from harness.studies.pathlength.compute import Asked, distances
from tests.conftest import ROOT

torch = pytest.importorskip("torch")


class Painter(torch.nn.Module):
    """Images in [-1, 1] of a latent of six numbers, not linear in it."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = torch.nn.Parameter(torch.randn(6, 3 * 20 * 20, generator=generator))

    def forward(self, latents):
        return torch.sin(latents @ self.weight).reshape(-1, 3, 20, 20)


def squared(one, other):
    return ((one.astype(np.float64) - other.astype(np.float64)) ** 2).mean(axis=(1, 2, 3))


@pytest.fixture
def generator(tmp_path):
    from harness.generators.from_torch import TorchScript

    file = tmp_path / "painter.pt"
    torch.jit.script(Painter()).save(str(file))
    return TorchScript(file=str(file), latent=6, range=(-1.0, 1.0), quantise="round")


def test_a_step_on_the_sphere_keeps_to_it_and_one_on_the_line_does_not():
    one, other = np.eye(4, dtype=np.float32)[:1], np.eye(4, dtype=np.float32)[1:2]
    found = step(one, other, 0.25, how="slerp")
    assert found[0, :2] == pytest.approx([np.cos(np.pi / 8), np.sin(np.pi / 8)], abs=1e-6)
    assert step(one, other, 0.25, how="lerp")[0, :2] == pytest.approx([0.75, 0.25])
    assert step(one, one, 0.25, how="slerp") == pytest.approx(one)


def test_the_trimmed_mean_leaves_out_a_percent_at_each_end_and_its_interval_covers():
    values = np.arange(1000.0)
    values[-1] = 1e9
    found = path_length(values, epsilon=1.0)
    kept = values[9:991]  # the percentiles' own rows stay in
    assert (found.value, found.kept) == (kept.mean(), 982)
    rng = np.random.default_rng(0)
    truth = path_length(rng.exponential(size=400_000), epsilon=1.0).value
    found = [path_length(rng.exponential(size=400), epsilon=1.0) for _ in range(600)]
    hits = [one.low <= truth <= one.high for one in found]
    assert 0.925 <= np.mean(hits) <= 0.975
    with pytest.raises(UsageError, match="at least 100"):
        path_length(values[:99], epsilon=1.0)


def test_the_loop_is_torch_fidelitys_on_the_same_network_and_seed(generator):
    fidelity = pytest.importorskip("torch_fidelity")
    from torch_fidelity.sample_similarity_base import SampleSimilarityBase

    class Squared(SampleSimilarityBase):
        def __init__(self, name, **_):
            super().__init__(name)

        def forward(self, one, other):
            return ((one.double() - other.double()) * 127.5).square().mean(dim=(1, 2, 3))

    fidelity.register_sample_similarity("squared", Squared)
    wrapped = fidelity.GenerativeModelModuleWrapper(Painter(), z_size=6, z_type="normal", num_classes=0)
    for how in ("lerp", "slerp_any"):
        theirs = fidelity.calculate_metrics(
            input1=wrapped,
            input1_model_num_samples=300,
            ppl=True,
            ppl_sample_similarity="squared",
            ppl_sample_similarity_resize=None,
            ppl_sample_similarity_dtype="float32",
            ppl_z_interp_mode=how,
            ppl_reduction="none",
            # Its trimming calls what NumPy no longer has.
            ppl_discard_percentile_lower=None,
            ppl_discard_percentile_higher=None,
            rng_seed=11,
            cuda=False,
            verbose=False,
            batch_size=50,
        )["perceptual_path_length_raw"]
        asked = Asked(pairs=300, seed=11, how=how[:5].rstrip("_"))
        ours = distances(generator, squared, asked) / asked.epsilon**2
        assert ours == pytest.approx(theirs, rel=0.05)
        assert ours.mean() == pytest.approx(theirs.mean(), rel=1e-3)


def test_the_command_measures_networks_alone_and_labels_random_weights(generator, tmp_path):
    bench = tmp_path / "bench.yaml"
    bench.write_text(
        f"""\
name: smooth
seed: 1
dataset: digits
datasets: {ROOT / "datasets.yaml"}
n_real: 100
n_fake: 100
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  painter: {{use: torchscript, file: painter.pt, latent: 6, range: [-1, 1], quantise: round}}
  holdout: {{}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""
    )
    asked = ["ppl", str(bench), "--net", "alex", "--side", "31", "--pairs", "100", "--random-weights"]
    found = CliRunner().invoke(main, asked)
    assert found.exit_code == 0, found.output
    assert found.output.startswith("painter: ")
    assert "LPIPS has random weights" in found.output
    refused = CliRunner().invoke(main, [*asked, "--generator", "holdout"])
    assert refused.exit_code == 2
    assert "holdout has no latent space to walk in" in refused.output
