"""Sample images of a run, as rows that chance picks, inside the page."""

from __future__ import annotations

import base64
import random
from io import BytesIO
from pathlib import Path

from harness.report.grids import GAP
from harness.report.run_files import RunFiles

COLUMNS, ROWS, SHOWN = 8, 8, 3  # of a grid, and how many rows of it are shown


def sample_rows(run: RunFiles) -> list[tuple[str, str]]:
    """(name, PNG as a data URI) of the reference and every generator with a grid, best rank first.

    The rows are the same for all and drawn by the run key: nobody chose them by eye.
    """
    named = ["reference", *dict.fromkeys(row.generator for row in run.board.rows)]
    sizes = [row.n_fake for row in run.board.rows] + [row.n_real for row in run.board.rows]
    rows = min(ROWS, -(-min(sizes, default=0) // COLUMNS))
    chosen = sorted(random.Random(str(run.lock["run_key"])).sample(range(rows), min(SHOWN, rows)))
    files = [(name, run.out / "grids" / f"{name}.png") for name in named]
    return [(name, _data_uri(path, rows, chosen)) for name, path in files if path.is_file()]


def _data_uri(path: Path, rows: int, chosen: list[int]) -> str:
    """The chosen rows of a grid; the whole of a picture that is no such grid."""
    from PIL import Image

    with Image.open(path) as picture:
        width, height = picture.size
        step, rest = divmod(height - GAP, max(1, rows))
        if rest or step <= GAP:
            return _encoded(path.read_bytes())
        strips = Image.new("RGB", (width, step * len(chosen) + GAP), (255, 255, 255))
        for place, row in enumerate(chosen):
            strips.paste(picture.crop((0, row * step, width, (row + 1) * step + GAP)), (0, place * step))
    payload = BytesIO()
    strips.save(payload, "PNG")
    return _encoded(payload.getvalue())


def _encoded(payload: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(payload).decode("ascii")
