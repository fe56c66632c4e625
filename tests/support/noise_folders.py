"""Small folders of images that mean nothing, and the benchmark that scores them by their pixels in a second."""

from pathlib import Path

import numpy as np
from PIL import Image

from harness.benchmark.from_folders import declare

N = 24


def noise(folder: Path, n: int, *, seed: int = 0) -> Path:
    """A folder of n images of 6 x 6 pixels; the first pixel of each tells its number."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(n):
        pixels = rng.integers(0, 256, (6, 6, 3), np.uint8)
        pixels[0, 0] = i
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def declared(real: Path, *fakes: Path, out: Path, seed: int = 0) -> Path:
    """The benchmark of N images a set that `harness score --n` would write."""
    return declare(real, fakes, out=out, protocol=None, encoder="pixels", n=N, random_weights=False, seed=seed).bench
