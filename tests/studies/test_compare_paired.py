"""`harness compare --paired`: images that belong together, from files to the interval."""

import json
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.base.errors import UsageError
from harness.cli.main import main
from harness.run import run_benchmark
from harness.studies.compare.pairing import by_name

CALLED = ("one", "two")
PLAIN = [f"{i}.png" for i in range(1, 61)]
PADDED = [f"{i:04d}.PNG" for i in range(1, 61)]


def test_partners_are_found_by_what_a_person_tells_names_by():
    rng = np.random.default_rng(0)
    first, second = rng.permutation(PLAIN), rng.permutation(PADDED)
    found = by_name(list(first), list(second), called=CALLED)
    assert [int(name[:4]) for name in second[found]] == [int(name[:-4]) for name in first]
    assert list(by_name(PADDED, PADDED, called=CALLED)) == list(range(60))


def test_equal_names_are_partners_even_where_a_person_would_confuse_two_of_a_set():
    names = ["1.png", "01.png", "1.jpg"]
    assert list(by_name(names, names[::-1], called=CALLED)) == [2, 1, 0]
    with pytest.raises(UsageError, match=r"1\.png and 01\.png of one would have the same partner"):
        by_name(names, ["a.png", "b.png", "c.png"], called=CALLED)


def test_what_does_not_pair_is_refused_and_named():
    missing = [name for name in PADDED if name != "0007.PNG"] + ["extra.png"]
    with pytest.raises(UsageError) as refused:
        by_name(PLAIN, missing, called=CALLED)
    (line,) = refused.value.problems
    assert "7.png of one (1 of 60); extra.png of two (1 of 60)" in line
    with pytest.raises(UsageError, match=r"a1, a2, a3, … of one \(60 of 60\)"):
        by_name([f"a{i}" for i in range(1, 61)], PADDED, called=CALLED)


BENCH = """\
name: pairs
seed: 3
dataset: digits
datasets: {root}/datasets.yaml
reference_split: reference
n_real: 200
n_fake: {n}
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  plain: {{use: folder, path: plain}}
  same: {{use: zip, path: same.zip}}
  lighter: {{use: folder, path: lighter}}
  extra: {{use: folder, path: extra}}
  rows: {{use: npy, path: rows.npy}}
  table: {{use: npy, path: table.npy}}
metrics: {{fd: {{}}, kd: {{}}, precision: {{}}, recall: {{}}, density: {{}}, coverage: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""


@pytest.fixture(scope="module", params=[60, 40], ids=["all 60 images", "40 of 60"])
def pairs(request, tmp_path_factory):
    """One set of pictures in a folder as 1.png … 60.png, under other names, lighter, and as arrays."""
    from sklearn.datasets import load_digits

    from tests.conftest import ROOT

    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    pictures = (load_digits().images[rng.permutation(1797)[:60]] * 12).astype(np.uint8)
    lighter = (pictures + rng.integers(2, 7, pictures.shape)).astype(np.uint8)
    for name in ("plain", "lighter", "extra"):
        (folder / name).mkdir()
    with zipfile.ZipFile(folder / "same.zip", "w") as archive:
        for i, pixels in enumerate(pictures, 1):
            Image.fromarray(pixels).save(folder / "plain" / f"{i}.png")
            Image.fromarray(lighter[i - 1]).save(folder / "lighter" / f"{i:04d}.bmp")
            Image.fromarray(lighter[i - 1]).save(folder / "extra" / (f"{i:04d}.png" if i != 7 else "one more.png"))
            with archive.open(f"out/{i:04d}.png", "w") as stream:
                Image.fromarray(pixels).save(stream, "PNG")
    np.save(folder / "rows.npy", pictures)
    np.save(folder / "table.npy", pictures[::-1])
    (folder / "bench.yaml").write_text(BENCH.format(root=ROOT, n=request.param))
    result = run_benchmark(folder / "bench.yaml", out=folder / "out", store=folder / "store", workers=1, tracking=False)
    assert not result.failures

    def compare(first, second, *options, code=0, all_metrics=False):
        file = folder / "told.json"
        metric = () if "--metric" in options or all_metrics else ("--metric", "fd")
        asked = ["compare", folder / "out", first, second, *metric, "--reference", "fixed", "--json", file]
        told = CliRunner().invoke(main, [str(part) for part in (*asked, *options)])
        assert told.exit_code == code, told.output
        if code:
            return told.output
        found = json.loads(file.read_text())
        return found[0]["comparison"] | {"words": told.output, "metrics": [one["metric"] for one in found]}

    return compare


@pytest.mark.slow
def test_the_same_pictures_under_other_names_differ_by_nothing_for_sure(pairs):
    found = pairs("plain", "same", "--paired")
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    assert pairs("plain", "same")["high"] > 0.01
    assert "the two images of one file name count as one draw" in found["words"]


@pytest.mark.slow
def test_a_version_of_each_picture_is_compared_with_its_own_picture(pairs):
    found, apart = pairs("lighter", "plain", "--paired"), pairs("lighter", "plain")
    assert found["value"] == apart["value"]
    assert found["high"] - found["low"] < 0.2 * (apart["high"] - apart["low"])


@pytest.mark.slow
def test_a_file_without_a_partner_is_refused_and_named_and_arrays_go_by_position(pairs):
    told = pairs("extra", "plain", "--paired", code=2)
    assert "have no partner: " in told
    assert " of extra (" in told
    assert " of plain (" in told
    told = pairs("plain", "rows", "--paired", code=2)
    assert "images of plain have file names but those of rows have none" in told
    found = pairs("rows", "table", "--paired")
    assert found["high"] > 0.01  # one set in the opposite order: image i has a stranger for a partner
    assert "image i of both counts as one draw" in found["words"]


@pytest.mark.slow
def test_metrics_that_pair_are_compared_and_those_that_do_not_are_named(pairs):
    found = pairs("lighter", "plain", "--paired", all_metrics=True)
    assert found["metrics"] == ["fd", "kd", "precision", "density"]
    for metric in ("recall", "coverage"):
        assert f"{metric}: not compared, since it has no influence function for its fake side" in found["words"]
    assert "without --paired it can be compared" in found["words"]
    told = pairs("lighter", "plain", "--paired", "--metric", "recall", code=2)
    assert "recall has no influence function for its fake side, which pairing images needs" in told
