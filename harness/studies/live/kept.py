"""Images in memory, written once to the store in a container that every command reads."""

from __future__ import annotations

import io
import os
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from harness.base import UsageError, digest_file, fetched, scheme_of
from harness.images import ImageSet, Mixed

KIND = "given"


@dataclass(frozen=True)
class KeptImages:
    """A file of images (`npy`, or a zip of PNGs where sizes differ), and how many it holds."""

    path: Path
    size: int


def named(given: str | Path) -> Path:
    """The path that a user names, what is at an address (s3://…, hf://…) fetched."""
    return fetched(str(given)) if scheme_of(str(given)) else Path(given)


def keep(parts: Iterator[ImageSet], store: Path, name: str) -> KeptImages:
    """Write a set's images below the store, under the digest of the file; never all in memory.

    Raises UsageError where there is none, and OSError where the disk is full.
    """
    folder = store / KIND
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{os.getpid()}-{uuid.uuid4().hex}"
    try:
        shape, size = _write_array(parts, temporary)
        if not size:
            raise UsageError(f"{name}: holds no images")
        own = digest_file(temporary)
        path = folder / own[:2] / f"{own[2:18]}{'.zip' if shape is None else '.npy'}"
        path.parent.mkdir(exist_ok=True)
        os.replace(temporary, path)
        return KeptImages(path, size)
    finally:
        temporary.unlink(missing_ok=True)


def _write_array(parts: Iterator[ImageSet], path: Path) -> tuple[tuple[int, ...] | None, int]:
    """Write an npy, or a zip once images of several sizes come; the shape of an image (None in a zip), how many."""
    size, shape = 0, None
    with path.open("w+b") as stream:
        for images in parts:
            if not len(images):
                continue
            if shape is None and isinstance(images, np.ndarray):
                shape = images.shape[1:]
                _header(stream, 0, shape)
            if not isinstance(images, np.ndarray) or images.shape[1:] != shape:
                stream.flush()
                return None, _write_zip(path, size, shape, images, parts)
            stream.write(np.ascontiguousarray(images).data)
            size += len(images)
        if shape is not None:
            end = stream.tell()
            stream.seek(0)
            _header(stream, size, shape)
            stream.seek(end)
    return shape, size


def _header(stream: IO[bytes], n: int, shape: tuple[int, ...]) -> None:
    """The header of an npy: as long for any `n`, since numpy leaves room for the first axis to grow."""
    facts = {"descr": "|u1", "fortran_order": False, "shape": (n, *shape)}
    np.lib.format.write_array_header_1_0(stream, facts)  # type: ignore[arg-type]


def _write_zip(
    path: Path, before: int, shape: tuple[int, ...] | None, images: ImageSet, parts: Iterator[ImageSet]
) -> int:
    """Replace an array of `before` images by a zip of PNGs: those, `images`, and all of `parts`; how many."""
    whole = path.with_name(f"{path.name}.zip")
    count = 0
    try:
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:

            def add(image: np.ndarray) -> None:
                nonlocal count
                # Of a fixed date, so that the same images are the same file.
                archive.writestr(zipfile.ZipInfo(f"{count:09d}.png"), _png(image))
                count += 1

            if shape is not None and before:
                with path.open("rb") as stream:
                    np.lib.format.read_magic(stream)
                    np.lib.format.read_array_header_1_0(stream)
                    start = stream.tell()
                for image in np.memmap(path, np.uint8, "r", start, (before, *shape)):
                    add(image)
            for part in (images, *_rest(parts)):
                for image in part:
                    add(image)
        os.replace(whole, path)
    finally:
        whole.unlink(missing_ok=True)
    return count


def _rest(parts: Iterator[ImageSet]) -> Iterator[Any]:
    for part in parts:
        yield part.held() if isinstance(part, Mixed) else part


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(packed, "PNG", compress_level=1)
    return packed.getvalue()
