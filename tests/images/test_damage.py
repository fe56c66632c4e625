"""Image files that Pillow reads to their end though half of the picture is missing."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from harness.images.decode import _ADAM7, UnusableError, decode

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
    with pytest.raises(UnusableError, match="its data go on behind an end mark"):
        decode(content[:middle] + b"\xff\xd9" + content[middle:])
    with pytest.raises(UnusableError, match="its data go on behind an end mark"):
        decode(content[:middle] + b"\xff\xd9" + content[middle + 2 :])


@pytest.mark.parametrize("tail", [b"\0" * 9, b"a program's note", jpeg(), b"preview" + jpeg() + b"\0"], ids=range(4))
def test_what_programs_put_behind_a_jpeg_is_no_damage(tail):
    assert np.array_equal(decode(jpeg() + tail), decode(jpeg()))
