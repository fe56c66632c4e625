"""Sample images side by side, enlarged by whole pixels so that what is seen is what was scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

GAP = 2  # pixels between images, after enlargement
PAPER, INK = (255, 255, 255), (0, 0, 0)
SIDE = 48  # an image's longer side is enlarged to about this many pixels, and never reduced


def image_grid(images: np.ndarray, *, columns: int = 8, rows: int = 8) -> Image:
    """The first `columns` × `rows` images of a uint8 (n, H, W, C) set, row by row; fewer where there are fewer.

    Give every generator's images at the same indices, so that grids can be compared place by place.
    """
    from PIL import Image

    shown = _enlarged(images[: columns * rows])
    if not len(shown):
        raise ValueError("`images` is empty: there is no grid of nothing")
    height, width = shown.shape[1:3]
    across, down = min(columns, len(shown)), -(-len(shown) // columns)
    grid = Image.new("RGB", (across * (width + GAP) + GAP, down * (height + GAP) + GAP), PAPER)
    for place, image in enumerate(shown):
        row, column = divmod(place, columns)
        grid.paste(Image.fromarray(image), (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return grid


def contact_sheet(sets: Mapping[str, np.ndarray], *, columns: int = 16) -> Image:
    """One labelled row per image set: its first `columns` images, uint8 (n, H, W, C). Sets may differ in size."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=14)
    strips = {name: image_grid(images, columns=columns, rows=1) for name, images in sets.items() if len(images)}
    if not strips:
        raise ValueError("`sets` holds no image")
    margin = 16 + max(int(font.getlength(name)) for name in strips)
    sheet = Image.new(
        "RGB", (margin + max(s.width for s in strips.values()), sum(s.height for s in strips.values())), PAPER
    )
    top = 0
    for name, strip in strips.items():
        ImageDraw.Draw(sheet).text((8, top + strip.height / 2), name, INK, font, anchor="lm")
        sheet.paste(strip, (margin, top))
        top += strip.height
    return sheet


def _enlarged(images: np.ndarray) -> np.ndarray:
    """uint8 (n, H, W, 1 or 3) → uint8 (n, fH, fW, 3) with a whole factor f ≥ 1."""
    factor = max(1, round(SIDE / max(images.shape[1:3])))
    colour = np.broadcast_to(images, (*images.shape[:3], 3))
    return colour.repeat(factor, axis=1).repeat(factor, axis=2)
