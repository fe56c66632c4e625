"""What the headers of npz, npy and idx files promise, read without numpy and without the pixels."""

from __future__ import annotations

import ast
import gzip
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from harness.base import PathText, UsageError
from harness.images.formats import zip as archives
from harness.images.formats.facts import Format, PathParameters, SplitRows

# Deflate's best case: a gzip whose header promises more than this times its size is lying.
DEFLATE_RATIO = 1032
CHUNK_BYTES = 1 << 22

_MAX_NPY_HEADER = 10_000
# literal_eval on a hostile header raises most of these; RecursionError is a RuntimeError.
_NO_ARRAY = (*archives.READ_ERRORS, ValueError, SyntaxError, KeyError, TypeError, struct.error, MemoryError, IndexError)
_IDX_TYPES = {0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
_SPELLED = {"i1": "int8", "i2": "int16", "i4": "int32", "f4": "float32", "f8": "float64"}
_LABEL_TYPES = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """Where one array lies and what it is said to hold.

    `member` is the npz entry (None in an idx or npy file), `start` the first data byte in the *unpacked* member or
    file, and `dtype` numpy's spelling. `stored` means that the bytes lie in the file as they are, so that rows can be
    mapped.
    """

    path: Path
    member: str | None
    start: int
    dtype: str
    shape: tuple[int, ...]
    fortran: bool
    stored: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the data, without the header."""
        return math.prod(self.shape) * int(self.dtype[2:])


@dataclass(frozen=True, slots=True)
class ArrayPair:
    """The images of a source and, where asked for, their labels."""

    images: ArrayHeader
    labels: ArrayHeader | None

    @property
    def size(self) -> int:
        """Number of images."""
        return self.images.shape[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every image."""
        height, width, *channels = self.images.shape[1:]
        return height, width, channels[0] if channels else 1


def read_npz(path: Path, *, array: str | None = None, labels: str | None = None) -> ArrayPair:
    """The images (and labels) of an npz file: `array`, else `images`, else the only array that has their shape.

    Raises UsageError where several arrays have it.
    """
    with archives.opened(path) as archive:
        names = _members(archive)
        chosen = array if array is not None else _choose(path, archive, labels)
        images = _npy(path, archive, names, chosen)
        label_header = _npy(path, archive, names, labels) if labels is not None else None
    _check_images(f"{path}: array {chosen!r}", images)
    if label_header is not None:
        _check_labels(f"{path}: array {labels!r}", label_header, images)
    return ArrayPair(images, label_header)


def read_npy(images: Path, *, labels: Path | None = None) -> ArrayPair:
    """The images (and labels) of npy files, one array each."""
    return _of_files(_npy_file, images, labels)


def read_idx(images: Path, *, labels: Path | None = None) -> ArrayPair:
    """The images (and labels) of IDX files, the format of MNIST; `.gz` is unpacked on the way."""
    return _of_files(_idx, images, labels)


def _of_files(read: Callable[[Path], ArrayHeader], images: Path, labels: Path | None) -> ArrayPair:
    header = read(images)
    _check_images(str(images), header)
    label_header = read(labels) if labels is not None else None
    if label_header is not None:
        _check_labels(str(labels), label_header, header)
    return ArrayPair(header, label_header)


def _open_data(header: ArrayHeader) -> tuple[IO[bytes], Callable[[], None]]:
    """The stream of the array's data, past its header, and what closes it."""
    if header.member is None:
        stream = _open_idx(header.path)
        stream.seek(header.start)
        return stream, stream.close
    archive = archives.open_archive(header.path)
    member = archive.open(header.member)
    member.read(header.start)
    return member, archive.close


def read_chunks(header: ArrayHeader, take: Callable[[bytes], Any]) -> None:
    """Hand the array's bytes to `take`, chunk by chunk; UsageError if there are fewer or more than promised."""
    left = header.nbytes
    try:
        stream, close = _open_data(header)
        try:
            while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
                take(chunk)
                left -= len(chunk)
            surplus = not left and bool(stream.read(1))  # the read past the end also makes zip and gzip check their CRC
        finally:
            close()
    except archives.READ_ERRORS as error:
        raise UsageError(f"{header.path}: is truncated or damaged ({error}); download or recreate it") from error
    if left or surplus:
        fault = f"{left:,} bytes fewer" if left else "more bytes"
        raise UsageError(f"{header.path}: holds {fault} than its header promises; download or recreate it")


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {entry.filename.removesuffix(".npy"): entry for entry in archives.members(archive)}


def _choose(path: Path, archive: zipfile.ZipFile, labels: str | None) -> str:
    names = _members(archive)
    if "images" in names:
        return "images"
    others = sorted(name for name in names if name != labels)
    if len(others) == 1:
        return others[0]
    shapes = {name: shape for name in others if len(shape := _glance(archive, names[name])[1]) in (3, 4)}
    if len(shapes) == 1:
        return next(iter(shapes))
    if shapes:
        listed = ", ".join(f"{name!r} ({'×'.join(map(str, shape))})" for name, shape in shapes.items())
        raise UsageError(
            f"{path}: {len(shapes)} arrays have the shape of images, {listed}; choose one with `array` (--array)"
        )
    if {"mu", "sigma"} <= set(names):
        raise UsageError(
            f"{path}: holds the statistics mu and sigma, not images; `harness stats fd {path} "
            "FAKE` computes the Fréchet distance of images to them"
        )
    held = ", ".join(map(repr, others)) or "no array"
    raise UsageError(
        f"{path}: holds {held}, none with the shape of images (n×H×W, n×H×W×C); choose one with `array` (--array)"
    )


def _glance(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[str, tuple[int, ...]]:
    """What numbers a member holds and its shape; "" and () of what is no array of numbers."""
    try:
        with archive.open(entry) as stream:
            _, header = _npy_header(stream)
    except _NO_ARRAY:
        return "", ()
    return (header["descr"][1:], tuple(header["shape"])) if isinstance(header["descr"], str) else ("", ())


def _npy(path: Path, archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], name: str) -> ArrayHeader:
    if name not in names:
        raise UsageError(f"{path}: no array {name!r}; it holds {', '.join(map(repr, sorted(names))) or 'nothing'}")
    entry = names[name]
    try:
        with archive.open(entry) as stream:
            read = _npy_header(stream)
    except _NO_ARRAY as error:
        raise UsageError(
            f"{path}: member {entry.filename!r} is not a readable array ({error}); save it again"
        ) from error
    header = _described(path, entry.filename, f" {name!r}", read, entry.compress_type == zipfile.ZIP_STORED)
    return _measured(header, f" of array {name!r}", "the member", entry.file_size)


def _npy_file(path: Path) -> ArrayHeader:
    try:
        with path.open("rb") as stream:
            read = _npy_header(stream)
        size = path.stat().st_size
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise UsageError(f"{path}: {reason}") from error
    except _NO_ARRAY as error:
        raise UsageError(f"{path}: is not a readable array ({error}); save it again with np.save") from error
    header = _described(path, None, "", read, True)
    return _measured(header, "", "the file", size)


def _described(
    path: Path, member: str | None, name: str, read: tuple[int, dict[str, Any]], stored: bool
) -> ArrayHeader:
    start, header = read
    descr = header["descr"]
    if isinstance(descr, str) and "O" in descr:
        raise UsageError(
            f"{path}: array{name} needs pickle, which can run code; save plain arrays: "
            "np.savez(path, images=np.asarray(images, dtype=np.uint8))"
        )
    if not isinstance(descr, str) or not re.fullmatch(r"[|<>][A-Za-z]\d{1,9}", descr):
        raise UsageError(f"{path}: array{name} is not an array of plain numbers ({str(descr)[:60]!r}); save uint8")
    return ArrayHeader(path, member, start, descr, tuple(header["shape"]), bool(header["fortran_order"]), stored)


def _measured(header: ArrayHeader, name: str, holder: str, size: int) -> ArrayHeader:
    """The header, once its pixels are as many bytes as the file holds."""
    if header.dtype[1:] == "u1" and size != header.start + header.nbytes:
        raise UsageError(
            f"{header.path}: the header{name} promises {header.nbytes:,} bytes of pixels and {holder} holds "
            f"{size - header.start:,}; save it again"
        )
    return header


def _npy_header(stream: IO[bytes]) -> tuple[int, dict[str, Any]]:
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise ValueError("not in numpy's format")
    layout = "<H" if magic[6] == 1 else "<I"
    (length,) = struct.unpack(layout, stream.read(struct.calcsize(layout)))
    if length > _MAX_NPY_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = ast.literal_eval(stream.read(length).decode("latin-1"))
    if not isinstance(header, dict):
        raise ValueError("not in numpy's format")
    shape = header["shape"]
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"shape {shape!r}")
    if not {"descr", "fortran_order"} <= set(header):
        raise ValueError("not in numpy's format")
    return 8 + struct.calcsize(layout) + length, header


def _open_idx(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _idx(path: Path) -> ArrayHeader:
    stored = path.suffix != ".gz"
    try:
        file_bytes = path.stat().st_size
        with _open_idx(path) as stream:
            magic = stream.read(4)
            dimensions = magic[3] if len(magic) == 4 else 0
            raw = stream.read(4 * dimensions)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"{path}: cannot be read as {'IDX' if stored else 'gzipped IDX'} ({reason})") from error
    if magic[:2] != b"\0\0" or len(raw) != 4 * dimensions or not dimensions:
        raise UsageError(f"{path}: is not an IDX file (it must begin with 00 00 08 and the number of dimensions)")
    if magic[2] != 0x08:
        kind = _IDX_TYPES.get(magic[2], "")
        named = f" is {_SPELLED[kind]}," if kind else " is"
        raise UsageError(f"{path}: IDX type 0x{magic[2]:02x}{named} not uint8 (0x08); {uint8_advice(kind or '?')}")
    header = ArrayHeader(path, None, 4 + len(raw), "|u1", struct.unpack(f">{dimensions}I", raw), False, stored)
    promised = header.start + header.nbytes
    if (promised != file_bytes) if stored else (promised > DEFLATE_RATIO * file_bytes):
        raise UsageError(
            f"{path}: its header promises {promised:,} bytes ({'×'.join(map(str, header.shape))}), which its "
            f"{file_bytes:,} bytes do not hold; download or recreate it"
        )
    if promised > archives.SMALL_MEMBER_BYTES and promised > archives.MAX_RATIO * file_bytes:
        raise UsageError(
            f"{path}: would unpack from {file_bytes:,} to {promised:,} bytes, over {archives.MAX_RATIO} times: "
            "refused as a decompression bomb"
        )
    return header


def _check_images(where: str, header: ArrayHeader) -> None:
    shape = header.shape
    if header.dtype[1:] != "u1":
        raise UsageError(f"{where} is {header.dtype}, not uint8; {uint8_advice(header.dtype[1:])}")
    spelled = "×".join(map(str, shape))
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        raise UsageError(f"{where} is {spelled}: one image or {shape[0]}? Save as n×H×W×C")
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        raise UsageError(f"{where} is {spelled}, channels first; save channels last: np.moveaxis(images, 1, -1)")
    if len(shape) == 4 and shape[1] in (1, 3):
        raise UsageError(f"{where} is {spelled}, so the channel axis is ambiguous; save larger images")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise UsageError(f"{where} is {spelled}; allowed: n×H×W grey, n×H×W×1 grey, n×H×W×3 RGB")
    if not math.prod(shape):
        raise UsageError(f"{where} is {spelled}, which holds no image")


def uint8_advice(kind: str) -> str:
    """How to save an array of a NumPy type (`f4`, `i8` …) as uint8, for each scale that it can have."""
    if kind[0] == "b":
        return "save False as 0 and True as 255: x.astype(np.uint8) * 255"
    if kind[0] == "f":
        return (
            "save uint8 by its scale: of [0, 1] (x * 255).round().clip(0, 255).astype(np.uint8), of [-1, 1] "
            "(x * 127.5 + 127.5).round().clip(0, 255).astype(np.uint8), of [0, 255] "
            "x.round().clip(0, 255).astype(np.uint8)"
        )
    if kind == "u2":
        return (
            "save uint8 by its scale: of 0 to 65535 (x / 257).round().astype(np.uint8), of 0 to 255 x.astype(np.uint8)"
        )
    if kind[0] in "iu":
        return "save uint8: of 0 to 255 x.astype(np.uint8), if x.min() and x.max() are in that range"
    return "save the pixels as uint8, 0 to 255"


def _check_labels(where: str, labels: ArrayHeader, images: ArrayHeader) -> None:
    if labels.dtype[1:] not in _LABEL_TYPES or len(labels.shape) != 1:
        spelled = "×".join(map(str, labels.shape))
        raise UsageError(f"{where} is {labels.dtype} of shape {spelled}; labels must be n whole numbers")
    if labels.shape[0] != images.shape[0]:
        raise UsageError(f"{where} holds {labels.shape[0]} labels for {images.shape[0]} images; they must match")


class ArrayParameters(PathParameters):
    """Parameters of the generator `npz`: the file, and which of its arrays where it has several."""

    array: str | None = None


class SplitNpz(SplitRows):
    """A split in an npz: the names of its arrays of images and labels."""

    path: PathText
    array: str | None = None
    labels: str | None = None


class SplitNpy(SplitRows):
    """A split in an npy file; labels are another."""

    path: PathText
    labels: PathText | None = None


class SplitIdx(SplitRows):
    """A split in IDX files, MNIST's format; `.gz` is unpacked."""

    images: PathText
    labels: PathText | None = None


def _npz_listed(parameters: Mapping[str, Any]) -> ArrayPair:
    return read_npz(Path(parameters["path"]), array=parameters.get("array"), labels=parameters.get("labels"))


def _names_inside(parameters: Mapping[str, Any]) -> list[str]:
    with archives.opened(Path(parameters["path"])) as archive:
        return sorted(_members(archive))


def _found_inside(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The array of images that has another name than `images`, and the one that has whole numbers for each of them."""
    path = Path(parameters["path"])
    images = read_npz(path, array=parameters.get("array"), labels=parameters.get("labels")).images
    array = str(images.member).removesuffix(".npy")
    found = {} if array == "images" or parameters.get("array") is not None else {"array": array}
    with archives.opened(path) as archive:
        seen = {name: _glance(archive, entry) for name, entry in _members(archive).items()}
    beside = [name for name, (kind, shape) in seen.items() if kind in _LABEL_TYPES and shape == images.shape[:1]]
    return {**found, **({"labels": beside[0]} if len(beside) == 1 else {})}


def _label_path(parameters: Mapping[str, Any]) -> Path | None:
    return None if parameters.get("labels") is None else Path(parameters["labels"])


def _npy_listed(parameters: Mapping[str, Any]) -> ArrayPair:
    return read_npy(Path(parameters["path"]), labels=_label_path(parameters))


def _idx_listed(parameters: Mapping[str, Any]) -> ArrayPair:
    return read_idx(Path(parameters["images"]), labels=_label_path(parameters))


FORMATS = (
    Format(
        "npz",
        _npz_listed,
        SplitNpz,
        "a NumPy archive for each split",
        ArrayParameters,
        "the images in a NumPy archive",
        suffixes=(".npz",),
        inside="array",
        names=_names_inside,
        found=_found_inside,
    ),
    Format(
        "npy",
        _npy_listed,
        SplitNpy,
        "a NumPy file for each split",
        PathParameters,
        "the images in a NumPy file",
        paths=("path", "labels"),
        suffixes=(".npy",),
    ),
    Format("idx", _idx_listed, SplitIdx, "IDX files, MNIST's format, for each split", paths=("images", "labels")),
)
