"""A folder of image files, searched with its subfolders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from harness.base import PathText, UsageError
from harness.images.formats.facts import Format, Level, PathParameters, SplitRows
from harness.images.formats.names import FileList, file_list, sort_out, spelled

TEXT_SUFFIX = ".txt"


class SplitFiles(SplitRows):
    """A split in a folder or zip; labels are the folders that its files lie in, or there are none.

    level  which folder is the label: 1 the first below `path`, -1 the one that holds the file; the whole path without
    """

    path: PathText
    labels: Literal["folders"] | None = None
    level: Level = None

    @model_validator(mode="after")
    def _level_of_folders(self) -> Self:
        if self.level is not None and self.labels != "folders":
            raise ValueError("level needs `labels: folders`")
        return self


def listed(parameters: Mapping[str, Any]) -> FileList:
    """The image files below a folder, in the code-point order of their relative paths."""
    path = Path(parameters["path"])
    return file_list(
        "folder", path, *sort_out(path, walk(path)), labels=parameters.get("labels"), level=parameters.get("level")
    )


def walk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Every file below `folder` as (relative path, problem or None); links are followed, but never in a circle."""
    try:
        status = os.stat(folder)
    except OSError as error:
        raise UsageError(f"{folder}: {spelled(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{folder}: is a file, expected a folder of images (for a zip, `use: zip`)")
    pending = [("", frozenset({(status.st_dev, status.st_ino)}))]
    while pending:
        prefix, above = pending.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                found = list(entries)
        except OSError as error:
            if not prefix:
                raise UsageError(f"{folder}: cannot be listed ({spelled(error)})") from error
            yield prefix, f"cannot be listed ({spelled(error)})"
            continue
        for entry in found:
            name = prefix + entry.name
            try:
                if entry.is_file():
                    yield name, None
                elif entry.is_dir():
                    status = entry.stat()
                    identity = (status.st_dev, status.st_ino)
                    if identity in above:
                        yield name, "is a link to a folder above it; remove the link"
                    else:
                        pending.append((name + "/", above | {identity}))
                else:
                    yield name, "is a broken link or no regular file; remove it"
            except OSError as error:  # a link to itself, or a folder that may not be entered
                yield name, f"cannot be opened ({spelled(error)})"


def beside(held: FileList, _: Mapping[str, Any], __: str | None) -> list[str | None] | None:
    """What the `.txt` file of each image's name says; None where no image has one."""
    found: list[str | None] = []
    for name in held.names:
        path = (held.path / name).with_suffix(TEXT_SUFFIX)
        try:
            found.append(path.read_text(encoding="utf-8").strip() or None)
        except FileNotFoundError:
            found.append(None)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read as a prompt: {error}") from None
    return found if any(found) else None


FORMATS = (
    Format(
        "folder",
        listed,
        SplitFiles,
        "folders of images, one per split",
        PathParameters,
        "the images in a folder",
        class_folders=True,
        texts=beside,
    ),
)
