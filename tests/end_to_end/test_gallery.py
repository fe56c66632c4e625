"""The gallery: every file checks, says what to place where, runs on a few images; its claims and captions hold."""

import importlib.util
import json
import re

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.cli.main import main
from harness.studies.reproduce import verdicts
from tests.conftest import ROOT

GALLERY = ROOT / "benchmarks" / "gallery"
BENCHMARKS = sorted(
    path.stem for path in GALLERY.glob("*.yaml") if path.name != "datasets.yaml" and ".claims" not in path.name
)
CLAIMS = sorted(GALLERY.glob("*.claims.yaml"))


def script(name):
    found = importlib.util.spec_from_file_location(f"gallery_{name}", GALLERY / f"{name}.py")
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def test_the_gallery_has_the_fields_benchmarks():
    wanted = ["cifar10", "cifar10-test", "coco30k", "ffhq256", "imagenet256", "imagenet256-adm", "lsun"]
    assert wanted == BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_without_data_nothing_is_wrong_but_what_is_missing_and_each_thing_has_its_place(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError) as told:
        benchmark.load(GALLERY / f"{name}.yaml")
    missing = re.compile(
        rf"weights .* at {re.escape(str(tmp_path))}/|into {re.escape(str(GALLERY))}/data/"
        rf"|: {re.escape(str(GALLERY))}/data/\S+: does not exist"
    )
    assert all(missing.search(problem) for problem in told.value.problems), told.value.problems
    assert len(told.value.problems) >= 3  # weights, real images, samples


@pytest.mark.parametrize("name", BENCHMARKS)
def test_with_a_few_images_and_random_weights_it_checks(name, tmp_path):
    found = benchmark.load(script("few").few(name, tmp_path, n=16))
    assert (found.n_real, found.n_fake) == (16, 16)
    assert all(found.is_random(encoder) for encoder in found.encoders)


def test_a_digest_that_is_still_zeros_is_refused_until_pin_fills_it_from_the_images(tmp_path):
    path = script("few").few("cifar10-test", tmp_path, n=16)
    catalogue = tmp_path / "datasets.yaml"
    pinned = catalogue.read_text()
    zeros = re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, pinned)
    catalogue.write_text(zeros + "# a comment that stays\n")
    for command in ("check", "run"):
        refused = CliRunner().invoke(main, [command, str(path)])
        assert refused.exit_code == 2, refused.output
        assert refused.stderr.count("still zeros") == 2  # both splits
    taken = CliRunner().invoke(main, ["check", str(path), "--pin"])
    assert taken.exit_code == 0, taken.output
    assert catalogue.read_text() == pinned + "# a comment that stays\n"
    again = CliRunner().invoke(main, ["check", str(path), "--pin"])
    assert "pinned" not in again.stdout


def test_each_zero_digest_of_the_gallery_says_how_it_is_filled():
    text = (GALLERY / "datasets.yaml").read_text()
    assert text.count("0" * 64) == text.count("}  # harness check ") == 7


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: path.name.split(".")[0])
def test_a_number_quoted_from_a_paper_alone_says_that_it_was_not_checked(path):
    for claim in YAML(typ="safe").load(path.read_text("utf-8"))["claims"]:
        read = re.search(r"README|issue|leaderboard\.png|abstract", claim["source"])
        assert read or "not checked against the paper" in claim["source"], claim


def test_cifar10_runs_on_a_few_images_and_its_table_says_that_weights_are_random(small):
    path = script("few").few("cifar10", small.folder / "gallery", n=16)
    text = path.read_text()
    assert re.search(r"\n  dinov2:\n.*\n.*\n", text)  # 300 million weights: the other encoder is enough here
    path.write_text(re.sub(r"\n  dinov2:\n.*\n.*\n", "\n", text))
    ran = small.harness("run", path, "--no-tracking", "--out", "out")
    assert ran.returncode == 0, ran.stderr
    assert "random weights: not a measure of quality" in ran.stdout
    assert "1 (1)" in ran.stdout or "1 samples" in " ".join(ran.stdout.split())


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: path.name.split(".")[0])
def test_claims_are_read_and_none_is_called_consistent_without_a_second_number(path):
    found = verdicts(str(path), ())
    assert len(found.judged) >= 4
    assert not [one for one in found.judged if one.verdict == "consistent"]


def test_captions_are_one_an_image_whatever_the_order_and_another_list_is_refused(tmp_path):
    captions = script("coco_captions")
    images = [{"id": i, "file_name": f"{i:03d}.jpg"} for i in range(40)]
    told = [
        {"id": 100 * i + k, "image_id": i, "caption": f" image {i}\n words {k} "} for i in range(40) for k in (2, 1)
    ]
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": told}))
    digest = captions.main(path, tmp_path, n=30)
    lines = (tmp_path / "coco30k.tsv").read_text().splitlines()
    assert lines[0] == "file_name\tcaption"
    assert len({line.split("\t")[0] for line in lines[1:]}) == 30
    assert all(re.fullmatch(r"(\d+)\.jpg\timage \d+ words 1", line) for line in lines[1:])
    path.write_text(json.dumps({"images": images[::-1], "annotations": told[::-1]}))
    assert captions.main(path, tmp_path, n=30) == digest
    path.write_text(json.dumps({"images": images, "annotations": told[::2]}))  # the second caption of each
    with pytest.raises(SystemExit, match=digest):
        captions.main(path, tmp_path, n=30)
