"""Folders of Hugging Face's `save_to_disk` as image sets; its layout is written here, as datasets 3.x leaves it."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest

from harness.benchmark.given import kind_of
from harness.images import listing as imagelist
from harness.images.files import open_images
from tests.images.test_arrays_and_parquet import write_parquet
from tests.images.test_files import packed, the_line

IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def write_arrow(path, images, *, labels=None, batch=2, stream=True):
    rows = [{"bytes": packed(image), "path": None} for image in images]
    columns = {"image": pa.array(rows, IMAGE)}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
    table = pa.table(columns)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return path


def save_to_disk(folder, shards, *, labels=None, **state):
    """`shards` are counts of images; the order of the files is that of state.json, not of their names."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{len(shards):05d}.arrow" for i in range(len(shards))]
    for name, shard, own in zip(names, shards, labels or [None] * len(shards), strict=True):
        write_arrow(folder / name, shard, labels=own)
    files = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_split": "train"}
    (folder / "state.json").write_text(json.dumps(files | state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_a_saved_set_gives_its_rows_in_the_order_of_its_state(tmp_path, pixels):
    folder = save_to_disk(tmp_path / "set", [pixels[:3], pixels[3:3], pixels[3:]], labels=[[0, 1, 2], [], [3, 4, 5]])
    source = open_images("arrow", {"path": folder, "labels": "label"})
    assert source.size == imagelist.count("arrow", {"path": folder}) == 6
    np.testing.assert_array_equal(source.read([5, 0, 5, 3]), pixels[[5, 0, 5, 3]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read([1]), pixels[[1]])
    assert source.labels.tolist() == list(range(6))
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    assert open_images("arrow", {"path": folder, "labels": "label"}).labels.tolist() == [3, 4, 5, 0, 1, 2]
    assert kind_of(folder) == "arrow"
    assert kind_of(tmp_path) == "folder"


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_files_by_name_in_either_format_are_the_same_set_as_parquet(tmp_path, pixels, stream):
    write_arrow(tmp_path / "p-0.arrow", pixels[:2], labels=[0, 1], stream=stream)
    write_arrow(tmp_path / "p-1.arrow", pixels[2:], labels=[2, 3, 4, 5], batch=3, stream=stream)
    parts = f"{tmp_path}/p-{{0..1}}.arrow"
    parquet = write_parquet(tmp_path / "p.parquet", pixels, labels=range(6))
    digests = [
        imagelist.content_digest(kind, {"path": path, "labels": "label"})
        for kind, path in (("arrow", parts), ("parquet", parquet))
    ]
    assert digests[0] == digests[1]
    np.testing.assert_array_equal(open_images("arrow", {"path": parts}).read(range(6)), pixels)


def test_what_is_no_saved_set_is_said_in_one_line(tmp_path, pixels):
    def line(path, **parameters):
        return the_line(lambda: open_images("arrow", {"path": path, **parameters}))

    folder = save_to_disk(tmp_path / "all/train", [pixels], labels=[range(6)])
    (tmp_path / "all/dataset_dict.json").write_text('{"splits": ["train"]}')
    assert "holds the splits train; give the folder of one" in line(tmp_path / "all")
    assert kind_of(tmp_path / "all") == "arrow"
    (tmp_path / "empty").mkdir()
    assert "has no state.json from save_to_disk" in line(tmp_path / "empty")
    (tmp_path / "empty/dataset_dict.json").write_text("{}")
    assert "holds no split" in line(tmp_path / "empty")
    assert "no column 'img'; it has 'image', 'label'" in line(folder, column="img")
    assert "column 'label' is int64; expected encoded images" in line(folder, column="label")
    assert "no column 'class' of labels" in line(folder, labels="class")
    assert "holds no rows" in line(save_to_disk(tmp_path / "none", [pixels[:0]]))
    chosen = save_to_disk(tmp_path / "chosen", [pixels], _indices_data_files=[{"filename": "indices.arrow"}])
    assert "flatten_indices()" in line(chosen)
    for text, words in (
        ("{", "cannot be read as"),
        ('{"_data_files": [{"filename": "../x.arrow"}]}', "names '../x.arrow'"),
    ):
        (tmp_path / "chosen/state.json").write_text(text)
        assert words in line(chosen)
    data = folder / "data-00000-of-00001.arrow"
    whole = data.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not arrow at all", packed(pixels[0])):
        data.write_bytes(damaged)
        assert f"{data}: is not a readable Arrow file" in line(folder)
    data.unlink()
    assert f"{data}: does not exist" in line(folder)
