"""What a stranger types wrongly costs one clear sentence: statistics, sizes of sets, generators that are networks."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from harness.base.errors import UsageError
from harness.benchmark.from_folders import declare
from harness.benchmark.protocols.catalogue import load
from harness.cli.main import main
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.networkfiles import load_torchscript
from harness.studies.statistics.make import runnable
from harness.studies.statistics.npz import read


def refused(*arguments):
    outcome = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert outcome.exit_code == 2, outcome.output
    return [line for line in outcome.output.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mu.npy", "is not a readable npz; statistics are an npz with mu, sigma"),
        ("junk.npz", "is not a readable npz"),
        ("empty.npz", "is not a readable npz"),
        ("nowhere.npz", "does not exist"),
        ("folder", "is a folder; statistics are an npz"),
        ("images.npz", "has no mu and no sigma; it holds arr_0"),
    ],
)
def test_a_file_that_holds_no_statistics_is_told_in_one_line(tmp_path, name, words):
    np.save(tmp_path / "mu.npy", np.zeros(3))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    np.savez(tmp_path / "images.npz", arr_0=np.zeros((2, 4, 4, 3), np.uint8))
    (line,) = refused("stats", "show", tmp_path / name)
    assert words in line
    assert "pickle" not in line  # numpy's own words advise to trust the file
    with pytest.raises(UsageError, match=words):
        read(tmp_path / name)


def test_statistics_of_a_protocol_of_metrics_alone_are_refused_in_a_sentence():
    with pytest.raises(UsageError, match="protocol prdc cannot be run: it fixes metrics, not how images are resized"):
        runnable(load("prdc"), random_weights=True)


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, n in (("real", 20), ("fake", 14), ("few", 11)):
        (tmp_path / name).mkdir()
        for i in range(n):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def of_two(real, fake, **options):
    given = {"protocol": None, "encoder": "pixels", "n": None, "random_weights": False, "seed": 0} | options
    return declare(real, [fake], out=real.parent / "out", **given)


def test_sets_too_small_are_refused_in_words_of_the_command(sets):
    with pytest.raises(UsageError, match=r"fake: has only 14 images, fewer than --n 15; lower --n"):
        of_two(sets / "real", sets / "fake", n=15)
    with pytest.raises(
        UsageError, match="11 images per set are too few for k = 5: intervals use half-samples, so at least 12"
    ):
        of_two(sets / "real", sets / "few")
    with pytest.raises(UsageError, match="8 images per set are too few"):
        of_two(sets / "real", sets / "fake", n=8)
    assert of_two(sets / "real", sets / "fake", n=12).bench.is_file()
    (line,) = refused("score", "real", "few", "--encoder", "pixels", "--out", "out")
    assert "too few" in line


NETWORK = "{{use: torchscript, file: g.pt, latent: {latent}, quantise: {quantise}, range: [-1, 1]}}"


@pytest.mark.parametrize("latent", ["{shape: [8]}", "[8, 0]", "[]", "eight", "0", "2.5", "true", "[1, 2, 3, 4, 5]"])
def test_a_latent_of_no_known_form_is_one_line_that_shows_both_forms(small, latent):
    small.edit("  noise: {}", f"  noise: {NETWORK.format(latent=latent, quantise='round')}")
    lines = [line for line in refused("check", small.bench) if "noise" in line and "latent" in line]
    assert len(lines) == 1
    assert "expected a whole number such as 128, or a shape such as [4, 32, 32]" in lines[0]
    assert "generators.noise.latent: found" in lines[0]


@pytest.mark.parametrize("latent", ["8", "[8]", "[4, 2, 2]"])
def test_a_sound_latent_is_not_complained_of(small, latent):
    small.edit("  noise: {}", f"  noise: {NETWORK.format(latent=latent, quantise='round')}")
    assert not [line for line in refused("check", small.bench) if "noise.latent" in line]  # its file is absent


def test_a_network_without_its_facts_is_told_what_each_would_say(small):
    small.edit("  noise: {}", "  noise: {use: torch_module, file: g.pt}")
    lines = refused("check", small.bench)
    assert any("latent: this key is missing: shape of one latent" in line for line in lines)
    assert any("quantise: this key is missing: how the output becomes uint8: round" in line for line in lines)
    assert any("network: this key is missing: class of the network" in line for line in lines)


class Doubled(torch.nn.Module):
    def forward(self, latents):
        return latents * 2


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_network_in_another_form_is_told_by_the_form_that_it_has(tmp_path):
    script, state, whole, text = (tmp_path / name for name in ("script.pt", "state.pth", "whole.pth", "text.pt"))
    torch.jit.trace(Doubled(), torch.zeros(2, 3)).save(script)
    torch.save({"weight": torch.zeros(3)}, state)
    torch.save(Doubled(), whole)
    text.write_text("not a network")
    for load_it, path, words in (
        (load_torchscript, state, "it holds what torch.save wrote, such as a state dict"),
        (load_torchscript, text, "it is not a zip archive, as files of torch.jit.save are"),
        (read_checkpoint, script, "it is TorchScript, use `use: torchscript`"),
        (read_checkpoint, whole, "which can run code; save network.state_dict()"),
    ):
        with pytest.raises(UsageError, match="does not load as") as told:
            load_it(path)
        assert words in str(told.value)
        assert "weights_only" not in str(told.value)
    assert load_torchscript(script)(torch.ones(1)).item() == 2
    assert list(read_checkpoint(state).tensors) == ["weight"]


def test_a_file_without_one_readable_key_is_one_line_and_one_with_a_key_says_what_is_missing(tmp_path):
    bench = tmp_path / "bad.yaml"
    bench.write_text(": :\n")
    assert refused("check", bench) == [f"error: {bench}:1:1: a key must be text"]
    bench.write_text("seed: 1\n")
    assert any("n_fake: this key is missing" in line for line in refused("check", bench))
