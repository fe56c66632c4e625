"""`harness score REAL FAKE`: the two-folder job, and the benchmark that it leaves behind."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from harness.base.record import read_records

pytestmark = pytest.mark.slow


@pytest.fixture
def sets(small):
    """Folders of digits, real and fake, and a zip of the fake ones, beside a benchmark that nobody needs."""
    from harness.images.datasets.digits import Digits

    digits = Digits()
    for name, split, n in (("real", "reference", 60), ("fake", "holdout", 50), ("copies", "reference", 60)):
        folder = small.folder / name
        folder.mkdir()
        for i, image in enumerate(digits.load(split).images[:n]):
            Image.fromarray(image[..., 0]).save(folder / f"{i:03d}.png")
    with zipfile.ZipFile(small.folder / "fake.zip", "w") as archive:
        for path in sorted((small.folder / "fake").iterdir()):
            archive.write(path, path.name)
    return small


def values(folder):
    return {
        (r.cell.generator, r.metric): r.estimate.value
        for r in read_records(folder / "records.jsonl")
        if r.level == "cell" and r.estimate.reference == "random"
    }


def test_two_folders_make_a_leaderboard_and_the_yaml_makes_it_again(sets):
    outcome = sets.harness("score", "real", "fake", "fake.zip", "copies", "--encoder", "digits_convnet", "--n", "50")
    assert outcome.returncode == 0, outcome.stderr
    assert "encoder digits_convnet" in outcome.stdout
    found = values(sets.folder / "results/score")
    assert found["fake", "fd"] == pytest.approx(
        found["fake-2", "fd"], rel=1e-9
    )  # the zip of the same, drawn in another order
    assert found["fake", "fd"] > found["copies", "fd"]
    assert "exact copies of reference images" in outcome.stdout
    again = sets.harness("run", "results/score.yaml", "--out", "elsewhere", "--store", "fresh", "--no-tracking")
    assert again.returncode == 0, again.stderr
    assert values(sets.folder / "elsewhere") == found


def test_a_protocol_brings_its_recipe_and_its_k(sets):
    arguments = ("--protocol", "dgm-eval-inception", "--random-weights", "--n", "16", "--out", "dgm")
    outcome = sets.harness("score", "real", "fake", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert "random weights" in outcome.stdout
    found = {r.metric: r for r in read_records(sets.folder / "dgm/records.jsonl")}
    assert found["precision"].parameters == {"use": "precision", "k": 5, "closed": False}
    assert found["fd"].cell.preprocessing == "pytorch-fid"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("real", "nowhere"), "nowhere: does not exist"),
        (("real", "bench.yaml"), "neither a folder of images nor a .arrow, .npy, .npz, .parquet, .tar or .zip file"),
        (("real", "fake", "--protocol", "cleen"), "did you mean 'clean'"),
        (("real", "fake"), "weights inception-2015-12-05.pt not found"),
        (("real", "fake", "--encoder", "pixels", "--protocol", "clean"), "give one --protocol or one --encoder"),
        (("real", "fake", "--encoder", "pixels", "--n", "5000"), "5000"),
    ],
)
def test_what_cannot_be_scored_costs_one_sentence(sets, arguments, words):
    outcome = sets.harness("score", *arguments)
    assert outcome.returncode == 2
    assert words in outcome.stderr


def test_one_argument_is_a_benchmark_as_before(sets):
    sets.edit("  pixels: {}\n", "")
    outcome = sets.harness("score", "bench.yaml", "--generator", "holdout", "--encoder", "digits_convnet")
    assert outcome.returncode == 0, outcome.stderr
    assert not (sets.folder / "results").exists()


def test_numpy_archives_are_sets_too(sets):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.savez(sets.folder / f"{name}.npz", arr_0=rng.integers(0, 256, (40, 8, 8, 3), np.uint8))
    outcome = sets.harness("score", "a.npz", "b.npz", "--encoder", "pixels", "--out", "noise")
    assert outcome.returncode == 0, outcome.stderr
    assert set(values(sets.folder / "noise")) == {
        ("b", name) for name in ("fd", "kd", "precision", "recall", "density", "coverage")
    }


def test_one_set_of_images_is_no_benchmark(sets):
    for one in ("real", "fake.zip"):
        outcome = sets.harness("score", one)
        assert outcome.returncode == 2
        assert "give two or more: REAL FAKE" in outcome.stderr
