"""Sets of images as a command line names them: which container a path or a pattern is, and what is meant inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.benchmark.written import relative_path, set_names
from harness.images import Format, containers, open_images, pattern_stem, shards, shards_of_one
from harness.images import listing as imagelist


@dataclass(frozen=True, slots=True)
class Inside:
    """What a command was told of the insides of files: names of columns and of arrays.

    Each set takes the one that it has; one that has none of them has to be clear without.
    """

    column: tuple[str, ...] = ()
    array: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenSet:
    """A set of images: its container, and in `inside` the parameters beside its path (column, array, labels).

    `path` is as the command line has it: a file, a folder, or a brace pattern.
    """

    path: Path
    kind: str
    inside: Mapping[str, Any]

    @property
    def named_by(self) -> Path:
        """The path by which the set is called: of a brace pattern without what it counts."""
        if self.path.exists():
            return self.path
        return self.path.with_name(f"{pattern_stem(self.path) or 'shards'}{self.path.suffix}")

    @property
    def size(self) -> int:
        """How many images it has, by listing alone; raises UsageError for what cannot be listed."""
        return imagelist.count(self.kind, {"path": str(self.path), **self.inside})

    def entry(self, folder: Path) -> dict[str, Any]:
        """Its parameters in a YAML that lies in `folder`."""
        return {"path": relative_path(self.path, folder), **self.inside}

    @property
    def taken(self) -> list[str]:
        """A line about what of the set is read, where its files have more than one thing to read."""
        told = ", ".join(f"{parameter} {name!r}" for parameter, name in self.inside.items())
        return [f"{self.path}: read from {told}"] if told else []


def given_sets(real: Path, fakes: Sequence[Path], inside: Inside) -> list[GivenSet]:
    """What the paths of a command are, REAL first; labels beside images count for REAL alone.

    Raises UsageError for a path that holds no images, and for a name of a column or an array that no set has.
    """
    kinds = {path: kind_of(path) for path in (real, *fakes)}
    known = containers()
    for parameter, wanted in (("column", inside.column), ("array", inside.array)):
        if not wanted:
            continue
        held = {
            name
            for path, kind in kinds.items()
            if known[kind].inside == parameter
            for name in _names(known[kind], path)
        }
        if missing := [name for name in wanted if name not in held]:
            there = (
                f"the sets have {', '.join(map(repr, sorted(held)))}"
                if held
                else f"no set has a choice of {parameter}s"
            )
            raise UsageError(f"--{parameter} {missing[0]}: {there}")
    return [
        GivenSet(path, kinds[path], _inside(known[kinds[path]], path, inside, real=number == 0))
        for number, path in enumerate((real, *fakes))
    ]


def judged_sets(paths: Sequence[Path], inside: Inside) -> list[tuple[str, str, dict[str, Any]]]:
    """Sets of images alone: the name that each is called by, its container, and its parameters with its path.

    Raises UsageError as `given_sets`.
    """
    given = given_sets(paths[0], paths[1:], inside)
    names = set_names([one.named_by for one in given], {one.named_by for one in given if not one.path.is_dir()})
    return [
        (name, one.kind, {"path": str(one.path), **{k: v for k, v in one.inside.items() if k != "labels"}})
        for name, one in zip(names, given, strict=True)
    ]


def spelled_out(given: Sequence[GivenSet]) -> str | None:
    """A line about sets that look like the shards of one, as a shell spells a pattern out; None where none do."""
    several = [one.path for one in given if containers()[one.kind].takes_several and one.path.is_file()]
    pattern = shards_of_one(several)
    return (
        pattern
        and f"these files look like shards of one set but are scored separately; quote {pattern!r} to score them as one"
    )


def suffixes() -> dict[str, str]:
    """The endings of files that are taken for a container of images, each with the container's name."""
    return {suffix: one.name for one in containers().values() for suffix in one.suffixes}


def kind_of(path: Path) -> str:
    """The container that a path is: a folder's own, or the one of the ending of a file or a brace pattern.

    Raises UsageError for anything else.
    """
    if path.is_dir():
        return next((one.name for one in containers().values() if one.is_folder(path)), "folder")
    files = [path] if path.exists() else shards(path)
    if not all(file.exists() for file in files):
        missing = next(file for file in files if not file.exists())
        raise UsageError(f"{missing}: does not exist" + (f" ({path} names it)" if missing != path else ""))
    known = suffixes()
    endings = {file.suffix.lower() for file in files}
    if unknown := sorted(endings - set(known)):
        *others, last = known
        file = next(file for file in files if file.suffix.lower() == unknown[0])
        raise UsageError(f"{file}: is neither a folder of images nor a {', '.join(others)} or {last} file")
    if len(endings) > 1:
        raise UsageError(
            f"{path}: matches files of several kinds, {', '.join(sorted(endings))}; a set must have one kind"
        )
    container = containers()[known[endings.pop()]]
    if len(files) > 1 and not container.takes_several:
        several = ", ".join(one.name for one in containers().values() if one.takes_several)
        raise UsageError(f"{path}: patterns work for shards ({several}); put these images into one file")
    return container.name


def _inside(container: Format, path: Path, wanted: Inside, *, real: bool) -> dict[str, Any]:
    if container.inside is None:
        return {}
    asked: Sequence[str] = getattr(wanted, container.inside)
    there = _names(container, path) if asked else ()
    named = [name for name in asked if name in there]
    if len(named) > 1:
        raise UsageError(f"{path}: has {' and '.join(map(repr, named))}; name one {container.inside} of it")
    parameters: dict[str, Any] = {container.inside: named[0]} if named else {}
    parameters |= container.found({"path": str(path), **parameters})
    model = container.split if real else container.pool
    kept = {name: value for name, value in parameters.items() if model is not None and name in model.model_fields}
    if "labels" in kept and not _are_labels(container.name, {"path": str(path), **kept}):
        del kept["labels"]
    return kept


def _names(container: Format, path: Path) -> Sequence[str]:
    return container.names({"path": str(path)})


def _are_labels(kind: str, parameters: Mapping[str, Any]) -> bool:
    """Whether whole numbers beside images can be labels; numbers of images or of files cannot."""
    try:
        return open_images(kind, parameters).labels is not None
    except UsageError:
        return False
