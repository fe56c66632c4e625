"""Images in tar files, such as WebDataset's shards: listed once, then read where they lie; nothing is unpacked to disk.

The images of a shard come in the code-point order of their names, shards in the order given. A sample of WebDataset is
the files of one shard that share a name up to the first dot of its last part; `.cls` is the file of its class.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from harness.base import Paths, UsageError
from harness.images.formats.facts import Format, Level, ShardParameters, SplitRows
from harness.images.formats.names import MAX_LABEL, FileList, class_labels, refuse, sort_out, spelled
from harness.images.formats.shards import is_folder_of, shard_files, spelling

BLOCK = 512
SUFFIX = ".tar"
LABEL_SUFFIX = ".cls"
TEXT_SUFFIX = ".txt"
MAX_LABEL_BYTES = 64
MAX_MEMBERS = 5_000_000  # of one shard; each costs a kilobyte of memory
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"\x28\xb5": "zstd"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member's bytes lie."""

    shard: Path
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class TarMembers:
    """The bytes of tar members by name."""

    places: Mapping[str, Place]

    def read(self, name: str) -> bytes:
        """The bytes of one member; raises ValueError with the reason."""
        place = self.places[name]
        try:
            with place.shard.open("rb") as stream:
                stream.seek(place.start)
                content = stream.read(place.size)
        except OSError as error:
            raise ValueError(f"cannot be read ({spelled(error)})") from error
        if len(content) != place.size:
            raise ValueError(f"is damaged in the archive ({len(content)} bytes where it declares {place.size})")
        return content


def read_tars(path: str | Path | Sequence[str], *, labels: str | None = None, level: int | None = None) -> FileList:
    """The images of one tar or of several (a list, a brace pattern, a folder), with labels or without.

    Labels are of `folders` or of `cls` files. Names are those inside the tar, after the shard's own name where there
    are several. Raises UsageError for what is no tar, is compressed or cut short, and for members that are no regular
    files, climb out or share a name.
    """
    where, files = spelling(path), shard_files(path, SUFFIX)
    names: list[str] = []
    places: dict[str, Place] = {}
    problems: list[tuple[str, str]] = []
    for shard in files:
        found = _members(shard)
        images, faults = sort_out(shard, ((name, None) for name in found), side=(LABEL_SUFFIX,))
        _check_samples(shard, images)
        prefix = f"{shard.name}/" if len(files) > 1 else ""
        if prefix and any(prefix + name in places for name in found):
            raise UsageError(f"{shard}: another shard has the same name; rename one")
        names += [prefix + name for name in images]
        problems += [(prefix + name, reason) for name, reason in faults]
        places |= {prefix + name: place for name, place in found.items()}
    if problems:
        raise refuse(where, problems)
    if not names:
        raise UsageError(f"{where}: holds no images")
    members = TarMembers(places)
    given = None
    if labels == "folders":
        given = class_labels(where, names, skipped=1 if len(files) > 1 else 0, level=level)
    elif labels == "cls":
        given = _cls(where, names, members)
    return FileList("tar", where, tuple(names), given, members)


def _members(shard: Path) -> dict[str, Place]:
    """Every regular file of a tar by its name."""
    try:
        with shard.open("rb") as stream:
            magic = stream.read(2)
            for start, kind in _COMPRESSED.items():
                if magic == start:
                    raise UsageError(
                        f"{shard}: is compressed ({kind}), which prevents random access; decompress it to a .tar"
                    )
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
                entries = _bounded(shard, archive)
            _check_end(shard, entries)
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{shard}: {'cannot be read as tar: ' if shard.exists() else ''}{spelled(error)}") from error
    # A hostile header can promise a name of any length and nest in another without end.
    except (tarfile.TarError, ValueError, EOFError, OverflowError, MemoryError, RecursionError) as error:
        raise UsageError(
            f"{shard}: is not a tar archive, or a truncated or damaged one ({error}); recreate it"
        ) from error
    found: dict[str, Place] = {}
    for entry in entries:
        if entry.isdir():
            continue
        # Windows tools write `\\`, as in zips.
        name = entry.name.replace("\\", "/").removeprefix("./")
        if name.endswith("/") and not entry.size:
            continue
        fault = _fault(entry, name)
        if fault is None and name in found:
            fault = "occurs twice; keep one"
        if fault is not None:
            raise UsageError(f"{shard}: member {entry.name!r} {fault}; recreate the archive without it")
        found[name] = Place(shard, entry.offset_data, entry.size)
    return found


def _bounded(shard: Path, archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    entries = []
    for entry in archive:
        entries.append(entry)
        if len(entries) > MAX_MEMBERS:
            raise UsageError(f"{shard}: holds more than {MAX_MEMBERS:,} members; make several shards")
    return entries


def _check_samples(shard: Path, images: Sequence[str]) -> None:
    """Refuse a sample with two images, such as a picture and its mask: which of them is meant is not for us to say.

    Numbers between dots (`step.0001.png`) are no parts of a sample, but names of images.
    """
    first: dict[str, str] = {}
    for name in images:
        sample, rest = _sample(name)
        if any(character.isdigit() for character in rest.rpartition(".")[0]):
            continue
        if sample in first:
            raise UsageError(
                f"{shard}: {first[sample]!r} and {name!r} are two images of one sample ({sample!r}); keep one, or "
                "rename them"
            )
        first[sample] = name


def _sample(name: str) -> tuple[str, str]:
    """The sample that a member is part of, and which part: WebDataset's key and extension."""
    folder, slash, last = name.rpartition("/")
    key, _, rest = last.partition(".")
    return f"{folder}{slash}{key}", rest


def _fault(entry: tarfile.TarInfo, name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if "\0" in name:
        return "has a name with a NUL byte"
    if not parts[0] or parts[0][1:2] == ":":
        return "has an absolute path"
    if ".." in parts:
        return "points outside the archive with '..'"
    if entry.issym() or entry.islnk():
        return "is a link"
    if entry.issparse():
        return "is a sparse file"
    return None if entry.isreg() else "is not a regular file"


def _check_end(shard: Path, entries: Sequence[tarfile.TarInfo]) -> None:
    """Refuse a tar that stops before its end mark: Python's reader takes a cut between two members for the end."""
    last = entries[-1] if entries else None
    has_data = last is not None and last.isreg()
    end = 0 if last is None else last.offset_data + (-(-last.size // BLOCK) * BLOCK if has_data else 0)
    with shard.open("rb") as stream:
        stream.seek(end)
        mark = stream.read(BLOCK)
        if len(mark) < BLOCK or any(mark):
            raise UsageError(
                f"{shard}: is truncated or damaged after member {last.name if last else ''!r} "
                f"({'no end mark' if len(mark) < BLOCK else 'no member follows there'}); recreate it"
            )
        while rest := stream.read(1 << 20):
            if any(rest):
                raise UsageError(
                    f"{shard}: continues after its end marker; if several tars were joined, list them separately"
                )


def _cls(where: Path, names: Sequence[str], members: TarMembers) -> tuple[int, ...]:
    labels = []
    problems = []
    for name in names:
        label_name = _sample(name)[0] + LABEL_SUFFIX
        place = members.places.get(label_name)
        if place is None:
            problems.append((name, f"has no {LABEL_SUFFIX} file ({label_name!r}) beside it"))
            continue
        needed = f"expected a whole number from 0 to {MAX_LABEL}"
        if place.size > MAX_LABEL_BYTES:
            problems.append((label_name, f"holds {place.size:,} bytes; {needed}"))
            continue
        try:
            text = members.read(label_name).strip()
        except ValueError as error:
            problems.append((label_name, str(error)))
            continue
        if not text.isdigit() or int(text) > MAX_LABEL:
            problems.append((label_name, f"holds {text.decode('utf-8', 'replace')!r}; {needed}"))
            continue
        labels.append(int(text))
    if problems:
        raise refuse(where, problems)
    return tuple(labels)


class SplitTar(SplitRows):
    """A split in tar files; labels are WebDataset's `.cls` files or the names of class folders, or there are none."""

    path: Paths
    labels: Literal["cls", "folders"] | None = None
    level: Level = None

    @model_validator(mode="after")
    def _level_of_folders(self) -> Self:
        if self.level is not None and self.labels != "folders":
            raise ValueError("level says which folder is the label; it needs labels: folders")
        return self


def _listed(parameters: Mapping[str, Any]) -> FileList:
    return read_tars(parameters["path"], labels=parameters.get("labels"), level=parameters.get("level"))


def beside(held: FileList, _: Mapping[str, Any], __: str | None) -> list[str | None] | None:
    """What the `.txt` file of each image's sample says; None where no image has one."""
    members = held.members
    assert isinstance(members, TarMembers)
    found: list[str | None] = []
    for name in held.names:
        text = _sample(name)[0] + TEXT_SUFFIX
        if text not in members.places:
            found.append(None)
            continue
        try:
            found.append(members.read(text).decode("utf-8").strip() or None)
        except ValueError as error:
            raise UsageError(f"{held.path}: {text!r} cannot be read as a prompt: {error}") from None
    return found if any(found) else None


FORMATS = (
    Format(
        "tar",
        _listed,
        SplitTar,
        "tar files, WebDataset's shards, for each split",
        ShardParameters,
        "the images in tar files, WebDataset's shards",
        suffixes=(SUFFIX,),
        is_folder=lambda folder: is_folder_of(folder, SUFFIX),
        class_folders=True,
        texts=beside,
    ),
)
