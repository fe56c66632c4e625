"""Per-image scores of image pairs, and generators ranked by their means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError
from harness.benchmark import Inside, given_sets
from harness.images import open_images, partner_keys
from harness.metrics import psnr, ssim
from harness.studies.judges.compute import scored_by
from harness.studies.judges.files import Score
from harness.studies.judges.result import Judged

MEASURES: Mapping[str, bool] = {"psnr": False, "ssim": False, "lpips": True}  # whether lower is better
FEWEST = 4  # pairs
SHOWN = 3  # names in one sentence
Compare = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Asked:
    """What is measured: names of `MEASURES`; the network of LPIPS and whether its weights are random.

    `clusters`: images of one folder hang together (frames of a video, crops of a photograph), and folders are what was
    drawn.
    """

    measures: tuple[str, ...] = ("psnr", "ssim")
    net: str = "alex"
    random_weights: bool = False
    clusters: bool = False
    level: float = 0.95
    device: str = "auto"


@dataclass(frozen=True)
class Paired:
    """Scores of each generator's images by measure, in the order of `names`, and the generators judged by each.

    `notes` say what is amiss; a measure without a finite mean is in `scores` alone.
    """

    names: tuple[str, ...]
    scores: Mapping[str, Mapping[str, tuple[float, ...]]]
    judged: Mapping[str, Judged]
    notes: tuple[str, ...]


def scored_pairs(real: Path, fakes: Sequence[Path], asked: Asked) -> Paired:
    """Every image of every set of `fakes` beside the real one of its name (case, zero padding, extension aside).

    Raises UsageError where a set's images do not pair by name with the real ones, or a pair differs in size.
    """
    given = given_sets(real, fakes, Inside())
    sources = [open_images(one.kind, {"path": str(one.path), **one.inside}) for one in given]
    called = _called([one.named_by for one in given[1:]])
    names = [_names(source, one.path) for source, one in zip(sources, given, strict=True)]
    order = [_partners(names[0], own, one.path, real) for own, one in zip(names[1:], given[1:], strict=True)]
    if len(names[0]) < FEWEST:
        raise UsageError(f"{real} has {len(names[0])} images; an interval needs at least {FEWEST}")
    compares = _compares(asked)
    scores: dict[str, dict[str, tuple[float, ...]]] = {measure: {} for measure in asked.measures}
    for name, source, places in zip(called, sources[1:], order, strict=True):
        rows = []
        for place, partner in enumerate(places):
            pair = _one_shape(sources[0].read([place])[0], source.read([partner])[0], names[0][place], name)
            rows.append([compare(*pair) for compare in compares.values()])
        for measure, column in zip(compares, zip(*rows, strict=True), strict=True):
            scores[measure][name] = tuple(column)
    notes: list[str] = []
    judged = {}
    for measure, of in scores.items():
        if equal := {name: int(np.isinf(values).sum()) for name, values in of.items() if np.isinf(values).any()}:
            told = ", ".join(f"{count} of {name}" for name, count in equal.items())
            notes.append(
                f"{measure} has no mean: some images equal their reference, so their PSNR is infinite ({told})"
            )
            continue
        units = _units(names[0], asked.clusters)
        each = [Score(n, v, unit, None) for n, values in of.items() for unit, v in zip(units, values, strict=True)]
        found = scored_by(each, judge=measure, lower_is_better=MEASURES[measure], level=asked.level)
        judged[measure] = replace(found, shared="folders" if asked.clusters else "images")
    if "lpips" in asked.measures and asked.random_weights:
        notes.append("LPIPS has random weights: its scores do not measure quality")
    return Paired(tuple(names[0]), scores, judged, tuple(notes))


def _called(paths: Sequence[Path]) -> list[str]:
    """A name for each set: its file's or folder's own, with its parent's where two are alike."""
    short = [path.stem or str(path) for path in paths]
    return [
        name if short.count(name) == 1 else f"{path.parent.name}/{name}"
        for name, path in zip(short, paths, strict=True)
    ]


def _units(names: Sequence[str], clusters: bool) -> list[str]:
    if not clusters:
        return list(names)
    folders = [name.rpartition("/")[0] for name in names]
    if len(set(folders)) < FEWEST:
        raise UsageError(f"the images are in {len(set(folders))} folders; --clusters needs at least {FEWEST}")
    return folders


def _names(source: Any, path: Path) -> list[str]:
    names = getattr(source, "names", None)
    if names is None:
        raise UsageError(f"{path}: its images have no file names, so they cannot be paired; {WHY}")
    return list(names)


WHY = (
    "PSNR, SSIM and LPIPS need the true image for each image. A generator has none: its "
    "perfect samples differ from all real images, and a blurred mean would score better. "
    "For unpaired sets use `harness score REAL FAKE`"
)


def _partners(real: Sequence[str], own: Sequence[str], path: Path, of: Path) -> list[int]:
    """For each real image the place of its partner. Raises UsageError where any is without one."""
    there = {key: place for place, key in enumerate(partner_keys(own))}
    wanted = partner_keys(real)
    if len(there) < len(own) or len(set(wanted)) < len(wanted):
        raise UsageError(f"{of} and {path}: two images of one set have nearly the same name")
    lacking = [name for name, key in zip(real, wanted, strict=True) if key not in there]
    extra = [name for name, key in zip(own, partner_keys(own), strict=True) if key not in set(wanted)]
    if lacking or extra:
        shown = ", ".join((lacking or extra)[:SHOWN])
        whose = (
            f"{len(lacking)} of {len(real)} real images have no partner in {path}"
            if lacking
            else (f"{len(extra)} of {len(own)} images of {path} have no partner in {of}")
        )
        raise UsageError(
            f"{whose} ({shown}{', …' if len(lacking or extra) > SHOWN else ''}): images are paired by file name. {WHY}"
        )
    return [there[key] for key in wanted]


def _one_shape(one: np.ndarray, other: np.ndarray, name: str, generator: str) -> tuple[np.ndarray, np.ndarray]:
    """Both images with as many channels; grey beside colour is repeated."""
    if one.shape[:2] != other.shape[:2]:
        raise UsageError(
            f"{name} has {one.shape[0]} × {one.shape[1]} pixels and its partner of {generator} {other.shape[0]} × "
            f"{other.shape[1]}; resize both to one size first"
        )
    channels = max(one.shape[2], other.shape[2])
    shapes = [(*image.shape[:2], channels) for image in (one, other)]
    return np.broadcast_to(one, shapes[0]), np.broadcast_to(other, shapes[1])


def _compares(asked: Asked) -> dict[str, Compare]:
    known: dict[str, Compare] = {"psnr": psnr, "ssim": ssim}
    found = {}
    for measure in asked.measures:
        found[measure] = _lpips(asked) if measure == "lpips" else known[measure]
    return found


def _lpips(asked: Asked) -> Compare:
    from harness.encoders import LPIPS

    network = LPIPS(net=asked.net, weights="random" if asked.random_weights else "official")  # type: ignore[arg-type]
    if asked.device != "auto":
        network.to(asked.device)
    return lambda one, other: float(network.distances(one[None], other[None])[0])
