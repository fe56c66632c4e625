"""A set of images under a published protocol: its features, from the store where they lie already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import benchmark
from harness.base import RANDOM, UsageError
from harness.benchmark import Inside, entries, from_folders, protocols
from harness.encoders import weights
from harness.images import Mixed, preprocessing
from harness.pipeline import (
    Plan,
    RealSet,
    StorePlace,
    load_features,
    load_images,
    plain,
    provenance,
    read_images,
    store_place,
)
from harness.studies.statistics.npz import Made, facts_of
from harness.uncertainty import Rows

SET = RealSet("reference")
SPATIAL = "-sfid"
LIBRARIES = "libraries"  # of an identity: their versions decide nothing here
ADM_IMAGES = 10_000  # what ADM's reference files hold for precision and recall (guided-diffusion, evaluations/README)


@dataclass(frozen=True)
class Encoded:
    """Features float32 (n, d) of a set of images, row i of image i, and what made them.

    spatial   the features that sFID is computed from, where they were asked for
    images    the first images, uint8 (n, H, W, 3), where they were asked for
    """

    rows: Rows
    made: Made
    spatial: Rows | None = None
    images: npt.NDArray[np.uint8] | None = None


def encode(
    path: Path,
    protocol: protocols.Protocol,
    *,
    random_weights: bool = False,
    adm: bool = False,
    admit: Callable[[Made], None] | None = None,
    inside: Inside = from_folders.EVIDENT,
    store: StorePlace | None = None,
    device: str = "auto",
) -> Encoded:
    """The features of a set of images under a protocol; `adm` adds what ADM's files hold besides.

    `path` is a folder of images or of shards, a zip, npz, npy, tar, Parquet or Arrow file, a brace pattern of these
    three, or a folder of Arrow files from save_to_disk; `inside` says what is meant in files that hold several things.
    `admit` hears what will make the features before the first image is encoded, and may refuse it.

    Raises UsageError for a protocol that cannot be run, weights that are not here, and images that cannot be used.
    """
    name = protocol.name.rpartition(":")[2]  # of `module:thing` as a benchmark calls it
    layers: dict[str, str | None] = {name: None, **({name + SPATIAL: "sfid"} if adm else {})}
    planned = _planned(path, protocol, layers, random_weights=random_weights, inside=inside, store=store, device=device)
    with planned as plan:
        made = Made(
            protocol=facts_of(protocol),
            protocol_digest=protocol.digest(),
            recipe=preprocessing.recipe_digest(plan.benchmark.recipe(name)),
            encoder=encoder_facts(plan.identity("encoders", name), own=is_own(protocol)),
            images=str(load_images(plan, SET).facts["content"]),
            random=plan.benchmark.is_random(name),
            software=dict(provenance.library_versions()),
        )
        if admit is not None:
            admit(made)
        found = load_features(plan, SET, name)
        spatial = load_features(plan, SET, name + SPATIAL).rows if adm else None
        images = _first(plan) if adm else None
    return Encoded(found.rows, made, spatial, images)


def encode_layer(
    path: Path,
    protocol: protocols.Protocol,
    *,
    layer: str | None,
    random_weights: bool = False,
    store: StorePlace | None = None,
    device: str = "auto",
) -> Rows:
    """The features float32 (n, d) of a set of images at one layer of a protocol's encoder; None is the protocol's own.

    Raises UsageError as `encode` does, and for a layer that the encoder does not have.
    """
    names = {protocol.name: layer}
    with _planned(path, protocol, names, random_weights=random_weights, store=store, device=device) as plan:
        return load_features(plan, SET, protocol.name).rows


@contextmanager
def _planned(
    path: Path,
    protocol: protocols.Protocol,
    layers: Mapping[str, str | None],
    *,
    random_weights: bool,
    store: StorePlace | None,
    device: str,
    inside: Inside = from_folders.EVIDENT,
) -> Iterator[Plan]:
    """A benchmark of one set of images, encoded at each of `layers`; it lasts as long as the block."""
    encoders = _own(protocol, random_weights) if is_own(protocol) else _published(protocol, layers, random_weights)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "images"
        bench = from_folders.declare_reference(path.absolute(), out=out, encoders=encoders, inside=inside)
        plan = Plan(benchmark.load(bench), store_place(store), device)
        plan.check_place()
        yield plan


def _published(
    protocol: protocols.Protocol, layers: Mapping[str, str | None], random_weights: bool
) -> dict[str, dict[str, Any]]:
    runnable(protocol, random_weights=random_weights)
    drawn = {"weights": RANDOM} if random_weights else {}
    # Another layer is no encoder of the protocol's name, so its entry spells out what the protocol would fill in.
    spelled = {
        "use": protocol.encoder["use"],
        "preprocessing": protocol.recipe,
        **protocol.encoder.get("parameters", {}),
    }
    return {
        name: {**spelled, "layer": layer, **drawn} if layer else {"protocol": protocol.name, **drawn}
        for name, layer in layers.items()
    }


def _own(protocol: protocols.Protocol, random_weights: bool) -> dict[str, dict[str, Any]]:
    made = from_folders.of_encoder(protocol.name, random_weights, None)
    recipe = {} if made["preprocessing"] == "none" else {"preprocessing": made["preprocessing"]}
    return {name: {**entry, **recipe} for name, entry in made["encoders"].items()}


def of_encoder(name: str) -> protocols.Protocol:
    """The way of an encoder that follows no published protocol, as a file of statistics keeps it.

    `name` as `harness score --encoder` takes it: an encoder's, a preset's, or `module:thing`.
    """
    made = from_folders.of_encoder(name, False, None)
    facts: dict[str, Any] = {} if made["preprocessing"] == "none" else made["preprocessing"]
    return protocols.Protocol(
        name=name,
        version=1,
        title=f"the encoder {name}",
        input={"channels": facts.get("channels", name)},
        resize=facts.get("resize", {"library": "none"}),
        values={"range": facts.get("range", name)},
        encoder={"name": name},
        sources=["given by --encoder"],
    )


def is_own(protocol: protocols.Protocol) -> bool:
    """Whether the way is that of an encoder (`of_encoder`) and no published protocol's."""
    return protocol.name not in protocols.names()


def runnable(protocol: protocols.Protocol, *, random_weights: bool = False) -> None:
    """Raise UsageError for a protocol whose encoder is not in this version, or whose weight file is not here."""
    if "use" not in protocol.encoder or protocol.recipe is None:
        raise UsageError(f"protocol {entries.not_here(protocol)}")
    if (name := from_folders.weight_file(protocol)) is not None and not random_weights:
        weights.locate(name)


def encoder_facts(identity: Mapping[str, Any], *, own: bool = False) -> dict[str, Any]:
    """Of an encoder's identity what tells two networks apart: which one, its parameters, the SHA-256 of its weights.

    Of the user's `own` also that of its code and what it declares itself, since no protocol says what it computes.
    """
    kept = [name for name in identity if name != LIBRARIES] if own else ["use", "parameters", "weights"]
    return {name: plain(identity[name]) for name in kept if name in identity}


def _first(plan: Plan) -> npt.NDArray[np.uint8]:
    chunks: list[npt.NDArray[np.uint8]] = []
    for images in read_images(plan, SET, plan.benchmark.batch_size):
        if isinstance(images, Mixed):
            raise UsageError("ADM's format needs images of one size; these differ in size")
        chunks.append(preprocessing.rgb(images))
        if sum(map(len, chunks)) >= ADM_IMAGES:
            break
    return np.concatenate(chunks)[:ADM_IMAGES]
