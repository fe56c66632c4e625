"""Sample images side by side: small ones enlarged by whole pixels, as they were scored; large ones as thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.base import write_atomically
from harness.images import ImageSet

if TYPE_CHECKING:
    from PIL.Image import Image

GRID = 64  # images of a set that are shown
GAP = 2  # pixels between images, after enlargement
PAPER, INK = (255, 255, 255), (0, 0, 0)
SIDE = 48  # an image's longer side is enlarged to about this many pixels
# A longer side above it is reduced to it: 24 thumbnails of a generator in the report are 0.9 MB even where nothing in
# them can be compressed.
THUMBNAIL = 96
SHEET = 64  # the same on the sheet with a row of every generator


def write_grids(folder: Path, sets: Mapping[str, ImageSet]) -> None:
    """Write `<name>.png` of each set, and `_all.png`, a sheet with a row of each."""
    pictures = {name: image_grid(images) for name, images in sets.items()}
    pictures["_all"] = contact_sheet(sets)
    for name, picture in pictures.items():
        payload = BytesIO()
        picture.save(payload, "PNG")
        write_atomically(folder / f"{name}.png", payload.getvalue())


def image_grid(images: ImageSet, *, columns: int = 8, rows: int = 8, thumbnail: int = THUMBNAIL) -> Image:
    """The first `columns` × `rows` images of a set, row by row; fewer where there are fewer.

    Images of sizes of their own are enlarged, or reduced to `thumbnail` pixels, by one factor, so that larger ones look
    larger, each amid its place.

    Give every generator's images at the same indices, so that grids can be compared place by place.
    """
    from PIL import Image

    shown = _shown(images[: columns * rows], thumbnail)
    if not shown:
        raise ValueError("`images` is empty: there is no grid of nothing")
    height, width = (max(image.shape[axis] for image in shown) for axis in (0, 1))
    across, down = min(columns, len(shown)), -(-len(shown) // columns)
    grid = Image.new("RGB", (across * (width + GAP) + GAP, down * (height + GAP) + GAP), PAPER)
    for place, image in enumerate(shown):
        row, column = divmod(place, columns)
        left = GAP + column * (width + GAP) + (width - image.shape[1]) // 2
        grid.paste(Image.fromarray(image), (left, GAP + row * (height + GAP) + (height - image.shape[0]) // 2))
    return grid


def contact_sheet(sets: Mapping[str, ImageSet]) -> Image:
    """One labelled row per image set: its first 16 images. Sets may differ in size."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=14)
    strips = {
        name: image_grid(images, columns=16, rows=1, thumbnail=SHEET) for name, images in sets.items() if len(images)
    }
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


def _shown(images: ImageSet, thumbnail: int) -> list[np.ndarray]:
    """Each image as uint8 (fH, fW, 3) with one factor f for all, a whole number or below 1."""
    from PIL import Image

    longest = max((max(image.shape[:2]) for image in images), default=SIDE)
    colour = (np.broadcast_to(image, (*image.shape[:2], 3)) for image in images)
    if longest > thumbnail:
        return [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(image)).resize(
                    (
                        max(1, round(image.shape[1] * thumbnail / longest)),
                        max(1, round(image.shape[0] * thumbnail / longest)),
                    ),
                    Image.Resampling.BOX,
                    reducing_gap=2.0,
                )
            )
            for image in colour
        ]
    factor = max(1, round(SIDE / longest))
    return [image.repeat(factor, axis=0).repeat(factor, axis=1) for image in colour]
