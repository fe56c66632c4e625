"""What the house knows of a container of images before it opens one: each `formats/<name>.py` says it of its own.

A container has a name, a way to list what it holds, and the parameters by which a split or a generator names it. All
else that reads images asks these facts, so that a new container is one file here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, Strict

from harness.base import Parameters, Paths, PathText, Row, Seed

if TYPE_CHECKING:
    from harness.images.formats.arrays import ArrayPair
    from harness.images.formats.names import FileList


class SplitRows(Parameters):
    """Which images of a listing make a split: `rows` [start, stop] of it, after a shuffle by `order_seed`."""

    rows: Annotated[tuple[Row, Row], Field(strict=False)] | None = None
    order_seed: Seed | None = None


def _counted_from_one(level: int | None) -> int | None:
    if level == 0:
        raise ValueError("found 0; use 1 for the first folder below the path, -1 for the folder of the file")
    return level


# Which of the folders that a file lies in is its label.
Level = Annotated[int | None, Strict(), AfterValidator(_counted_from_one)]


class PathParameters(Parameters):
    """Where images lie, relative to the YAML file."""

    path: PathText


class ShardParameters(Parameters):
    """Where images lie in one file or in several: a path, a list of paths or a brace pattern."""

    path: Paths


@dataclass(frozen=True, slots=True)
class Format:
    """A container of images.

    listing        what the parameters name, listed and not decoded; raises UsageError
    split          model of what a dataset's split is given beside its size and digest; `dataset`: a line about it
    pool           model of a generator's parameters, None for what is no generator; `generator`: a line about it
    paths          parameters that are paths
    suffixes       names of files that are taken for it where nobody says what they are
    is_folder      whether a folder is one of these
    class_folders  labels may be the folders that files lie in
    inside         the parameter that names one of the things in a file: `column`, `array`
    names          what `inside` can name, of files that the parameters name
    texts          the text beside each image, None for one without, by (listed, parameters, column or None); None where
                   there is none at all, or no such thing in this container
    found          parameters that the files themselves decide where they were not given: the only column of images …
    """

    name: str
    listing: Callable[[Mapping[str, Any]], FileList | ArrayPair]
    split: type[SplitRows]
    dataset: str
    pool: type[Parameters] | None = None
    generator: str = ""
    paths: tuple[str, ...] = ("path",)
    suffixes: tuple[str, ...] = ()
    is_folder: Callable[[Path], bool] = lambda _: False
    class_folders: bool = False
    inside: str | None = None
    names: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _: ()
    found: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {}
    texts: Callable[[FileList, Mapping[str, Any], str | None], Sequence[str | None] | None] | None = None

    @property
    def takes_several(self) -> bool:
        """Whether a set may lie in several of these files."""
        return self.pool is not None and issubclass(self.pool, ShardParameters)

    @property
    def home(self) -> str:
        """The module that says this, as a component's target."""
        return f"{self.listing.__module__}:FORMATS"


@cache
def containers() -> dict[str, Format]:
    """Every container by its name: a plain folder, then the files in this folder in the order of their names."""
    package = __name__.rpartition(".")[0]
    folder = Path(__file__).parent
    modules = [import_module(f"{package}.{module.name}") for module in iter_modules([str(folder)])]
    found = [one for module in modules for one in getattr(module, "FORMATS", ())]
    return {one.name: one for one in sorted(found, key=lambda one: (one.name != "folder", one.name))}
