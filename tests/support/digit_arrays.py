"""Digits as arrays and as files: a real set, and a fake one that is moved by a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def digit_arrays(n_real: int = 90, n_fake: int = 70) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (n, 8, 8, 1) of digits, and others moved one pixel to the right."""
    from sklearn.datasets import load_digits

    images = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)[..., None]
    return images[:n_real], np.roll(images[n_real : n_real + n_fake], 1, axis=2)


def as_pngs(images: np.ndarray, folder: Path) -> Path:
    """The images as PNG files in a folder, in their order."""
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f"{i:05d}.png")
    return folder
