"""`datasets.yaml`: real image sets pinned by source, licence, size and content digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, Strict, model_serializer, model_validator

from harness.base import (
    NAME,
    NAME_RULE,
    Component,
    Document,
    Frozen,
    FrozenDict,
    FrozenMapping,
    UsageError,
    found,
    imported,
    read_yaml,
)
from harness.benchmark import parameters, registry

DIGEST = r"sha256:[0-9a-f]{64}"
Whole = Annotated[int, Strict(), Field(ge=1)]
Counts = Annotated[tuple[Annotated[int, Strict(), Field(ge=0)], ...], Field(strict=False, min_length=1)]


def _any_size(value: Any) -> Any:
    return None if value == ANY else value


ANY = "any"
Shape = Annotated[tuple[Whole, Whole, Whole], Field(strict=False)]


class Split(Frozen):
    """Some of a dataset's images: how many, their digest, and how many of each class where there are classes.

    `strata: labels` says that these numbers were fixed when the images were chosen, so that chance has no part in them.
    `clusters: labels` says that images with one label are not independent draws (a patient, a video): intervals count
    labels then, not images. `labels_digest` pins the labels, as `digest` pins the images.
    """

    size: Whole = Field(description="number of images")
    digest: Annotated[str, Field(pattern=f"^{DIGEST}$")] = Field(
        description="digest of the images, sha256: and 64 hex digits (harness.images.datasets.content_digest)"
    )
    classes: Counts | None = Field(None, description="number of images of each class, from label 0")
    strata: Literal["labels"] | None = Field(
        None, description="labels: the class counts were fixed by design, and are not random"
    )
    clusters: Literal["labels"] | None = Field(
        None,
        description="labels: images with one label are not independent (a patient, a video); intervals count labels",
    )
    labels_digest: Annotated[str, Field(pattern=f"^{DIGEST}$")] | None = Field(
        None, description="digest of the labels, sha256: and 64 hex digits (see benchmark.lock.yaml)"
    )

    @model_validator(mode="after")
    def _labels_say_one_thing(self) -> Self:
        if self.strata is not None and self.clusters is not None:
            raise ValueError("the labels are strata or clusters, not both; keep one of `strata` and `clusters`")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked_for(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        quiet = ("strata", "clusters", "labels_digest")
        return {key: value for key, value in told.items() if key not in quiet or value is not None}


class PinnedDataset(Frozen):
    """An entry of `datasets.yaml`; `parameters` are what its component is called with.

    image   (height, width, channels) of every image; None, written `any`, where they have sizes of their own
    where   `file:line`, for messages
    folder  what its relative paths are relative to
    """

    name: str
    use: str
    source: Annotated[str, Field(min_length=1)] = Field(description="who made it and where it comes from")
    licence: Annotated[str, Field(min_length=1)] = Field(description="licence of the images")
    image: Annotated[Shape | None, BeforeValidator(_any_size)] = Field(
        description="[height, width, channels], or `any` if sizes differ"
    )
    splits: FrozenMapping[Split] = Field(description="splits by name, each with size and digest")
    parameters: FrozenMapping[Any]
    where: str
    folder: Path
    component: Component = Field(exclude=True, repr=False)
    unsound: frozenset[str] = Field(default=frozenset(), exclude=True, repr=False)  # splits whose faults are said

    def resolved(self) -> dict[str, Any]:
        """All that decides the images, as JSON, without where the file lies."""
        return self.model_dump(mode="json", exclude={"where", "folder"})


@dataclass(frozen=True)
class Catalogue:
    """A `datasets.yaml`: its sound entries, the names of all of them, and its problems."""

    document: Document
    datasets: Mapping[str, PinnedDataset]
    names: tuple[str, ...]


def nearest(folder: Path) -> Path | None:
    """The `datasets.yaml` in a folder or the closest folder above it."""
    for place in (folder, *folder.resolve().parents):
        if (place / "datasets.yaml").is_file():
            return place / "datasets.yaml"
    return None


# Data sets that need no file of the user's: with no `datasets.yaml` in sight, a benchmark can use these.
EMBEDDED = Path(__file__).with_name("embedded.yaml")


def of_benchmark(bench: Path) -> tuple[Path, str | None]:
    """The `datasets.yaml` that a benchmark names or that lies nearest, else EMBEDDED; and the name of its data set."""
    value = read_yaml(bench).value
    chosen, name = value.get("datasets"), value.get("dataset")
    path = bench.parent / chosen if isinstance(chosen, str) else nearest(bench.parent) or EMBEDDED
    return path, name if isinstance(name, str) else None


def load(path: Path) -> Catalogue:
    """Every entry of a `datasets.yaml`; what is wrong with one is in the document's problems."""
    return catalogue_of(read_yaml(path), path.parent.absolute())


def catalogue_of(document: Document, folder: Path) -> Catalogue:
    """Every entry of a document of datasets, whose relative paths are relative to `folder`."""
    datasets = {name: _dataset(document, name, folder) for name in document.value}
    return Catalogue(document, {name: data for name, data in datasets.items() if data}, tuple(datasets))


UNPINNED = "sha256:" + "0" * 64  # a place kept for the digest of images that are not here yet


def check_files(document: Document, data: PinnedDataset) -> None:
    """Note a split whose files are missing, hold another number of images than is pinned, or are not pinned yet."""
    _check_present(document, data)
    for name, split in data.splits.items():
        if split.digest == UNPINNED and document.sound(data.name, "splits", name):
            text = "still zeros; `harness check BENCH --pin` writes the digest of the images that are here"
            document.complain((data.name, "splits", name, "digest"), text)


def _check_present(document: Document, data: PinnedDataset) -> None:
    if data.component.absent is not None:
        absent_of = imported(data.component.absent)
        # A dataset that is carried whole has no parameters of its splits, and is asked once.
        splits = data.parameters.get("splits")
        asked: list[tuple[tuple[str, ...], Any]]
        asked = [((), {})] if splits is None else [(("splits", name), split) for name, split in splits.items()]
        for place, split in asked:
            if (absent := absent_of(data.parameters, split, data.folder)) is not None:
                document.complain((data.name, *place), absent)
    if data.component.files is None:
        return
    for name, split in data.parameters["splits"].items():
        try:
            count = registry.count_files(data.component, split, data.folder)
        except UsageError as problem:
            document.complain((data.name, "splits", name), str(problem))
            continue
        if name in data.splits and count != data.splits[name].size:
            text = f"found {data.splits[name].size}, but there are {count} images"
            document.complain((data.name, "splits", name, "size"), text)


def _dataset(document: Document, name: str, folder: Path) -> PinnedDataset | None:
    body = document.value[name]
    if not NAME.fullmatch(name):
        document.complain((name,), NAME_RULE, key=True)
    if not isinstance(body, Mapping):
        document.complain((name,), f"{found(body)}; expected a mapping of keys")
        return None
    use = body.get("use", name)
    component = None
    try:
        if not isinstance(use, str):
            raise UsageError(f"{found(use)}; expected the name of a dataset component")
        component = registry.find("datasets", use, folder)
    except UsageError as problem:
        document.complain((name, "use") if "use" in body else (name,), str(problem), key="use" not in body)
        document.faulty.add((name, "component"))  # said; the rest of the entry is still looked at
    own = ("source", "licence", "image", "splits", "use")
    known = {key: value for key, value in body.items() if key not in own}
    if component is not None:
        known = parameters.checked(document, component, known, (name,), own) or {}
    files: dict[str, Any] = {}
    splits: dict[str, Split] = {}
    declared = body.get("splits")
    if isinstance(declared, Mapping) and declared:
        for split, pins in declared.items():
            _split(document, component, (name, "splits", split), pins, splits, files)
    elif "splits" in body:
        document.complain((name, "splits"), f"{found(declared)}; expected a mapping of splits")
    if component is not None and component.split is not None and component.split.model_fields:
        known = {**known, "splits": FrozenDict(files), "image": _any_size(body.get("image"))}
    filled = {key: body[key] for key in ("source", "licence", "image") if key in body}
    if "splits" in body:
        filled["splits"] = splits
    return document.check(
        PinnedDataset,
        {
            **filled,
            "name": name,
            "use": str(use),
            "parameters": known,
            "component": component,
            "where": document.where(name),
            "folder": folder,
            "unsound": frozenset(map(str, declared)) - set(splits) if isinstance(declared, Mapping) else frozenset(),
        },
        (name,),
    )


def _split(
    document: Document,
    component: Component | None,
    location: tuple[str, str, str],
    pins: Any,
    splits: dict[str, Split],
    files: dict[str, Any],
) -> None:
    if not NAME.fullmatch(location[2]):
        document.complain(location, NAME_RULE, key=True)
    if not isinstance(pins, Mapping):
        document.complain(location, f"{found(pins)}; expected a mapping of keys")
        return
    own = tuple(Split.model_fields)
    rest = {key: value for key, value in pins.items() if key not in own}
    if component is not None and component.split is not None:
        known = document.check(component.split, rest, location, also=own)
        if known is not None:
            files[location[2]] = FrozenDict(known.model_dump(mode="json"))
    split = document.check(Split, {key: pins[key] for key in own if key in pins}, location)
    if split is None:
        return
    splits[location[2]] = split
    if split.classes is not None and sum(split.classes) != split.size:
        text = f"the classes sum to {sum(split.classes)} images, but the split's size is {split.size}"
        document.complain((*location, "classes"), text)
