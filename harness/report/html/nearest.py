"""Closest pairs of generated and training images, and of generated ones: pictures beside numbers, in OUT and report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import write_atomically, write_json
from harness.images import ImageSet, joined
from harness.pipeline import Nearest
from harness.report.html.grids import SHEET, image_grid
from harness.report.html.markup import Child, tag
from harness.report.html.samples import data_uri
from harness.report.run_files import RunFiles

FOLDER = "nearest"
FACTS = "nearest.json"
KINDS = {"training": "generated | nearest training image", "within": "two generated images"}


def write_nearest(out: Path, found: Mapping[str, Nearest]) -> None:
    """Write `nearest/nearest.json`, and of each generator `<name>_training.png` and `<name>_within.png`."""
    folder = out / FOLDER
    for name, one in found.items():
        for kind, (left, right) in one.pictures.items():
            if not len(left):
                continue
            payload = BytesIO()
            image_grid(_beside(left, right), columns=4, thumbnail=SHEET).save(payload, "PNG")
            write_atomically(folder / f"{name}_{kind}.png", payload.getvalue())
    write_json(folder / FACTS, {name: one.to_json() for name, one in found.items()})


def _beside(left: ImageSet, right: ImageSet) -> ImageSet:
    """The images of both in turn, as colour ones: pairs stand side by side."""
    each = [image for pair in zip(left, right, strict=True) for image in pair]
    return joined([np.broadcast_to(image, (*image.shape[:2], 3))[None] for image in each])


def nearest_section(run: RunFiles) -> list[Child]:
    """The pictures of every generator, best rank first, each with what its distances are worth."""
    try:
        facts = json.loads((run.out / FOLDER / FACTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    pictures: list[Child] = []
    for name in dict.fromkeys(row.generator for row in run.board.of(run.first)):
        for kind, words in KINDS.items():
            path, pairs = run.out / FOLDER / f"{name}_{kind}.png", facts.get(name, {}).get(kind, [])
            if path.is_file() and pairs:
                image = tag("img", src=data_uri(path.read_bytes()), alt=f"Closest pairs of {name}: {words}")
                pictures.append(tag("figure", image, tag("figcaption", f"{name}: {words}. {_told(kind, facts[name])}")))
    if not pictures:
        return []
    hint = (
        f"Closest pairs by the features of {run.first}, first sampling seed of each. In brackets: share of held-out "
        "real images with a neighbour as close, which is how often chance alone gives such a pair. All pairs: "
        "nearest/nearest.json."
    )
    return [tag("p", hint, class_="hint"), tag("div", *pictures, class_="grids")]


def _told(kind: str, facts: Mapping[str, Any]) -> str:
    pairs = ", ".join(f"{pair['distance']:.3g} [{_share(pair['as_near'])}]" for pair in facts[kind])
    if kind == "training":
        return f"Distances {pairs}."
    near = f"{_share(facts['near'])} of {facts['searched']:,} images have a near duplicate"
    return f"Distances {pairs}; {_share(facts['repeated'])} repeat another exactly, {near}."


def _share(share: float) -> str:
    return "0%" if share == 0 else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
