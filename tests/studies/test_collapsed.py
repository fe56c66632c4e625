"""Studies of a run in which a generator has collapsed: one metric without an interval costs no other metric."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli.main import main
from harness.run import run_benchmark
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

BENCH = """\
name: collapsed
seed: 3
dataset: digits
datasets: {root}/datasets.yaml
reference_split: reference
n_real: 120
n_fake: 60
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  whole: {{use: folder, path: whole}}
  other: {{use: folder, path: {other}}}
  holdout: {{}}
metrics: {{fd: {{}}, kd: {{}}, precision: {{}}, recall: {{}}, density: {{}}, coverage: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs: `other` has 60 distinct pictures in the first and one picture 60 times in the second."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("collapsed")
    pictures = (load_digits().images[np.random.default_rng(0).permutation(1797)[:180]] * 15).astype(np.uint8)
    for name, chosen in (("whole", pictures[:60]), ("good", pictures[60:120]), ("one", pictures[[7] * 60])):
        (folder / name).mkdir()
        for i, pixels in enumerate(chosen):
            Image.fromarray(pixels).save(folder / name / f"{i:03d}.png")
    for run, other in (("before", "good"), ("after", "one")):
        bench = folder / f"{run}.yaml"
        bench.write_text(BENCH.format(root=ROOT, other=other))
        result = run_benchmark(bench, out=folder / run, store=folder / "store", workers=1, tracking=False)
        assert not result.failures
    return folder


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_what_has_an_interval_is_compared_and_what_has_none_is_named_with_its_reason(folder):
    told = ask("compare", folder / "after", "whole", "other", "--json", folder / "told.json")
    left = [line for line in told.output.splitlines() if "no interval" in line]
    compared = [one["metric"] for one in json.loads((folder / "told.json").read_text())] if told.exit_code == 0 else []
    named = [line.removeprefix("error: ").replace(":", " ").split()[0] for line in left]
    assert left
    assert sorted([*compared, *named]) == sorted(["fd", "kd", "precision", "recall", "density", "coverage"])
    assert told.exit_code == (0 if compared else 2)


def test_a_collapsed_generator_is_diagnosed_by_what_its_images_are(folder):
    told = ask("diagnose", folder / "after", "--details")
    assert told.exit_code == 0, told.output
    line = next(line for line in told.output.splitlines() if line.startswith("  other "))
    assert "repeats its own images" in told.output[told.output.index(line) :].split("\n\n")[0]
    assert "against other" not in told.output.splitlines()[0]
    assert "has no interval, so it says nothing here" in told.output


def test_a_generator_that_collapsed_does_not_pass_the_gate(folder):
    told = ask("gate", folder / "after", "--baseline", folder / "before")
    assert told.exit_code == 1, told.output
    assert "other" in told.output.splitlines()[0]
    assert "WORSE other: " in told.output
