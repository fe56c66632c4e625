"""`harness score REAL FAKE`: names, paths and flags, and the files of the user's that it leaves alone."""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from harness.benchmark import model as benchmark
from harness.cli.main import main
from harness.pipeline.ownership import ReplacedWarning
from tests.support.noise_folders import noise

TWO = ("score", "real", "fake", "--encoder", "pixels")


@pytest.fixture(autouse=True)
def sets(tmp_path, monkeypatch):
    """The folders `real` of 60 and `fake` of 50 images in the current one, which has a store of its own."""
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    noise(Path("real"), 60)
    noise(Path("fake"), 50, seed=1)
    return tmp_path / "here"


def score(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--workers", "1"])


def refused(*arguments: str, words: str) -> None:
    found = score(*arguments)
    assert found.exit_code == 2, found.output + repr(found.exception)
    assert words in found.stderr
    assert len(found.stderr.splitlines()) == 1


def good(*arguments: str) -> Result:
    found = score(*arguments)
    assert found.exit_code == 0, found.output + repr(found.exception)
    return found


@pytest.mark.parametrize("name", ["mine.yaml", "mine.datasets.yaml"])
def test_a_yaml_that_no_score_wrote_is_left_alone(name):
    Path(name).write_text("name: mine\n")
    refused(*TWO, "--out", "mine", words=f"{name}: exists and was not written by `harness score`")
    assert Path(name).read_text() == "name: mine\n"
    assert not Path("mine").exists()


def test_a_folder_of_other_things_is_refused_before_anything_is_written():
    Path("other").mkdir()
    Path("other/notes.txt").write_text("mine")
    refused(*TWO, "--out", "other", words="other holds files that no run wrote")
    assert sorted(path.name for path in Path().iterdir()) == ["fake", "other", "real"]


def test_a_second_pair_says_that_it_replaces_the_first_and_the_same_pair_says_nothing():
    noise(Path("fake2"), 50, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReplacedWarning)
        good(*TWO)
        good(*TWO)
    with pytest.warns(ReplacedWarning, match="in results/score, report sections.*another --out"):
        good("score", "real", "fake2", "--encoder", "pixels")


@pytest.mark.parametrize(
    "flags", [("--n", "9"), ("--out", "x"), ("--protocol", "adm"), ("--seed", "0"), ("--random-weights",)], ids=str
)
def test_flags_of_sets_are_refused_beside_a_benchmark(flags):
    refused("score", "mine.yaml", *flags, words=f"{flags[0]}: only with image sets, REAL FAKE")


@pytest.mark.parametrize("flags", [("--generator", "nosuch"), ("--receipt", "r.json")], ids=str)
def test_flags_of_a_benchmark_are_refused_beside_sets(flags):
    refused(*TWO, *flags, words=f"{flags[0]}: only with a benchmark YAML")


def test_n_is_of_each_set_the_real_one_too():
    refused(
        "score", "fake", "real", "--encoder", "pixels", "--n", "55", words="fake: has only 50 images, fewer than --n 55"
    )


@pytest.mark.parametrize("suffix", ["zip", "npz", "npy", "tar", "parquet"])
def test_one_set_of_any_kind_is_no_benchmark(suffix):
    Path(f"x.{suffix}").write_bytes(b"\x89")
    refused("score", f"x.{suffix}", words=f"x.{suffix} is one set of images; give two or more")


def test_generators_are_called_as_their_paths_are_and_only_a_files_suffix_is_cut():
    for name in ("step.100", "step.200", "fake.zip"):
        noise(Path(name), 50)
    Path("best").symlink_to("fake")
    np.save("step.300.npy", np.random.default_rng(0).integers(0, 256, (50, 6, 6, 3), np.uint8))
    good("score", "real", "step.100", "step.200", "fake.zip", "best", "step.300.npy", "--encoder", "pixels")
    found = benchmark.load(Path("results/score.yaml"))
    assert list(found.generators) == ["step.100", "step.200", "fake.zip", "best", "step.300"]


def test_two_names_for_the_same_images_are_said_and_others_are_not(sets):
    noise(Path("again"), 50, seed=1)
    noise(Path("other"), 50, seed=2)
    told = good("score", "real", "fake", "again", "other", "--encoder", "pixels").stdout
    assert re.search(r"^ \S+ .*\bagain .* same images as fake\b", told, re.MULTILINE)
    assert re.search(r"^ \S+ .*\bfake .* same images as again\b", told, re.MULTILINE)
    assert told.count("same images as") == 2


def test_results_may_lie_below_a_link_and_sets_behind_one(sets):
    (sets.parent / "far" / "away").mkdir(parents=True)
    Path("lnk").symlink_to(sets.parent / "far" / "away")
    noise(sets.parent / "far" / "fake", 50, seed=3)
    good("score", "real", "lnk/../fake", "--encoder", "pixels", "--out", "lnk/out")
    found = benchmark.load(Path("lnk/out.yaml"))
    path = Path("lnk") / found.generators["fake"].parameters["path"]
    assert os.path.samefile(path, sets.parent / "far" / "fake")


def test_results_in_the_current_folder_and_in_the_root(sets, monkeypatch):
    (sets / "empty").mkdir()
    monkeypatch.chdir(sets / "empty")
    good("score", "../real", "../fake", "--encoder", "pixels", "--out", ".")
    assert Path("records.jsonl").is_file()
    assert benchmark.load(Path("../empty.yaml")).name == "empty"
    refused(
        "score",
        "../real",
        "../fake",
        "--encoder",
        "pixels",
        "--out",
        "/",
        words="the results folder needs a UTF-8 name",
    )


def test_a_name_that_is_not_utf8_is_told_in_words():
    noise(Path(os.fsdecode(b"f\xff")), 50)
    for pair in ((os.fsdecode(b"f\xff"), "fake"), ("real", os.fsdecode(b"f\xff"))):
        refused("score", *pair, "--encoder", "pixels", words=r"f\udcff: the file name is not UTF-8")
    refused(*TWO, "--out", os.fsdecode(b"o\xff"), words=r"o\udcff: the results folder needs a UTF-8 name")


def test_images_of_a_larger_set_that_are_left_out_are_said_and_those_that_n_leaves_out_are_not():
    noise(Path("more"), 60, seed=2)
    three = ("score", "real", "fake", "more", "--encoder", "pixels")
    (note,) = [line for line in good(*three).stderr.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: 50 images of each FAKE set are scored, the size of the smallest")
    assert "larger sets are subsampled with --seed: more (60)" in note
    assert "note: " not in good(*three, "--n", "50", "--out", "n").stderr
    assert "note: " not in good(*TWO, "--out", "two").stderr, "every image of the one set is used"


def test_where_nothing_can_be_scored_the_cause_is_said_once_and_no_table_is_shown():
    noise(Path("cut"), 50, seed=2)
    whole = Path("cut/003.png").read_bytes()
    Path("cut/003.png").write_bytes(whole[:-20])
    found = score("score", "real", "cut", "--encoder", "pixels")
    assert found.exit_code == 2
    assert found.stdout == ""
    assert found.stderr.count("003.png") == 1
    assert found.stderr.splitlines()[-1].startswith("error: nothing was scored; see the error above")
    # Beside one that can be scored, the table stands and says what failed.
    beside = score(*TWO[:3], "cut", *TWO[3:], "--out", "both")
    assert beside.exit_code == 2
    assert "verdict" in beside.stdout
    assert "failed: cut" in beside.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_images_of_two_sizes_under_pixels_are_called_so_in_one_process_and_in_several(workers):
    np.save("big.npy", np.random.default_rng(0).integers(0, 256, (50, 8, 9, 3), np.uint8))
    found = CliRunner().invoke(main, ["score", "real", "big.npy", "--encoder", "pixels", "--workers", workers])
    assert found.exit_code == 2
    assert "the images of big are 8 × 9 pixels and the real ones 6 × 6" in found.stderr
    assert "`resize: {size: [H, W]}`" in found.stderr


def test_a_score_that_is_refused_leaves_nothing_and_cites_no_file_that_it_wrote(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    there = sorted(path.name for path in Path().iterdir())
    refused("score", "real", "fake", words="not found. `harness weights fetch")
    assert "score.yaml" not in score("score", "real", "fake").stderr
    assert sorted(path.name for path in Path().iterdir()) == there
    # What an earlier score left stays as it was.
    good(*TWO)
    before = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    refused("score", "real", "fake", words="not found. `harness weights fetch")
    assert {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()} == before
