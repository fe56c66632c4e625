"""Npy and Parquet files as image sets, and one set as files of every kind."""

import builtins
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.base.errors import UsageError
from harness.images import listing as imagelist
from harness.images.files import open_images
from tests.images.test_files import packed, the_line, write_folder
from tests.images.test_tar import write_tar


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def read_all(kind, path, **parameters):
    source = open_images(kind, {"path": path, **parameters})
    return source.read(range(source.size))


# npy


def saved(path, array):
    np.save(path, array)
    return path


def test_an_npy_gives_back_its_array_in_either_memory_order(tmp_path, pixels):
    for name, array in (("c", pixels), ("f", np.asfortranarray(pixels))):
        path = saved(tmp_path / f"{name}.npy", array)
        assert (imagelist.count("npy", {"path": path}), imagelist.shape("npy", {"path": path})) == (6, (5, 7, 3))
        np.testing.assert_array_equal(read_all("npy", path), pixels)
        np.testing.assert_array_equal(read_all("npy", path, rows=[2, 4]), pixels[2:4])
    grey = saved(tmp_path / "g.npy", pixels[..., 0])
    assert read_all("npy", grey).shape == (6, 5, 7, 1)
    before = imagelist.content_digest("npy", {"path": grey})
    pixels[5, 4, 6, 0] ^= 1
    assert imagelist.content_digest("npy", {"path": saved(grey, pixels[..., 0])}) != before


def test_labels_of_an_npy_are_another_npy(tmp_path, pixels):
    images, labels = saved(tmp_path / "i.npy", pixels), saved(tmp_path / "l.npy", np.arange(6, dtype=np.int32))
    source = open_images("npy", {"path": images, "labels": labels, "rows": [1, 3]})
    assert (source.labels.tolist(), source.labels.dtype) == ([1, 2], np.int64)
    for wrong, words in (
        (np.arange(5), "holds 5 labels for 6 images"),
        (np.zeros(6), "labels must be n whole numbers"),
        (np.array([0, 1, 2, 3, 4, -1]), "labels run from -1 to 4"),
    ):
        saved(labels, wrong)
        line = the_line(lambda: open_images("npy", {"path": images, "labels": labels}).labels)
        assert words in line
        assert str(labels) in line
    labels.write_bytes(saved(labels, np.arange(6)).read_bytes()[:-1])
    assert "bytes fewer than its header promises" in the_line(
        lambda: open_images("npy", {"path": images, "labels": labels}).labels
    )


def test_an_npy_that_is_cut_padded_or_of_another_kind_is_refused(tmp_path, pixels):
    path = saved(tmp_path / "a.npy", pixels)
    whole = path.read_bytes()

    def line(content):
        path.write_bytes(content)
        found = the_line(lambda: imagelist.count("npy", {"path": path}))
        assert found.startswith(str(path))
        return found

    assert "promises 630 bytes of pixels and the file holds 629" in line(whole[:-1])
    assert "promises 630 bytes of pixels and the file holds 631" in line(whole + b"?")
    for content in (b"", whole[:5], whole[:40], packed(pixels[0]), whole.replace(b"'shape'", b"'shope'")):
        assert "is not a readable array" in line(content)
    for array, words in (
        (pixels / 255, "not uint8"),
        (pixels.transpose(0, 3, 1, 2), "channels first"),
        (pixels[:0], "which holds no image"),
        (np.array([None, 1]), "needs pickle, which can run code"),
    ):
        np.save(path, array, allow_pickle=True)
        assert words in line(path.read_bytes())
    assert "no.npy: does not exist" in the_line(lambda: imagelist.count("npy", {"path": tmp_path / "no.npy"}))
    path.write_bytes(whole)
    assert imagelist.count("npy", {"path": path}) == 6


# Parquet


def write_parquet(path, images, *, column="image", labels=None, bare=False, group=2):
    encoded = [image if isinstance(image, bytes | None) else packed(image) for image in images]
    held = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = [None if content is None else {"bytes": content, "path": f"{i}.png"} for i, content in enumerate(encoded)]
    columns = {column: pa.array(encoded, pa.binary()) if bare else pa.array(rows, held)}
    if labels is not None:
        columns["label"] = labels if isinstance(labels, pa.Array) else pa.array(labels, pa.int64())
    columns["caption"] = pa.array(["a"] * len(images))
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


@pytest.mark.parametrize("bare", [False, True])
def test_a_column_of_encoded_images_gives_them_back_in_row_order(tmp_path, pixels, bare):
    path = write_parquet(tmp_path / "p.parquet", pixels, bare=bare, column="img", group=4)
    source = open_images("parquet", {"path": path, "column": "img"})
    assert source.size == imagelist.count("parquet", {"path": path, "column": "img"}) == 6
    np.testing.assert_array_equal(source.read([5, 0, 5, 3]), pixels[[5, 0, 5, 3]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read([1]), pixels[[1]])
    assert source.labels is None
    with pytest.raises(IndexError):
        source.read([6])


def test_files_are_read_one_after_the_other_and_cuts_leave_no_trace(tmp_path, pixels):
    one = write_parquet(tmp_path / "one.parquet", pixels, labels=range(6))
    write_parquet(tmp_path / "p-0.parquet", pixels[:1], labels=[0])
    write_parquet(tmp_path / "p-1.parquet", pixels[:0], labels=[])
    write_parquet(tmp_path / "p-2.parquet", pixels[1:], labels=range(1, 6), group=3)
    parts = f"{tmp_path}/p-{{0..2}}.parquet"
    np.testing.assert_array_equal(read_all("parquet", parts), pixels)
    assert open_images("parquet", {"path": parts, "labels": "label"}).labels.tolist() == list(range(6))
    digests = [imagelist.content_digest("parquet", {"path": path, "labels": "label"}) for path in (one, parts)]
    assert digests[0] == digests[1]
    write_parquet(one, pixels, labels=[0, 1, 2, 3, 4, 9])
    assert imagelist.content_digest("parquet", {"path": one, "labels": "label"}) != digests[0]
    write_parquet(one, pixels[::-1], labels=range(6))
    assert imagelist.content_digest("parquet", {"path": one, "labels": "label"}) != digests[0]


def test_row_groups_are_kept_only_while_they_fit(tmp_path, pixels, monkeypatch):
    from harness.images.formats import parquet as parquets

    path = write_parquet(tmp_path / "p.parquet", pixels, group=1)
    monkeypatch.setattr(parquets, "KEPT_BYTES", 0)
    rows = parquets.read_parquets(path).members
    for i in (3, 0, 3):
        assert rows.read(f"row {i}") == packed(pixels[i])
        assert len(rows._kept) == 1


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"column": "no"}, "no column 'no'; it has 'image', 'label', 'caption'; choose one with `column`"),
        ({"column": "caption"}, "column 'caption' is string; expected encoded images, {bytes, path} or bytes"),
        ({"labels": "no"}, "no column 'no' of labels; it has"),
        ({"labels": "caption"}, "column 'caption' is string; labels must be whole numbers"),
    ],
)
def test_a_column_that_is_absent_or_of_another_kind_is_named(tmp_path, pixels, parameters, words):
    path = write_parquet(tmp_path / "p.parquet", pixels, labels=range(6))
    assert words in the_line(lambda: open_images("parquet", {"path": path, **parameters}))


@pytest.mark.parametrize(("label", "what"), [(None, "null"), (-1, "-1"), (10_000, "10000")])
def test_a_label_out_of_range_is_named_with_its_row(tmp_path, pixels, label, what):
    path = write_parquet(tmp_path / "p.parquet", pixels, labels=[0, 1, 2, 3, label, 5])
    line = the_line(lambda: open_images("parquet", {"path": path, "labels": "label"}))
    assert line == f"{path}: the label of row 4 is {what}; allowed: 0 to 9999"


def test_a_row_that_is_no_image_is_named(tmp_path, pixels):
    images = [packed(image) for image in pixels]
    for bad, words in (
        (None, "'row 3' is null; drop the row"),
        (b"words", "'row 3' is not an image in a known format"),
        (b"", "'row 3' is empty (0 bytes)"),
        (images[0][:-20], "'row 3' is truncated"),
    ):
        path = write_parquet(tmp_path / "p.parquet", [*images[:3], bad, *images[4:]])
        assert words in the_line(lambda path=path: read_all("parquet", path))
    outside = pa.array([{"bytes": None, "path": "x.png"}], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    pq.write_table(pa.table({"image": outside}), path)
    assert "'row 0' has only the path 'x.png'; embed the image bytes" in the_line(lambda: read_all("parquet", path))


def test_a_parquet_that_is_cut_damaged_or_none_is_refused(tmp_path, pixels):
    path = write_parquet(tmp_path / "p.parquet", pixels)
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], b"PAR1" * 9, packed(pixels[0])):
        path.write_bytes(content)
        line = the_line(lambda: imagelist.count("parquet", {"path": path}))
        assert line.startswith(f"{path}: is not a readable Parquet file (")
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])  # the footer is sound, the first row group is not
    assert imagelist.count("parquet", {"path": path}) == 6
    assert "lies in a row group that cannot be read" in the_line(lambda: read_all("parquet", path))
    assert "does not exist" in the_line(lambda: imagelist.count("parquet", {"path": tmp_path / "no.parquet"}))
    (tmp_path / "none").mkdir()
    assert "holds no .parquet file" in the_line(lambda: imagelist.count("parquet", {"path": tmp_path / "none"}))
    write_parquet(path, pixels[:0])
    assert "holds no rows" in the_line(lambda: imagelist.count("parquet", {"path": path}))


def test_without_pyarrow_the_reader_says_what_to_install(tmp_path, pixels, monkeypatch):
    path = write_parquet(tmp_path / "p.parquet", pixels)
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    line = the_line(lambda: imagelist.count("parquet", {"path": path}))
    assert line == f"{path}: Parquet files need the package pyarrow: pip install pyarrow"


def test_pyarrow_is_imported_only_for_parquet(tmp_path, pixels):
    path = write_tar(tmp_path / "t.tar", {"0.png": packed(pixels[0])})
    lines = (
        "import sys",
        "from harness.images.files import open_images",
        f"open_images('tar', {{'path': {str(path)!r}}}).read([0])",
        "sys.exit('pyarrow' in sys.modules)",
    )
    assert subprocess.run([sys.executable, "-c", "; ".join(lines)], check=False).returncode == 0


# All kinds say the same


def test_one_mixed_set_is_the_same_set_in_every_kind_of_file(tmp_path, pixels):
    images = [pixels[0], pixels[1][:4], pixels[2][:, :3], pixels[3][..., :1]]
    files = {f"{i}.png": packed(image) for i, image in enumerate(images)}
    paths = {
        "folder": write_folder(tmp_path / "f", files),
        "tar": write_tar(tmp_path / "t.tar", files),
        "parquet": write_parquet(tmp_path / "p.parquet", images),
    }
    for kind, path in paths.items():
        source = open_images(kind, {"path": path})
        assert source.shape is None
        found = source.read([3, 1])
        assert found.shapes == [(5, 7, 3), (4, 7, 3)]
        np.testing.assert_array_equal(found[0], np.repeat(images[3], 3, axis=2))
        with pytest.raises(UsageError, match=r"declared 5×7; set `image: any` to allow all sizes"):
            _ = open_images(kind, {"path": path}, expected=(5, 7, 3)).shape
