"""Sample images of a run, as rows that chance picks, inside the page."""

from __future__ import annotations

import base64
import random
from io import BytesIO
from pathlib import Path

from harness.report.html.grids import GAP
from harness.report.run_files import RunFiles

COLUMNS, ROWS, SHOWN = 8, 8, 3  # of a grid, and how many rows of it are shown


def sample_anchors(run: RunFiles) -> dict[str, str]:
    """The id on the page of each set's sample rows, of those that have a grid; a name may hold what an id may not."""
    names = dict.fromkeys(["reference", *(row.generator for row in run.board.rows)])
    found = {name: f"samples-{place}" for place, name in enumerate(names)}
    return {name: anchor for name, anchor in found.items() if (run.out / "grids" / f"{name}.png").is_file()}


def sample_rows(run: RunFiles) -> list[tuple[str, str]]:
    """(name, PNG as a data URI) of the reference and every generator with a grid, best rank first.

    The rows are the same for all and drawn by the run key: nobody chose them by eye.
    """
    from PIL import Image

    sizes = {"reference": max((row.n_real for row in run.board.rows), default=0)}
    for row in run.board.rows:
        sizes[row.generator] = max(sizes.get(row.generator, 0), row.n_fake)
    grids = {}
    for name, size in sizes.items():
        path = run.out / "grids" / f"{name}.png"
        if path.is_file():
            with Image.open(path, formats=["PNG"]) as picture:
                grids[name] = (path, _rows(picture.height, size))
    # Sets differ in size, and so do their grids: drawn are rows that each of them has.
    common = min((rows for _, rows in grids.values() if rows), default=0)
    chosen = sorted(random.Random(str(run.lock["run_key"])).sample(range(common), min(SHOWN, common)))
    return [(name, _strips(path, rows, chosen)) for name, (path, rows) in grids.items()]


def _rows(height: int, size: int) -> int:
    """The rows of a grid of a set of `size` images; 0 where a picture of this height is no such grid."""
    rows = min(ROWS, -(-size // COLUMNS))
    step, rest = divmod(height - GAP, max(1, rows))
    return 0 if rest or step <= GAP else rows


def _strips(path: Path, rows: int, chosen: list[int]) -> str:
    """The chosen rows of a grid of `rows`; the whole of a picture that is no grid, which has none."""
    from PIL import Image

    if not rows:
        return data_uri(path.read_bytes())
    with Image.open(path, formats=["PNG"]) as picture:
        width, height = picture.size
        step = (height - GAP) // rows
        strips = Image.new("RGB", (width, step * len(chosen) + GAP), (255, 255, 255))
        for place, row in enumerate(chosen):
            strips.paste(picture.crop((0, row * step, width, (row + 1) * step + GAP)), (0, place * step))
    payload = BytesIO()
    strips.save(payload, "PNG")
    return data_uri(payload.getvalue())


def data_uri(payload: bytes) -> str:
    """A PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(payload).decode("ascii")
