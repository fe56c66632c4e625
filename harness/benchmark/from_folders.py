"""The two-folder job as a declaration: real images, fake images, a protocol → the benchmark YAML that scores them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.base import RANDOM, UsageError, write_atomically
from harness.benchmark import presets, protocols, registry, trust
from harness.benchmark.datasets import ANY
from harness.benchmark.given import GivenSet, Inside, given_sets, spelled_out
from harness.benchmark.metric_sets import SETS
from harness.benchmark.written import MARK, as_yaml, check_own, named, plain, set_names, shown, write
from harness.images import MIXED, Content, OpenSplit, is_utf8
from harness.metrics import facts_of

LEAST = 8  # images, as in any benchmark
DEFAULT = "clean"
EVIDENT = Inside()  # nothing is named, so that what is meant has to be clear
Reader = Callable[[OpenSplit, list[list[Any]]], Content]  # of a split's images, and the stamps of its files
COMMON = tuple(SETS["core"])  # which any features have


@dataclass(frozen=True, slots=True)
class Declared:
    """The benchmark file, and in `notes` a sentence for each thing that it takes or lacks.

    Of files that hold several things, of the protocol, and of images of a larger set.
    """

    bench: Path
    notes: tuple[str, ...]


def declare(
    real: Path,
    fakes: Sequence[Path],
    *,
    out: Path,
    protocol: str | None,
    encoder: str | None,
    n: int | None,
    random_weights: bool,
    seed: int,
    inside: Inside = EVIDENT,
    claim: Callable[[Path, str], None] | None = None,
    read: Reader | None = None,
    names: Sequence[str] | None = None,
    n_fake: int | None = None,
) -> Declared:
    """The benchmark that anyone can run again, written to `<out>.yaml` and `<out>.datasets.yaml`, and what it lacks.

    All images are used, or a seeded draw of `n` from each set. An `encoder` of no protocol gets the images as it
    expects them. `inside` names what is meant in files that hold several things. `claim` hears `out` and the
    benchmark's name, and may refuse them: nothing is left behind then. `read` reads all real images once, for
    their digest, and may keep them for the run. `names` are those of the fakes, else the ends of their paths;
    `n_fake` says how many of each fake count where they are not `n`.

    Raises UsageError for paths that hold no images, unknown names, sets too small for the metrics, and files that no
    score wrote where the two are to be.
    """
    protocol = DEFAULT if protocol is None and encoder is None else protocol
    out = named(out)
    if not out.name or not is_utf8(out.name):
        raise UsageError(f"{shown(out)}: the results folder needs a UTF-8 name; give one with --out")
    bench, catalogue = out.with_name(f"{out.name}.yaml"), out.with_name(f"{out.name}.datasets.yaml")
    for path in (bench, catalogue):
        check_own(path)
    given = given_sets(real, fakes, inside)
    sizes = {one.path: one.size for one in given}
    if n is not None and (small := next((path for path in sizes if sizes[path] < n), None)):
        raise UsageError(f"{small}: has only {sizes[small]} images, fewer than --n {n}; lower --n")
    folder = bench.parent
    dataset = _dataset(given[0], folder, read or read_whole)
    size = None if dataset["image"] == ANY else (dataset["image"][0], dataset["image"][1])
    files = {one.named_by for one in given if not one.path.is_dir()}
    called = names or set_names([one.named_by for one in given[1:]], files)
    pools = {name: {"use": one.kind, **one.entry(folder)} for name, one in zip(called, given[1:], strict=True)}
    declared = {
        "name": plain(out.name) or "score",
        "seed": seed,
        "datasets": catalogue.name,
        "dataset": "real",
        "n_real": n or sizes[real],
        "n_fake": n_fake or n or min(sizes[path] for path in fakes),
        **(_of_protocol(protocol, random_weights) if protocol else of_encoder(str(encoder), random_weights, size)),
        "generators": pools,
        "metrics": {},
    }
    smaller = min(declared["n_real"], declared["n_fake"])
    first = next(iter(declared["encoders"]))
    declared["metrics"] = metrics = _metrics(protocol, smaller)
    _check_neighbours(metrics, smaller)
    if protocol is not None and (layers := _layers(protocol, metrics, random_weights)):
        declared["encoders"] |= dict(layers.values())
        for use, known in metrics.items():
            metrics[use] = {**known, "encoders": [layers[use][0] if use in layers else first]}
    declared["rank_by"] = {"metric": "fd", "encoder": first}
    texts = {catalogue: MARK + as_yaml({"real": dataset}), bench: MARK + as_yaml(declared)}
    write(texts, bench, partial(claim, out, declared["name"]) if claim is not None else lambda: None)
    notes = [note for one in given for note in one.taken]
    if (note := spelled_out(given)) is not None:
        notes.append(note)
    if protocol is not None:
        notes += _left_out(protocol, smaller, drawn=random_weights)
    if n is None and n_fake is None:
        notes += _larger({path: sizes[path] for path in fakes}, declared["n_fake"])
    return Declared(bench, tuple(notes))


def _larger(sizes: Mapping[Path, int], n: int) -> list[str]:
    """A sentence that names the sets of FAKE of which only `n` images are drawn; none where all are used."""
    larger = [f"{path} ({sizes[path]})" for path in sizes if sizes[path] > n]
    if not larger:
        return []
    return [
        f"{n} images of each FAKE set are scored, the size of the smallest: scores at different sizes are not "
        f"comparable; larger sets are subsampled with --seed: {', '.join(larger)}"
    ]


def declare_reference(real: Path, *, out: Path, encoders: Mapping[str, Any], inside: Inside = EVIDENT) -> Path:
    """Write `<out>.yaml` and `<out>.datasets.yaml` and return the first: all images of one set, to be encoded only.

    The benchmark scores nothing; it is what the stages `sample` and `encode` take, so that features are found again.
    Raises UsageError for a path that holds no images, or fewer than a benchmark takes.
    """
    bench, catalogue = out.with_name(f"{out.name}.yaml"), out.with_name(f"{out.name}.datasets.yaml")
    dataset = _dataset(given_sets(real, (), inside)[0], bench.parent, read_whole)
    size = dataset["splits"]["reference"]["size"]
    if size < LEAST:
        raise UsageError(f"{real}: has {size} images; need at least {LEAST}")
    declared = {
        "name": plain(out.name),
        "seed": 0,
        "datasets": catalogue.name,
        "dataset": "real",
        "n_real": size,
        "n_fake": size,
        "preprocessing": "none",
        "encoders": dict(encoders),
        "generators": {"holdout": {"split": "reference"}},
        "metrics": {"fd": {}},
        "rank_by": {"metric": "fd", "encoder": next(iter(encoders))},
    }
    write_atomically(catalogue, as_yaml({"real": dataset}))
    write_atomically(bench, as_yaml(declared))
    return bench


def read_whole(split: OpenSplit, stamps: list[list[Any]]) -> Content:
    """Read all images of a split, in parts and never all in memory."""
    content = Content(split.size)
    for _, part in split.parts():
        content.add(part)
    return content


def _dataset(real: GivenSet, folder: Path, read: Reader) -> dict[str, Any]:
    """The entry of a datasets.yaml in `folder` for one set of images, pinned by its content."""
    split = {"path": str(real.path.absolute()), **real.inside}
    parameters = {"splits": {"reference": split}}
    stamps = registry.stamps(registry.find("datasets", real.kind, folder), parameters, "reference", folder)
    opened = registry.make("datasets", real.kind, parameters, folder).open("reference")
    content = read(opened, stamps)
    return {
        "use": real.kind,
        "source": f"given as {named(real.path).name}",
        "licence": "not stated",
        "image": ANY if content.shape == MIXED else content.shape,
        "splits": {"reference": {**real.entry(folder), "size": opened.size, "digest": content.digest}},
    }


def _of_protocol(protocol: str, random_weights: bool) -> dict[str, Any]:
    weights = {"weights": RANDOM} if random_weights else {}
    encoders = protocols.load(protocol).constants or (protocol,)
    return {"preprocessing": "none", "encoders": {name: {"protocol": name, **weights} for name in encoders}}


def of_encoder(encoder: str, random_weights: bool, size: tuple[int, int] | None) -> dict[str, Any]:
    """The `preprocessing` and `encoders` of a benchmark for an encoder by its name, its preset's or `module:thing`.

    It gets the images as it expects them; `size` is theirs, where all have one, and is not resized to itself.
    """
    weights = {"weights": RANDOM} if random_weights else {}
    if encoder in presets.names():
        return {"preprocessing": "none", "encoders": {encoder: {"preset": encoder, **weights}}}
    found = registry.find("encoders", encoder, Path.cwd())
    expects = found.expects
    recipe: dict[str, Any] = {"channels": "rgb", "range": [0, 1]}
    if expects is not None:
        if expects.channels == 1:
            recipe["channels"] = "grey"
        if expects.range is not None:
            recipe["range"] = list(expects.range)
        if expects.size is not None and expects.size != size:
            recipe |= {"resize": {"library": "pillow", "filter": "bicubic", "size": list(expects.size)}}
    if ":" in encoder:
        trust.named_by_user(encoder)
    name = encoder.rpartition(":")[2] if ":" in encoder else encoder
    body: dict[str, Any] = {"use": encoder} if name != encoder else {}
    if "channels" in (found.parameters.model_fields if found.parameters else {}):
        body["channels"] = 1 if recipe["channels"] == "grey" else 3
    return {"preprocessing": recipe, "encoders": {name: {**body, **weights}}}


def _metrics(protocol: str | None, n: int) -> dict[str, Any]:
    """The metrics that any features have, by the protocol's conventions, then those of its own that can be had here."""
    if protocol is None:
        return {use: {} for use in COMMON}
    whole = protocols.load(protocol)
    if whole.constants:
        return {whole.average["of"]: {}}
    # What a protocol leaves to its user is the harness's default here.
    said = {use: dict(one.parameters) for use, one in protocols.conventions(whole).items()}
    common = {use: said.pop(use, {}) for use in COMMON}
    return common | {use: known for use, known in said.items() if _withheld(whole, use, known, n) is None}


def _layers(protocol: str, metrics: Iterable[str], random_weights: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Those of the metrics that read another layer of a protocol's network, each with an encoder's name and entry."""
    whole = protocols.load(protocol)
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for use in metrics:
        layer = _other_layer(whole, use)
        if layer is not None:
            given = {**whole.encoder.get("parameters", {}), **({"weights": RANDOM} if random_weights else {})}
            entry = {"use": whole.encoder["use"], **given, "layer": layer, "preprocessing": whole.recipe}
            found[use] = f"{protocol}-{layer}", entry
    return found


def _other_layer(whole: protocols.Protocol, use: str) -> str | None:
    """The layer that a metric reads in the place of the protocol's own, where the protocol's encoder has it."""
    reads = facts_of(use).reads
    known = registry.find("encoders", whole.encoder["use"], Path.cwd()).layers if "use" in whole.encoder else ()
    return next((layer for layer, _ in reversed(known) if layer in reads), None)


def weight_file(protocol: protocols.Protocol) -> str | None:
    """The registered weight file that a protocol's encoder reads; None where it needs none."""
    if "use" not in protocol.encoder:
        return None
    component = registry.find("encoders", protocol.encoder["use"], Path.cwd())
    if component.parameters is None or component.registered is None:
        return None
    chosen = component.parameters.model_validate(dict(protocol.encoder.get("parameters", {})))
    return component.weight_file(chosen.model_dump())


def _check_neighbours(metrics: Mapping[str, Mapping[str, Any]], n: int) -> None:
    """Say in words of the command what the benchmark would refuse by lines of a file that nobody wrote."""
    of_k = {use: registry.find("metrics", use, Path.cwd()).parameters for use in metrics}
    ks = [
        metrics[use].get("k", model.model_fields["k"].default)
        for use, model in of_k.items()
        if model is not None and "k" in model.model_fields
    ]
    least = 2 * (max(ks, default=0) + 1)
    if n < least:
        raise UsageError(
            f"{n} images per set are too few for k = {max(ks)}: intervals use half-samples, so at least {least}"
        )


def _left_out(protocol: str, n: int, *, drawn: bool = False) -> list[str]:
    """What is not as in the protocol when `n` images a set are scored under its encoder, and why.

    `drawn` says that the weights are random, which every table says already.
    """
    whole = protocols.load(protocol)
    lines = [
        f"{use} of protocol {protocol} is left out: {reason}"
        for use, one in protocols.conventions(whole).items()
        if (reason := _withheld(whole, use, one.parameters, n)) is not None
    ]
    named, read = whole.encoder.get("weights"), weight_file(whole)
    if not drawn and read is not None and read != named and whole.encoder.get("sha256") is None:
        lines.append(f"protocol {protocol} uses {named}; here {read}, a port of the same network")
    if whole.folders is not None:
        lines.append(f"for folders, the {protocol} program gives other numbers: use --protocol {whole.folders}")
    features = str(whole.precision_recall.get("features", ""))
    if features.startswith("VGG16") and whole.encoder.get("use") != "vgg16":
        lines.append(f"precision and recall here use {whole.encoder.get('use')} features, not {features}")
    return lines


def _withheld(whole: protocols.Protocol, use: str, known: Mapping[str, Any], n: int) -> str | None:
    """Why a metric of a protocol cannot be had of its own features of `n` images; None where it can."""
    if (size := known.get("subset_size")) is not None and size > n:
        return f"it needs subsets of {size:,} images, but the smaller set has {n}; kd uses all pairs"
    if 2 * known.get("splits", 0) > n:
        return f"it needs {known['splits']} splits of at least two images, but there are {n}"
    reads = facts_of(use).reads
    if reads and _other_layer(whole, use) is None:
        return (
            f"it needs another layer, which {whole.encoder['use']} does not give; a port of the network does: "
            f"encoders: {{layer: {{use: inception, layer: {reads[-1]}, preprocessing: {whole.recipe}}}}}, "
            f"metrics: {{{use}: {{protocol: {whole.name}, encoders: [layer]}}}}"
        )
    return None
