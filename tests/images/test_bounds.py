"""Archives that promise more than memory holds are refused before it is asked for."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import zipfile

import pytest
from PIL import Image

from harness.base import UsageError
from harness.images.captions import read_table
from harness.images.decode import MAX_SCANS, UnusableError, decode
from harness.images.formats import tar
from harness.images.formats.arrays import read_idx, read_npy
from harness.images.formats.parquet import check_rows, read_parquets
from harness.images.formats.parquetfooter import column_bytes
from harness.images.formats.zip import MAX_DIRECTORY_BYTES, opened
from harness.studies.statistics import npz


def test_a_zip_with_a_list_of_members_beyond_memory_is_refused_unread(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"x")
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\5\6")
    struct.pack_into("<I", content, end + 12, MAX_DIRECTORY_BYTES + 1)
    path.write_bytes(content)
    with pytest.raises(UsageError, match="its list of members has 268,435,457 bytes"), opened(path):
        pass


def test_a_wide_list_of_members_counts_too(tmp_path):
    path = tmp_path / "wide.zip"
    wide = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, 0, 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(wide + locator + end)
    with pytest.raises(UsageError, match="its list of members has 1,099,511,627,776 bytes"), opened(path):
        pass


def test_a_tar_of_more_members_than_any_shard_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tar, "MAX_MEMBERS", 2)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("a.png", "b.png", "c.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    with pytest.raises(UsageError, match="holds more than 2 members"):
        tar.read_tars(tmp_path / "a.tar")


def test_a_row_group_that_unpacks_a_thousandfold_is_refused(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    zeros = arrow.array([bytes(1 << 20)] * 300, arrow.binary())
    parquet.write_table(arrow.table({"image": zeros}), tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    listed = read_parquets(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="refused as a decompression bomb"):
        listed.members.read("row 0")


def test_statistics_that_unpack_a_thousandfold_are_refused(tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setattr(npz, "MOST_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", mu=np.zeros(1000), sigma=np.zeros((1000, 1000)))
    with pytest.raises(UsageError, match="refused as a decompression bomb"):
        npz.read(tmp_path / "a.npz")


def test_a_gzipped_idx_that_unpacks_a_hundredfold_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "i.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\3" + struct.pack(">3I", 1, 9000, 9000) + b"\0" * (9000 * 9000)))
    with pytest.raises(UsageError, match=r"would unpack from .* refused as a decompression bomb"):
        read_idx(path)


def test_a_type_of_endless_digits_in_an_npy_is_one_sentence(tmp_path):
    path = tmp_path / "a.npy"
    header = f"{{'descr': '|u{'9' * 5000}', 'fortran_order': False, 'shape': (1, 6, 6, 3)}}\n".encode()
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)
    with pytest.raises(UsageError, match="is not an array of plain numbers"):
        read_npy(path)


def test_a_cell_that_csv_does_not_take_is_one_sentence(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(f'file_name,prompt\n0.png,"{"x" * 140_000}"\n')
    with pytest.raises(UsageError, match=r"p\.csv:2: cannot be read as prompts"):
        list(read_table(path))


@pytest.mark.parametrize("groups", [[2_000_000], [-1, 3]])
def test_rows_that_a_file_of_its_size_cannot_hold_are_refused(tmp_path, groups):
    path = tmp_path / "p.parquet"
    path.write_bytes(b"x" * 1000)
    check_rows(path, [1_000_000])
    with pytest.raises(UsageError, match=r"promises .* rows in 1,000 bytes"):
        check_rows(path, groups)


def progressive(size, scans):
    """A JPEG with its last scan repeated until it has so many."""
    stream = io.BytesIO()
    Image.new("RGB", (size, size)).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    last = content[content.rfind(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_whose_scans_would_take_minutes_is_refused_and_a_progressive_one_is_not():
    assert decode(progressive(16, 10)).shape == (16, 16, 3)
    with pytest.raises(UnusableError, match="has 201 scans of 16×16 pixels"):
        decode(progressive(16, MAX_SCANS + 1))
    with pytest.raises(UnusableError, match="has 150 scans of 4000×4000 pixels"):
        decode(progressive(4000, 150))


def test_a_gif_of_many_frames_is_refused_before_they_are_counted():
    stream = io.BytesIO()
    frames = [Image.new("L", (1, 1), level) for level in range(3)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    content = stream.getvalue()
    one = content[content.rfind(b"\x21\xf9") : -1]
    began = time.process_time()
    with pytest.raises(UnusableError, match="holds several frames"):
        decode(content[:-1] + one * 100_000 + b";")
    assert time.process_time() - began < 0.2  # counting them takes three times as long


def test_sizes_of_parquet_columns_are_those_that_pyarrow_says(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    images = [{"bytes": b"x" * (i % 50), "path": str(i)} for i in range(600)]
    columns = {"image": images, "score": [i / 7 for i in range(600)], "tags": [["a", str(i)] for i in range(600)]}
    for how in ({"row_group_size": 20}, {"version": "1.0", "write_statistics": False, "compression": "gzip"}):
        parquet.write_table(pyarrow.table(columns), path, **how)
        facts = parquet.ParquetFile(path).metadata
        for group in range(facts.num_row_groups):
            parts = [facts.row_group(group).column(i) for i in range(facts.num_columns)]
            for name in columns:
                own = [part for part in parts if part.path_in_schema.partition(".")[0] == name]
                packed = sum(part.total_compressed_size for part in own)
                assert column_bytes(path, group, name) == (packed, sum(part.total_uncompressed_size for part in own))
