"""`docs/families.md`: the families' table, curves, samples and verdicts, written from finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import UsageError, counted, percent, write_atomically
from harness.report import curve_words, facts_table, lottery_table, read_run
from harness.studies.families.compute import Families
from harness.studies.families.words import TOY, answer, axes, statements_table, summary

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from harness.report import RunFiles, Table

ROWS, GAP, LABEL = 2, 2, 170  # of a grid that are shown, its gap, and the width of a name in pixels


def write_page(path: Path, found: Families, out: Path, beside: Sequence[Path] = ()) -> list[Path]:
    """Write the page and, in a folder of its name, its pictures; the same runs give the same bytes.

    `out` is the run that was judged; `beside` are others, of sizes or of seeds, whose curves and tables follow.
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    run = read_run(out)
    made = [f"`benchmarks/{read_run(one).board.benchmark}.yaml`" for one in (out, *beside)]
    commands = " ".join(f"--out {one.as_posix()}" for one in (out, *beside))
    lines = [
        "# Families of generative models",
        "",
        f"{TOY} {run.lock['benchmark'].get('description', '')}.",
        "",
        f"Written by `harness reproduce families {commands} --page {path.as_posix()}`, after `harness run` of "
        f"{counted(len(made), 'benchmark')}: {', '.join(made)}.",
        "",
        *_table(run),
        *_facts(run),
        *_budget(run, found),
    ]
    pictures = [_sheet(run, found, folder / "samples.png")]
    lines += ["## Samples", "", "The first sixteen images of each, not selected. `holdout`: held-out real scans.", ""]
    lines += [f"![Rows of sample images of each family]({folder.name}/samples.png)", ""]
    lines += _sweeps(run, folder, pictures)
    lines += ["## Textbook statements about the families, tested", ""]
    lines += [answer(found), "", *summary(found), ""]
    lines += [f"Source of the statements: {found.source}. Tests at {percent(found.level)}.", ""]
    if found.controls:
        told = "Real images, as they are or degraded. The right answers are known; these are the metrics' answers."
        lines += ["### Controls", "", told, "", *statements_table(found.controls), ""]
    for axis in axes(found):
        own = [one for one in found.judged if one.axis == axis]
        lines += [f"### {axis.capitalize()}", "", *statements_table(own), ""]
    for other in beside:
        more = read_run(other)
        lines += [f"## {more.board.benchmark}", "", f"{more.lock['benchmark'].get('description', '')}.", ""]
        lines += _sweeps(more, folder, pictures, title=False)
        if (table := lottery_table(more)) is not None:
            lines += _markdown(table)
    write_atomically(path, ("\n".join(lines).rstrip() + "\n").encode())
    return [path, *pictures]


def _table(run: RunFiles) -> list[str]:
    """The leaderboard under the encoder that ranks."""
    board = run.board
    rows = [board.cells(row)[:-1] for row in board.of(run.first)]
    head = board.header(run.first)[:-1]
    level = percent(board.interval["level"])
    told = f"Under {board.title(run.first)}; ± is the {level} CI half-width. Swept generators are named by value."
    return ["## Fidelity and coverage", "", told, "", *_rows(head, rows), ""]


def _facts(run: RunFiles) -> list[str]:
    table = facts_table(run)
    return [] if table is None else ["## Cost, likelihood, stability", "", *_markdown(table)]


def _budget(run: RunFiles, found: Families) -> list[str]:
    """What training and sampling took altogether, in CPU minutes; nothing where a cost is not known."""
    declared = run.lock["benchmark"]
    seeds = len(declared.get("training_seeds") or [0])
    costs = [run.costs.get(generator, {}) for generator in found.shown.values()]
    paces = [float(cost["images_per_second"]) for cost in run.costs.values() if cost.get("images_per_second")]
    if not paces or not all("training_seconds" in cost for cost in costs):
        return []
    training = seeds * sum(float(cost["training_seconds"]) for cost in costs) / 60
    sampling = seeds * len(declared.get("sampling_seeds") or [0]) * declared["n_fake"] * sum(1 / p for p in paces) / 60
    told = (
        f"Training {counted(len(costs), 'model')} from {counted(seeds, 'seed')} each took {training:.0f} CPU minutes, "
        f"sampling all cells {sampling:.0f}, on the machine of this run, which also did other work."
    )
    return [told, ""]


def _markdown(table: Table) -> list[str]:
    cells = [["–" if entry is None else str(entry) for entry in row] for row in table.rows]
    return [f"{table.caption}.", "", *_rows(table.columns, cells), ""]


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _sweeps(run: RunFiles, folder: Path, pictures: list[Path], *, title: bool = True) -> list[str]:
    """The curves of a run, copied beside the page, and its choices in words."""
    drawn = sorted((run.out / "plots").glob("curves-*.png"))
    lines = ["## Curves, and the best cell after correction for the choice", ""] if title and drawn else []
    lines += [f"- {words}." for words in curve_words(run)]
    lines += [""] if len(lines) > 2 * title else []
    for picture in drawn:
        copy = folder / f"{run.board.benchmark}-{picture.name}"
        write_atomically(copy, picture.read_bytes())
        pictures.append(copy)
        lines += [f"![{picture.stem.replace('-', ' ')}]({folder.name}/{copy.name})", ""]
    return lines


def _sheet(run: RunFiles, found: Families, path: Path) -> Path:
    """One picture with sixteen images of each family, from the grids of the run."""
    from PIL import Image, ImageDraw

    shown = {"holdout": "holdout", **found.shown}
    grids = {name: run.out / "grids" / f"{generator}.png" for name, generator in shown.items()}
    there = {name: Image.open(file).convert("RGB") for name, file in grids.items() if file.is_file()}
    if not there:
        raise UsageError(f"{run.out / 'grids'}: no grids of the families' samples here")
    strips = {name: _strip(grid) for name, grid in there.items()}
    width = LABEL + max(strip.width for strip in strips.values())
    sheet = Image.new("RGB", (width, sum(strip.height + GAP for strip in strips.values())), (255, 255, 255))
    pen, top = ImageDraw.Draw(sheet), 0
    for name, strip in strips.items():
        sheet.paste(strip, (LABEL, top))
        pen.text((6, top + strip.height // 2 - 6), name, fill=(0, 0, 0))
        top += strip.height + GAP
    payload = BytesIO()
    sheet.convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(payload, "PNG", optimize=True)
    write_atomically(path, payload.getvalue())
    return path


def _strip(grid: Picture) -> Picture:
    """The first `ROWS` rows of a grid of eight columns, side by side, at half its size."""
    from PIL import Image

    cell = (grid.width - GAP) // 8
    strip = Image.new("RGB", (grid.width * ROWS, cell + GAP), (255, 255, 255))
    for row in range(ROWS):
        strip.paste(grid.crop((0, row * cell, grid.width, (row + 1) * cell + GAP)), (row * grid.width, 0))
    return strip.resize((strip.width * 2 // 3, strip.height * 2 // 3), Image.Resampling.LANCZOS)
