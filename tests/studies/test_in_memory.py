"""`harness.score`: images in memory give the numbers of the same images in files, and what is ambiguous is refused."""

from __future__ import annotations

from collections import UserList

import numpy as np
import pytest
import torch
from PIL import Image

import harness
from harness.studies.live.kept import keep
from harness.studies.live.pixels import Pixels
from tests.conftest import Small
from tests.support.digit_arrays import as_pngs, digit_arrays

REAL, FAKE = digit_arrays()
LOWER = np.roll(FAKE, 1, axis=1)
RGB = np.random.default_rng(1).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def read(given, **options) -> np.ndarray:
    parts = list(Pixels("fake", **options).parts(given))
    return np.concatenate(parts)


# ---------------------------------------------------------------- the same numbers as files


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def scores(store):
    return harness.score(REAL, {"moved": FAKE, "lower": LOWER}, encoder="digits_convnet", store=store)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> harness.FinishedRun:
    """The same images as PNG files, scored by the command."""
    made = Small(tmp_path_factory.mktemp("files"))
    for name, images in (("reals", REAL), ("moved", FAKE), ("lower", LOWER)):
        as_pngs(images, made.folder / name)
    told = made.harness("score", "reals", "moved", "lower", "--encoder", "digits_convnet")
    assert told.returncode == 0, told.stderr
    return harness.open_run(made.folder / "results/score")


def test_arrays_give_the_numbers_of_the_same_images_as_png_to_the_bit(files, scores):
    board = {row.generator: row for row in files.leaderboard.rows}
    assert {name: dict(own) for name, own in scores.estimates.items()} == {n: dict(r.metrics) for n, r in board.items()}
    mine = {row.generator: (row.rank, row.rank_low, row.rank_high) for row in scores.leaderboard.rows}
    assert mine == {name: (row.rank, row.rank_low, row.rank_high) for name, row in board.items()}
    assert [r.inputs for r in scores.records] == [r.inputs for r in files.records]


def test_a_monitor_in_training_gives_the_numbers_of_the_same_images_as_png_to_the_bit(files, store):
    monitor = harness.Monitor(REAL, encoder="digits_convnet", n=len(FAKE), store=store)
    for first in range(0, len(FAKE), 9):
        monitor.update(FAKE[first : first + 9])
    (row,) = (row for row in files.leaderboard.rows if row.generator == "moved")
    assert dict(monitor.compute()) == dict(row.metrics)


def test_the_table_has_ranks_where_several_are_scored_and_intervals_where_one_is(scores, store):
    assert repr(scores).splitlines()[0].split()[:2] == ["rank", "fake"]
    assert "simultaneous" not in repr(scores)
    assert "in brackets the ranks" in repr(scores)
    alone = harness.score(REAL, FAKE, encoder="digits_convnet", store=store)
    assert repr(alone).startswith("metric")
    assert alone["fd"] == scores.estimates["moved"]["fd"]
    assert "<th>95% interval</th>" in alone._repr_html_()
    assert str(alone) == repr(alone)


def test_a_metric_of_several_fakes_needs_a_name(scores):
    with pytest.raises(harness.UsageError, match=r"2 sets were scored; choose one: .estimates\['moved'\]\['fd'\]"):
        scores["fd"]
    with pytest.raises(harness.UsageError, match="no metric 'fid'; did you mean 'fd'"):
        scores.estimates["moved"]["fid"]


def test_the_data_frame_has_a_row_for_each_fake_and_metric(scores):
    frame = scores.to_pandas()
    assert len(frame) == 2 * 6
    fd = frame[(frame.fake == "moved") & (frame.metric == "fd")].iloc[0]
    assert fd.value == scores.estimates["moved"]["fd"].value
    assert frame[frame.metric == "kd"]["rank"].isna().all()


def test_a_saved_score_is_a_run_that_other_commands_read_and_its_yaml_makes_it_again(small, scores):
    run = scores.save(small.folder / "mine")
    assert [record.estimate for record in run.records] == [record.estimate for record in scores.records]
    assert (small.folder / "mine/report.html").is_file()
    assert sorted(p.name for p in (small.folder / "mine.images").iterdir()) == [
        "fake-lower.npy",
        "fake-moved.npy",
        "real.npy",
    ]
    told = small.harness("compare", "mine", "moved", "lower")
    assert told.returncode == 0, told.stderr
    before = small.records("mine")
    again = small.harness("run", "mine.yaml", "--no-tracking", "--store", "empty", "--out", "mine")
    assert again.returncode == 0, again.stderr
    assert small.records("mine") == before


def test_half_as_many_images_are_drawn_by_the_seed(store):
    found = harness.score(REAL, FAKE, encoder="digits_convnet", n=40, seed=3, store=store)
    assert (found["fd"].n_real, found["fd"].n_fake) == (40, 40)


def test_a_path_and_arrays_can_be_scored_together(tmp_path, store, scores):
    folder = as_pngs(REAL, tmp_path / "reals")
    found = harness.score(folder, FAKE, encoder="digits_convnet", store=store)
    assert found["fd"] == scores.estimates["moved"]["fd"]


# ---------------------------------------------------------------- every way of holding the same images


class MapStyle:
    def __len__(self):
        return len(RGB)

    def __getitem__(self, i):
        return Image.fromarray(RGB[i]), i


class HuggingFace(UserList):
    """What a `datasets.Dataset` does as far as it is used."""

    column_names = ["label", "img"]  # noqa: RUF012
    features = None


WAYS = {
    "NHWC": RGB,
    "NCHW": RGB.transpose(0, 3, 1, 2),
    "tensor": torch.from_numpy(RGB).permute(0, 3, 1, 2),
    "tensor that is not contiguous": torch.from_numpy(np.concatenate([RGB, RGB]))[:5],
    "list of arrays": list(RGB),
    "list of PIL": [Image.fromarray(image) for image in RGB],
    "iterator": (image for image in RGB),
    "loader": torch.utils.data.DataLoader([(torch.from_numpy(i).permute(2, 0, 1), 7) for i in RGB], batch_size=2),
    "loader of mappings": torch.utils.data.DataLoader([{"pixel_values": i, "label": 1} for i in RGB], batch_size=3),
    "map-style": MapStyle(),
    "dataset": HuggingFace([{"label": 1, "img": Image.fromarray(image)} for image in RGB]),
}


@pytest.mark.parametrize("way", WAYS)
def test_images_are_the_same_however_they_are_held(way):
    np.testing.assert_array_equal(read(WAYS[way]), RGB)


def test_grey_images_need_no_channel_axis():
    np.testing.assert_array_equal(read(FAKE[..., 0]), FAKE)
    np.testing.assert_array_equal(read([Image.fromarray(image[..., 0]) for image in FAKE]), FAKE)


@pytest.mark.parametrize("ends", [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_that_came_from_levels_become_those_levels(ends, dtype):
    low, high = ends
    np.testing.assert_array_equal(read((RGB / 255 * (high - low) + low).astype(dtype), range=ends), RGB)


def test_bfloat16_and_gradients_are_taken_and_what_lies_a_little_outside_is_clipped():
    images = torch.full((2, 3, 4, 5), 1.1, dtype=torch.bfloat16, requires_grad=True)
    assert (read(images, range=(-1, 1)) == 255).all()


def test_images_of_several_sizes_are_kept_as_png_in_their_order(tmp_path):
    mixed = [RGB[0], RGB[1], RGB[2, :4], RGB[3, :, :5]]
    kept = keep(Pixels("fake").parts(mixed), tmp_path, "fake")
    assert (kept.path.suffix, kept.size) == (".zip", 4)
    from harness.images import open_images

    for got, image in zip(open_images("zip", {"path": str(kept.path)}).read(range(4)), mixed, strict=True):
        np.testing.assert_array_equal(got, image)


def test_images_are_kept_once_whatever_parts_they_come_in(tmp_path):
    first = keep(Pixels("a").parts(RGB), tmp_path, "a")
    second = keep(iter([RGB[:2], RGB[2:]]), tmp_path, "b")
    assert first == second
    np.testing.assert_array_equal(np.load(first.path), RGB)


# ---------------------------------------------------------------- what is refused


NAN = (RGB / 255).astype(np.float32)
NAN[3, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (RGB / 255.0, {}, r"fake: float64 images \(0 to 1\) without a range; set the values of black and white"),
        (NAN, {"range": (0, 1)}, "fake: image 3 holds NaN or infinity"),
        (RGB.astype(np.float32), {"range": (0, 1)}, r"run from 0 to 255, far outside range=\(0, 1\)"),
        (RGB / 255.0, {"range": (0, 255)}, r"all but black in range=\(0, 255\)"),
        (RGB.astype(np.int64), {}, "int64 images; levels 0 to 255 are uint8"),
        (RGB[:, :3], {}, r"shape \(5, 3, 7, 3\) is ambiguous; set layout='NHWC' or layout='NCHW'"),
        (RGB[:, :, :, [0, 1, 2, 0]], {}, r"no axis of 1 or 3 channels \(an alpha channel\? Remove it\)"),
        (RGB[0], {}, r"shape \(6, 7, 3\) may be one image or 6 grey ones"),
        (RGB, {"layout": "NCHW"}, "is not NCHW with 1 or 3 channels"),
        (RGB, {"layout": "HWC"}, "layout='HWC': use 'NHWC' or 'NCHW'"),
        (RGB, {"range": (1, 0)}, "the first number must be smaller than the second"),
        ([{"a": RGB[0], "b": RGB[1]}], {}, "cannot tell which column holds the images .a, b"),
        ([{"a": RGB[0]}], {"column": "c"}, "has no column 'c'; it has a"),
        ([(RGB, RGB)], {}, "a batch holds several image arrays"),
        (Image.fromarray(RGB[0]), {}, "a single Image is not a set of images"),
        ([Image.new("CMYK", (3, 3))], {}, r"PIL image of mode CMYK, which .*convert\('RGB'\)"),
        ([3, 4], {}, "found an object of type int; expected an image"),
        (17, {}, "cannot read images from a int"),
    ],
)
def test_what_would_be_a_guess_is_refused_in_one_sentence(given, options, expected):
    with pytest.raises(harness.UsageError, match=expected) as problem:
        read(given, **options)
    assert len(problem.value.problems) == 1


def test_too_few_images_are_named_by_their_set(tmp_path):
    with pytest.raises(harness.UsageError, match="fake: has 5 images; need at least 8"):
        harness.score(REAL, FAKE[:5], encoder="digits_convnet", store=tmp_path)
    with pytest.raises(harness.UsageError, match="a: has 70 images; fewer than n = 80"):
        harness.score(REAL, {"a": FAKE}, n=80, encoder="digits_convnet", store=tmp_path)


def test_mixed_sizes_under_a_recipe_without_a_resize_are_refused(tmp_path):
    mixed = [*FAKE, *RGB]
    with pytest.raises(harness.UsageError, match="keeps that; add `resize"):
        harness.score(REAL, mixed, encoder="random_convnet", store=tmp_path)
