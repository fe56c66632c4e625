"""One image file → uint8 (H, W, 1 or 3), or the reason why its pixels would be somebody's guess.

Decoded as they stand: 8-bit grey and RGB; 1-bit (0 and 255) and palettes, whose conversion loses nothing. An alpha
channel is dropped where it is opaque throughout. Embedded colour profiles and gamma are ignored, as every published
metric pipeline does. Everything else is refused: 16-bit and float pixels, CMYK and other colour spaces, real
transparency, several frames or pages, an EXIF orientation, and damage that shows: files cut short, wrong checksums, a
PNG with fewer rows than it promises, a JPEG whose data go on behind its end. Bytes changed inside the data of a JPEG,
which has no checksum, or one that somebody closed too early give other pixels that nothing tells from a picture.

Pixels decide: where only what is written about a picture is broken (a cut EXIF block, the index of a camera's preview,
a second end mark, a TIFF tag with two values), it is read, and `header` says what is broken.
"""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
MAX_FILE_BYTES = 512 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 89_478_485  # Pillow's own limit, kept even where a program has lifted it
# Every scan of a progressive JPEG goes over all of its pixels again: encoders write about ten.
MAX_SCANS, MAX_SCANNED = 200, 20 * MAX_PIXELS

_CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3}
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
# In the data of a scan FF stands before 00, before a restart marker, or alone; any other pair begins something new.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
# Left, top and distance of the pixels of each pass of an interlaced PNG (PNG 3rd edition, 8.1).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type (PNG 3rd edition, 11.2.1)
# TIFF tags without which the pixels are not what they were: sizes, samples, compression, strips, tiles, colours.
_TIFF_PIXELS = {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 530}
_LOADING = threading.RLock()


class UnusableError(ValueError):
    """Why one file cannot be taken as an image, worded to follow the file's name."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself, and in `flaw` what is broken in it that leaves its pixels whole."""

    height: int
    width: int
    channels: int
    flaw: str | None = None


def header(stream: IO[bytes]) -> Header:
    """Size and channels of an image, from its header; raises UnusableError for what the header already rules out.

    A PNG's orientation is left to `decode`: it may stand behind the pixels.
    """
    try:
        return _header(stream, None)
    except UnusableError:
        stream.seek(0)
        content = stream.read(MAX_FILE_BYTES)
        if not content.startswith(_PNG) or (whole := _without_broken_notes(content)) == content:
            raise
        return _header(io.BytesIO(whole), "a chunk beside the pixels has a wrong checksum")


def _header(stream: IO[bytes], flaw: str | None) -> Header:
    with _strictly() as said, _opened(stream) as image:
        _check_header(image)
        if image.format != "PNG":
            _check_orientation(image)
        flaw = flaw or _flaw(image.format, said)
        return Header(image.height, image.width, _CHANNELS[image.mode], flaw)


def decode(content: bytes) -> np.ndarray:
    """The pixels of one image file, uint8 (H, W, C); raises UnusableError."""
    if not content:
        raise UnusableError("is empty (0 bytes); delete or recreate it")
    if content.startswith(_PNG):
        content = _without_broken_notes(content)
    with _strictly() as said, _opened(io.BytesIO(content)) as image:
        _check_ending(image.format, content)
        _check_header(image)
        _check_orientation(image)  # before load(), which turns a TIFF by itself
        if image.format == "JPEG":
            _check_scans(image, content)
        image.load()
        _flaw(image.format, said)
        _check_rows(image, content)
        pixels = _pixels(image)
        if image.format == "JPEG" and (end := _early_end(content)) is not None:
            _check_goes_on(content[:end] + content[end + 2 :], pixels)
        return pixels


def _check_ending(format: str | None, content: bytes) -> None:
    """Refuse files that stop early or are damaged where Pillow, which has its pixels by then, does not look."""
    if format == "GIF" and not content.rstrip(b"\0\r\n").endswith(b";"):
        raise UnusableError("is truncated (no GIF trailer); recreate it")
    if format == "PNG":
        position, kind = 8, b""
        while kind != b"IEND":
            length = int.from_bytes(content[position : position + 4], "big")
            kind = content[position + 4 : position + 8]
            end = position + 8 + length
            if len(content) < end + 4:
                raise UnusableError("is truncated (no end of PNG); recreate it")
            if zlib.crc32(content[position + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
                raise UnusableError(f"is damaged (wrong checksum of its {kind!r}); recreate it")
            position = end + 4


def _without_broken_notes(content: bytes) -> bytes:
    """A PNG without the chunks of wrong checksum that hold no pixels: their names begin with a small letter.

    Transparency (tRNS) counts with the pixels.
    """
    kept, position = [content[:8]], 8
    while position + 12 <= len(content):
        end = position + 12 + int.from_bytes(content[position : position + 4], "big")
        chunk = content[position:end]
        beside = chunk[4:5].islower() and chunk[4:8] != b"tRNS" and len(chunk) == end - position
        if not (beside and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big")):
            kept.append(chunk)
        position = end
    kept.append(content[position:])
    whole = b"".join(kept)
    return content if len(whole) == len(content) else whole


def _flaw(format: str | None, said: Sequence[warnings.WarningMessage]) -> str | None:
    """What Pillow found broken beside the pixels, None for nothing; raises UnusableError where it decides pixels."""
    flaws = [" ".join(str(each.message).split()) for each in said if issubclass(each.category, UserWarning)]
    for flaw in flaws if format == "TIFF" else ():
        tag = re.search(r"tag (\d+)", flaw)
        if tag is None or int(tag[1]) in _TIFF_PIXELS:
            raise UnusableError(f"is truncated or damaged ({flaw}); recreate it")
    return flaws[0] if flaws else None


def _check_scans(image: Image.Image, content: bytes) -> None:
    """Refuse a JPEG whose scans would take minutes: in data FF DA stands nowhere, in notes of programs hardly ever."""
    scans = content.count(b"\xff\xda")
    if scans > MAX_SCANS or (scans > 1 and scans * image.width * image.height > MAX_SCANNED):
        size = f"{image.width}×{image.height}"
        raise UnusableError(f"has {scans:,} scans of {size} pixels: a decompression bomb? Save it as a baseline JPEG")


def _check_goes_on(joined: bytes, pixels: np.ndarray) -> None:
    """Refuse a JPEG of which more is seen once its first end mark is taken out: that one came too early."""
    try:
        with Image.open(io.BytesIO(joined), formats=("JPEG",)) as image:
            seen = np.asarray(image)
    except Exception:
        seen = np.empty(0)
    if not np.array_equal(seen.reshape(-1), pixels.reshape(-1)):
        raise UnusableError("is damaged (data continue after the end marker); recreate it")


def _early_end(content: bytes) -> int | None:
    """Where a JPEG's first end mark stands if the rest of its data may follow, and no picture or program's note."""
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:  # between two segments or scans: Pillow looks for the next marker, and so do we
            return None
        marker = content[position + 1]
        if marker == 0xD9:
            rest = content[position + 2 :].strip(b"\0")
            # Data hold no FF D8: where it stands, another picture begins, such as a camera's preview.
            return position if rest.endswith(b"\xff\xd9") and b"\xff\xd8" not in rest else None
        if marker == 0xFF:
            position += 1
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if marker == 0xDA:
            following = _JPEG_MARKER.search(content, position)
            if following is None:
                return None
            position = following.start()
    return None


def _check_rows(image: Image.Image, content: bytes) -> None:
    """Refuse a PNG whose data end before its last row; Pillow leaves the rows that are missing at zero."""
    if image.format != "PNG":
        return
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    if not interlaced and np.asarray(image.crop((0, height - 1, width, height))).any():
        return  # the last row is there: unpacking all of them a second time would cost half as much as decoding
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    promised = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            promised += rows * (1 + -(-columns * depth * _PNG_SAMPLES[colour] // 8))
    held = _inflated(content, promised)
    if held < promised:
        raise UnusableError(f"is damaged ({held:,} bytes of pixels where its size needs {promised:,}); recreate it")


def _inflated(content: bytes, limit: int) -> int:
    """How many bytes the data of a PNG unpack to, counted up to `limit`."""
    stream, count, position = zlib.decompressobj(), 0, 8
    while position + 8 <= len(content) and count < limit:
        length = int.from_bytes(content[position : position + 4], "big")
        packed = (
            content[position + 8 : position + 8 + length] if content[position + 4 : position + 8] == b"IDAT" else b""
        )
        while packed and count < limit:
            count += len(stream.decompress(packed, 1 << 20))
            packed = stream.unconsumed_tail
        position += length + 12
    return count


def _check_header(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UnusableError(f"has {image.width}×{image.height} pixels, over {MAX_PIXELS:,}: a decompression bomb?")
    if image.format == "GIF":  # whose frames would have to be gone through to be counted
        frames = "several" if getattr(image, "is_animated", False) else ""
    else:
        frames = str(count) if (count := getattr(image, "n_frames", 1)) > 1 else ""
    if frames:
        raise UnusableError(f"holds {frames} frames or pages; save the one you mean as its own file")
    depth = _unusual_depth(image)
    if depth is not None:
        raise UnusableError(
            f"is not 8 bits per channel ({depth}): scaling it silently would change the score; "
            "convert it to 8 bits yourself"
        )
    if image.mode not in _CHANNELS:
        raise UnusableError(
            f"is {image.mode}, not grey or RGB: the score would depend on a colour profile; convert it to sRGB, e.g. "
            "with PIL.ImageCms or `magick in -profile … -colorspace sRGB out.png`"
        )


def _unusual_depth(image: Image.Image) -> str | None:
    """Pillow's word for pixels that are not 8-bit in the file, though it would open some of them as RGB."""
    if image.mode in _DEEP_MODES:
        return image.mode
    for tile in getattr(image, "tile", ()):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        raw = str(arguments[0]) if arguments else ""
        if ";16" in raw or ";32" in raw or ";15" in raw:
            return raw
        if tile.codec_name in ("ppm", "ppm_plain") and len(arguments) > 1 and arguments[1] != 255:
            return f"maxval {arguments[1]}"
    bits = getattr(image, "tag_v2", {}).get(258, (8,))  # TIFF BitsPerSample, for codecs that hide it in the tile
    if max(bits if isinstance(bits, tuple) else (bits,)) > 8:
        return f"{max(bits)} bits"
    return None


def _check_orientation(image: Image.Image) -> None:
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # an EXIF block that is none, of which Pillow says it in almost any way
        if image.format == "TIFF":  # whose tags are the pixels' too
            raise
        warnings.warn("its EXIF block cannot be read", stacklevel=1)
        return
    if orientation not in (0, 1):  # 0 is "unknown": no viewer turns it
        raise UnusableError(
            f"has EXIF orientation {orientation}: viewers rotate it but metric tools do not; rotate the pixels "
            "(`mogrify -auto-orient`) or strip the tag (`exiftool -Orientation=`)"
        )


def _pixels(image: Image.Image) -> np.ndarray:
    if image.has_transparency_data:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 255:
            raise UnusableError(
                "is partly transparent, so the background decides the score; flatten it onto the one you mean"
            )
        image.info.pop("transparency", None)
    wanted = "L" if _CHANNELS[image.mode] == 1 else "RGB"
    pixels = np.array(image if image.mode == wanted else image.convert(wanted))
    return pixels[..., None] if pixels.ndim == 2 else pixels


@contextmanager
def _opened(stream: IO[bytes]) -> Iterator[Image.Image]:
    """The image in `stream`, any fault of the file turned into UnusableError."""
    try:
        with Image.open(stream, formats=FORMATS) as image:
            yield image
    except (UnusableError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnusableError(
            f"is not an image in a known format ({', '.join(FORMATS)}); delete or replace it"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusableError(f"has over {MAX_PIXELS:,} pixels: a decompression bomb?") from error
    except Exception as error:  # Pillow's readers answer damage with almost any exception
        raise UnusableError(f"is truncated or damaged ({' '.join(str(error).split())}); recreate it") from error


@contextmanager
def _strictly() -> Iterator[list[warnings.WarningMessage]]:
    """Pillow with its leniencies off, whatever the rest of the program has switched on: half a picture is an error.

    What it warns of meanwhile is in the list. The switches are global to the process, hence the lock.
    """
    with _LOADING, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield said
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient
