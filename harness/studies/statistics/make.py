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
from harness.benchmark import entries, from_folders, protocols
from harness.encoders import weights
from harness.images import Mixed, preprocessing
from harness.pipeline import (
    Plan,
    RealSet,
    default_store,
    load_features,
    load_images,
    plain,
    provenance,
    read_images,
)
from harness.studies.statistics.npz import Made, facts_of
from harness.uncertainty import Rows

SET = RealSet("reference")
SPATIAL = "-sfid"
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
    store: Path | None = None,
    device: str = "auto",
) -> Encoded:
    """The features of a set of images under a protocol; `adm` adds what ADM's files hold besides.

    `path` is a folder, or a zip, npz, npy, tar, Parquet or Arrow file, or a folder of Arrow files from save_to_disk.
    `admit` hears what will make the features before the first image is encoded, and may refuse it.

    Raises UsageError for a protocol that cannot be run, weights that are not here, and images that cannot be used.
    """
    layers: dict[str, str | None] = {protocol.name: None, **({protocol.name + SPATIAL: "sfid"} if adm else {})}
    with _planned(path, protocol, layers, random_weights=random_weights, store=store, device=device) as plan:
        made = Made(
            protocol=facts_of(protocol),
            protocol_digest=protocol.digest(),
            recipe=preprocessing.recipe_digest(plan.benchmark.recipe(protocol.name)),
            encoder=encoder_facts(plan.identity("encoders", protocol.name)),
            images=str(load_images(plan, SET).facts["content"]),
            random=plan.benchmark.is_random(protocol.name),
            software=dict(provenance.library_versions()),
        )
        if admit is not None:
            admit(made)
        found = load_features(plan, SET, protocol.name)
        spatial = load_features(plan, SET, protocol.name + SPATIAL).rows if adm else None
        images = _first(plan) if adm else None
    return Encoded(found.rows, made, spatial, images)


def encode_layer(
    path: Path,
    protocol: protocols.Protocol,
    *,
    layer: str | None,
    random_weights: bool = False,
    store: Path | None = None,
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
    store: Path | None,
    device: str,
) -> Iterator[Plan]:
    """A benchmark of one set of images, encoded at each of `layers`; it lasts as long as the block."""
    runnable(protocol, random_weights=random_weights)
    drawn = {"weights": RANDOM} if random_weights else {}
    # Another layer is no encoder of the protocol's name, so its entry spells out what the protocol would fill in.
    spelled = {
        "use": protocol.encoder["use"],
        "preprocessing": protocol.recipe,
        **protocol.encoder.get("parameters", {}),
    }
    encoders = {
        name: {**spelled, "layer": layer, **drawn} if layer else {"protocol": protocol.name, **drawn}
        for name, layer in layers.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        bench = from_folders.declare_reference(path.absolute(), out=Path(folder) / "images", encoders=encoders)
        plan = Plan(benchmark.load(bench), store.absolute() if store else default_store(), device)
        plan.check_place()
        yield plan


def runnable(protocol: protocols.Protocol, *, random_weights: bool = False) -> None:
    """Raise UsageError for a protocol whose encoder is not in this version, or whose weight file is not here."""
    if "use" not in protocol.encoder or protocol.recipe is None:
        raise UsageError(f"protocol {entries.not_here(protocol)}")
    if (name := from_folders.weight_file(protocol)) is not None and not random_weights:
        weights.locate(name)


def encoder_facts(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Of an encoder's identity what tells two networks apart: which one, its parameters, the SHA-256 of its weights."""
    return {name: plain(identity[name]) for name in ("use", "parameters", "weights") if name in identity}


def _first(plan: Plan) -> npt.NDArray[np.uint8]:
    chunks: list[npt.NDArray[np.uint8]] = []
    for images in read_images(plan, SET, plan.benchmark.batch_size):
        if isinstance(images, Mixed):
            raise UsageError("ADM's files hold the images themselves, of one size; these differ in size")
        chunks.append(preprocessing.rgb(images))
        if sum(map(len, chunks)) >= ADM_IMAGES:
            break
    return np.concatenate(chunks)[:ADM_IMAGES]
