"""A benchmark.lock.yaml as the benchmark that it resolves: what `harness verify` computes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base import Document, UsageError, read_yaml
from harness.benchmark import datasets as pinned
from harness.benchmark import registry
from harness.benchmark.model import Benchmark, made_of

KEPT = (
    "name",
    "description",
    "seed",
    "dataset",
    "reference_split",
    "training_split",
    "n_real",
    "n_fake",
    "batch_size",
    "preprocessing",
    "training_seeds",
    "sampling_seeds",
    "interval",
    "rank_by",
)
# Beside the parameters of an entry; `protocol` says where they came from, and they are all there.
BESIDE = {
    "encoders": ("preprocessing",),
    "generators": ("trained", "groups"),
    "metrics": ("better", "encoders"),
}
ASK = "name the run's YAML with --beside to run it"
SAYS_ITSELF = ("trained", "better")  # a built-in component does


@dataclass(frozen=True)
class Place:
    """Where a lock's relative paths lead from: no lock says where its YAML lay.

    Modules are looked for there only where the user named the YAML: a lock from elsewhere names what it likes.
    """

    folder: Path
    datasets: Path
    named: bool = False

    @classmethod
    def of(cls, path: Path) -> Place:
        """That of a benchmark's YAML, or of a folder that one might lie in."""
        folder = path if path.is_dir() else path.parent
        named = None if path.is_dir() else read_yaml(path).value.get("datasets")
        catalogue = folder / named if isinstance(named, str) else pinned.nearest(folder)
        return cls(folder.absolute(), (catalogue.parent if catalogue else folder).absolute(), not path.is_dir())


def from_lock(lock: Mapping[str, Any], where: str, place: Place) -> tuple[Benchmark, dict[tuple[str, str], str]]:
    """The benchmark, without entries that cannot be used here: by kind and name, why.

    What decides no value (audit, numerics, that cells came from a sweep) is left out. Raises UsageError for a lock that
    is none, and where nothing would be left.
    """
    try:
        declared = _declaration(lock["benchmark"])
        name, entry = _dataset(lock["benchmark"]["data"])
    except (KeyError, TypeError, AttributeError) as problem:
        raise UsageError(f"{where}: is not a lock of this version: it lacks {problem}") from None
    left = {} if place.named else _code_in(declared)
    if not place.named and ":" in entry["use"]:
        raise UsageError(f"{where}: dataset {name} is the run's own code ({entry['use']}); {ASK}")
    for kind, own in left:
        del declared[kind][own]
        if not declared[kind]:
            raise UsageError(f"{where}: all {kind} are the run's own code; {ASK}")
    while True:
        declared["rank_by"] = _rank_by(declared)
        document = Document(where, {kind: dict(v) if kind in BESIDE else v for kind, v in declared.items()})
        catalogue = pinned.catalogue_of(Document(where, {name: entry}), place.datasets)
        data = catalogue.datasets.get(name)
        if data is not None:
            pinned.check_files(catalogue.document, data)
        try:
            return made_of(document, place.folder, catalogue, data), left
        except UsageError:
            faulty = {location[:2] for location in document.faulty if location[:1] and location[0] in BESIDE}
            unusable = {(str(at[0]), str(at[1])) for at in faulty if len(at) == 2 and at[1] in declared[str(at[0])]}
            if not unusable:
                raise
            for kind, own in unusable:
                told = [text.removeprefix(f"{kind}.{own}") for _, _, text in document.problems]
                mine = [t for t, (_, _, text) in zip(told, document.problems, strict=True) if t != text]
                left[kind, own] = "; ".join(dict.fromkeys(text.lstrip(".: ") for text in mine)) or "cannot be used here"
                del declared[kind][own]
                if not declared[kind]:
                    raise


def _declaration(benchmark: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: benchmark[key] for key in KEPT}
    for kind, beside in BESIDE.items():
        found[kind] = {}
        for name, entry in benchmark[kind].items():
            use = str(entry["use"])
            own = registry.is_built_in(kind, use)
            keys = [key for key in beside if entry.get(key) is not None and not (own and key in SAYS_ITSELF)]
            found[kind][name] = {**entry["parameters"], **{key: entry[key] for key in keys}, "use": use}
    return found


def _rank_by(declared: Mapping[str, Any]) -> dict[str, str]:
    """As declared; what is not there any more is replaced by the first that is."""
    by = declared["rank_by"]
    found = {kind: declared[f"{kind}s"] for kind in ("encoder", "metric")}
    return {kind: by[kind] if by[kind] in known else next(iter(known)) for kind, known in found.items()}


def _code_in(declared: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The entries that are, or are given, a `module:thing`."""
    found = {}
    for kind in BESIDE:
        for name, entry in declared[kind].items():
            built_in = registry.is_built_in(kind, entry["use"])
            component = registry.find(kind, entry["use"], Path.cwd()) if built_in else None
            given = component.modules(entry) if component else {}
            code = [entry["use"]] if ":" in entry["use"] else list(given.values())
            if code:
                found[kind, name] = f"is the run's own code ({', '.join(code)}); {ASK}"
    return found


def _dataset(data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    parameters = dict(data["parameters"])
    files = parameters.pop("splits", {})
    if files:
        parameters.pop("image", None)
    splits = {split: {**files.get(split, {}), **pins} for split, pins in data["splits"].items()}
    splits = {s: {k: v for k, v in pins.items() if v is not None} for s, pins in splits.items()}
    image = pinned.ANY if data["image"] is None else data["image"]
    facts = {key: data[key] for key in ("use", "source", "licence")}
    return str(data["name"]), {**parameters, **facts, "image": image, "splits": splits}
