"""Image files that Pillow reads to their end though half of the picture is missing."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from harness.images.decode import _ADAM7, UnusableError, decode, header
from harness.images.files import open_images

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (40, 37, 3), np.uint8)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *, interlaced: int = 0) -> bytes:
    """A PNG of these rows, checksums right, its data in two chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    data = zlib.compress(rows)
    parts = chunk(b"IDAT", data[:9]) + chunk(b"IDAT", data[9:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + parts + chunk(b"IEND", b"")


# name: bits of a pixel, depth, colour type; the last byte of a row is never 0
KINDS = {"grey": (8, 8, 0), "RGB": (24, 8, 2), "palette": (4, 4, 3), "bits": (1, 1, 0), "RGBA": (32, 8, 6)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("black", [False, True], ids=["", "black at the end"])
def test_a_png_with_fewer_rows_than_it_promises_is_refused_and_a_whole_one_taken(kind, black):
    bits, depth, colour = KINDS[kind]
    width, height = 16, 12
    length = width * bits // 8
    body = b"\x11" * (length - 1) + b"\x33"
    row = b"\0" + (body if bits != 32 else b"\x11\x22\x33\xff" * width)
    last = b"\0" + (bytes(length) if bits != 32 else b"\0\0\0\xff" * width)
    rows = row * (height - 1) + (last if black else row)
    whole = decode(png(width, height, depth, colour, rows))
    assert whole.shape[:2] == (height, width)
    assert whole[:-1].any()
    for left in (len(row) * height // 2, len(rows) - len(row), len(rows) - 1, 0):
        with pytest.raises(UnusableError, match=r"is damaged|is truncated or damaged"):
            decode(png(width, height, depth, colour, rows[:left]))


def test_an_interlaced_png_is_counted_pass_by_pass():
    pixels = RNG.integers(1, 256, (11, 9), np.uint8)
    rows = b"".join(
        b"\0" + row.tobytes() for left, top, across, down in _ADAM7 for row in pixels[top::down, left::across]
    )
    assert np.array_equal(decode(png(9, 11, 8, 0, rows, interlaced=1))[..., 0], pixels)
    with pytest.raises(UnusableError, match="bytes of pixels where its size needs"):
        decode(png(9, 11, 8, 0, rows[:-10], interlaced=1))


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


FORMS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "comment": {"comment": b"\xff\xd9"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_jpeg_that_is_closed_in_its_middle_is_refused(form):
    content = jpeg(**FORMS[form])
    assert decode(content).shape == NOISE.shape
    start = content.index(b"\xff\xda") + 20
    middle = start + (len(content) - start) // 2
    while content[middle - 1] == 0xFF:
        middle += 1
    with pytest.raises(UnusableError, match="data continue after the end marker"):
        decode(content[:middle] + b"\xff\xd9" + content[middle:])
    with pytest.raises(UnusableError, match="data continue after the end marker"):
        decode(content[:middle] + b"\xff\xd9" + content[middle + 2 :])


@pytest.mark.parametrize("tail", [b"\0" * 9, b"a program's note", jpeg(), b"preview" + jpeg() + b"\0"], ids=range(4))
def test_what_programs_put_behind_a_jpeg_is_no_damage(tail):
    assert np.array_equal(decode(jpeg() + tail), decode(jpeg()))


# ---------------------------------------------------------------- pixels decide


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segment(marker: int, content: bytes) -> bytes:
    """The JPEG with one segment more behind its start."""
    plain = jpeg()
    return plain[:2] + segment(marker, content) + plain[2:]


def exif(entries: int, *, orientation: int = 1) -> bytes:
    """An EXIF block that promises so many entries and holds one, the orientation."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, entries) + entry


def tiff(*tags: tuple[int, int, list[int]]) -> bytes:
    """An uncompressed grey TIFF, 37×40; `tags` are (number, type 3 or 4, values) and replace its own."""
    pixels = NOISE[..., 0].tobytes()
    own = {256: (3, [37]), 257: (3, [40]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 273: (4, [8]), 277: (3, [1])}
    own |= {278: (3, [40]), 279: (4, [len(pixels)])} | {number: (kind, values) for number, kind, values in tags}
    directory, beyond = b"", b""
    start = 8 + len(pixels)
    for number, (kind, values) in sorted(own.items()):
        packed = b"".join(struct.pack("<H" if kind == 3 else "<I", value) for value in values)
        if len(packed) > 4:
            where = start + 2 + 12 * len(own) + 4 + len(beyond)
            beyond += packed
            packed = struct.pack("<I", where)
        directory += struct.pack("<HHI", number, kind, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", start) + pixels + struct.pack("<H", len(own)) + directory + b"\0" * 4 + beyond


MPF = b"MPF\0MM\0*" + struct.pack(">IHHHI", 8, 3, 0xB000, 7, 4) + b"0100"  # an index that breaks off

BROKEN_BESIDE = {
    "EXIF cut": (with_segment(0xE1, exif(3)), "Corrupt EXIF data"),
    "EXIF no EXIF": (with_segment(0xE1, b"Exif\0\0rubbish, not a TIFF"), None),
    "MPF index broken": (with_segment(0xE2, MPF), "Corrupt EXIF data"),
}


@pytest.mark.parametrize("name", ["EXIF cut", "EXIF no EXIF", "MPF index broken"])
def test_a_jpeg_with_broken_metadata_has_the_pixels_of_the_same_one_without(name):
    content, flaw = BROKEN_BESIDE[name]
    assert np.array_equal(decode(content), decode(jpeg()))
    assert flaw is None or flaw in header(io.BytesIO(content)).flaw
    assert header(io.BytesIO(jpeg())).flaw is None


def test_an_orientation_before_the_cut_of_an_exif_block_counts():
    with pytest.raises(UnusableError, match="has EXIF orientation 6"):
        decode(with_segment(0xE1, exif(3, orientation=6)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tail", [b"\xff\xd9", b"\xff\xd9\xff\xd9", b"a note\xff\xd9", b"\0\xff\xd9"])
def test_a_second_end_mark_is_no_damage(form, tail):
    content = jpeg(**FORMS[form])
    assert np.array_equal(decode(content + tail), decode(content))
    with pytest.raises(UnusableError, match="truncated or damaged"):
        decode(content[:-200])  # rows that are not there are, whatever marks follow


def test_a_tiff_tag_with_two_values_is_read_unless_it_decides_pixels():
    whole = decode(tiff())
    assert np.array_equal(whole[..., 0], NOISE[..., 0])
    twice = tiff((274, 3, [1, 1]))
    assert np.array_equal(decode(twice), whole)
    assert "tag 274 had too many entries" in header(io.BytesIO(twice)).flaw
    for number, values in ((256, [37, 20]), (277, [1, 3])):
        with pytest.raises(UnusableError, match=f"tag {number} had too many entries"):
            decode(tiff((number, 3, values)))


def test_a_wrong_checksum_beside_a_pngs_pixels_is_no_damage_and_one_in_them_is():
    rows = b"".join(b"\0" + row.tobytes() for row in NOISE)
    plain = png(37, 40, 8, 2, rows)
    note = bytearray(chunk(b"tEXt", b"Comment\0made by"))
    note[-1] ^= 1
    for place in (33, len(plain) - 12):  # before the pixels, behind them
        content = plain[:place] + bytes(note) + plain[place:]
        assert np.array_equal(decode(content), NOISE)
        if place == 33:
            assert header(io.BytesIO(content)).flaw == "a chunk beside the pixels has a wrong checksum"
    for kind in (b"IDAT", b"IHDR", b"IEND"):
        wrong = bytearray(plain)
        start = plain.index(kind)
        wrong[start + 4 + int.from_bytes(plain[start - 4 : start], "big")] ^= 1
        with pytest.raises(UnusableError):
            decode(bytes(wrong))


def test_files_with_broken_metadata_are_read_and_counted_in_one_line(tmp_path):
    for number, content in enumerate((jpeg(), BROKEN_BESIDE["EXIF cut"][0], BROKEN_BESIDE["MPF index broken"][0])):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    source = open_images("folder", {"path": str(tmp_path)})
    with pytest.warns(
        UserWarning, match=r"2 of 3 files have damage outside their pixels .* such as '1.jpg' \(Corrupt EXIF"
    ) as said:
        images = source.read(range(3))
    assert len(said) == 1
    assert np.array_equal(images, np.stack([decode(jpeg())] * 3))
