"""Path lengths of a benchmark's generators, by LPIPS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from harness import benchmark
from harness.base import UsageError, named, percent, unknown
from harness.benchmark import registry, trust
from harness.generators import Network
from harness.metrics import PathLength, path_length, step

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of images (n, H, W, C), 0 to 255
BATCH = 32  # pairs a pass


@dataclass(frozen=True)
class Asked:
    """How it is measured; the defaults are those of torch-fidelity and StyleGAN, but for images that are not rounded.

    Rounded to 255 levels, images a step of 1e-4 apart are equal but for pixels that lie at an edge, whose change is
    then divided by 1e-8: torch-fidelity prints 1147 for a network that has 31 without rounding.
    """

    pairs: int = 10_000
    epsilon: float = 1e-4
    how: Literal["lerp", "slerp"] = "lerp"
    net: Literal["alex", "vgg"] = "vgg"
    side: int | None = 64
    random_weights: bool = False
    seed: int = 2020
    level: float = 0.95


def measured(path: Path, generators: Sequence[str], asked: Asked) -> dict[str, PathLength]:
    """The path length of each of the benchmark's generators that are named, or of all with a latent space.

    Raises UsageError for a name that has none: generators that only show images, or draw more than a latent.
    """
    from harness.encoders import LPIPS

    declared = benchmark.load(path)
    trust.check(declared)
    for name in generators:
        if name not in declared.generators:
            raise UsageError(unknown("generator", name, declared.generators))
    made: dict[str, Network] = {}
    for name in generators or declared.generators:
        entry = declared.generators[name]
        if entry.component.name in KINDS:
            made[name] = registry.make("generators", entry.use, entry.parameters, declared.folder)
        elif generators:
            raise UsageError(f"{name}: {entry.use} {WHY}")
    if not made:
        raise UsageError(f"{path}: none of {named(list(declared.generators))} has a latent space; path length {NEEDS}")
    network = LPIPS(net=asked.net, weights="random" if asked.random_weights else "official")

    def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return network.distances(one, other, side=asked.side)

    return {
        name: path_length(distances(one, apart, asked), epsilon=asked.epsilon, level=asked.level)
        for name, one in made.items()
    }


KINDS = ("torchscript", "onnx", "torch_module")
NEEDS = f"is measured on generators of kind {named(KINDS)}, whose images are functions of one latent"
WHY = f"has no latent space to walk in: path length {NEEDS}"


def distances(generator: Network, apart: Distance, asked: Asked) -> np.ndarray:
    """Distance of each pair of images, float64 (pairs,): latents as torch-fidelity draws them from the seed."""
    rng = np.random.RandomState(asked.seed)  # the peers' own generator and order of calls, for their numbers
    shape = (asked.pairs, *generator.latent_shape)
    draw = rng.randn if generator.distribution == "normal" else lambda *sides: rng.uniform(-1, 1, sides)
    one, other = (np.asarray(generator.truncation * draw(*shape), np.float32) for _ in range(2))
    other = step(one, other, asked.epsilon, how=asked.how)
    labels = None if generator.classes is None else rng.randint(0, generator.classes, asked.pairs)
    found = []
    for start in range(0, asked.pairs, BATCH):
        part = slice(start, start + BATCH)
        of_class = None if labels is None else labels[part]
        found.append(apart(*(generator.unrounded(latents[part], of_class) for latents in (one, other))))
    return np.concatenate(found)


def text(found: Mapping[str, PathLength], asked: Asked) -> str:
    """A line a generator, and the convention."""
    lines = [
        f"{name}: {one.value:.5g} [{one.low:.5g}, {one.high:.5g}], {one.kept:,} of {one.pairs:,} pairs"
        for name, one in sorted(found.items(), key=lambda item: item[1].value)
    ]
    size = "" if asked.side is None else f" at {asked.side} px"
    how = (
        f"Perceptual path length in z, lower is smoother: ε = {asked.epsilon:g}, {asked.how}, LPIPS ({asked.net}){size}"
        f", images not rounded, trimmed at 1% and 99%, seed {asked.seed}; {percent(asked.level)} intervals."
    )
    note = (
        ["note: LPIPS has random weights: this measures nothing but its own arithmetic"] if asked.random_weights else []
    )
    return "\n".join([*lines, how, *note])
