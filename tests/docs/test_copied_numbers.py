"""Numbers that explanations repeat are those of the page that a command wrote."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"


def rows(page: str, after: str) -> dict[str, dict[str, str]]:
    """Rows of the first table after a heading: by generator, each cell by its column."""
    lines = iter((DOCS / page).read_text(encoding="utf-8").partition(after)[2].split("\n"))
    head = next(line for line in lines if line.startswith("|"))
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    found = {}
    for line in lines:
        if found and not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(columns) and not set(cells[0]) <= {"-"}:
            row = dict(zip(columns, cells, strict=True))
            found[row["generator"]] = row
    return found


def number(cell: str) -> float:
    return float(re.findall(r"[\d.]+", cell)[0])


def words(page: str) -> str:
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


FAMILIES = "explanation/model-families.md"


@pytest.mark.parametrize(
    ("generator", "column", "said"),
    [
        ("diffusion-ddpm-100", "FD ↓", r"With 100 steps the diffusion model has FD (\d+)"),
        ("diffusion-dpmpp-10", "FD ↓", r"DPM-Solver\+\+ with 10 steps has (\d+)"),
        ("diffusion-ddim-1", "FD ↓", r"One DDIM step fails \(FD (\d+)\)"),
        ("flow", "FD ↓", r"bits per dimension and FD (\d+)\. PixelCNN"),
        ("pixelcnn", "FD ↓", r"PixelCNN has [\d.]+ bits and FD (\d+)"),
        ("gan", "FD ↓", r"GANs have no likelihood and FD (\d+)"),
        ("energy", "clipped density ↑", r"highest clipped density \(([\d.]+)\)"),
        ("pixelcnn", "clipped density ↑", r"PixelCNN among the lowest \(([\d.]+)\)"),
    ],
)
def test_scores_of_the_families_are_those_of_the_run(generator, column, said):
    (told,) = re.findall(said, words(FAMILIES))
    measured = number(rows("families.md", "## Fidelity and coverage")[generator][column])
    assert f"{measured:.{len(told.partition('.')[2])}f}" == told


def test_likelihoods_and_verdicts_of_the_families_are_those_of_the_run():
    costs = rows("families.md", "## Cost, likelihood, stability")
    said_of = {"flow": r"exact likelihood of ([\d.]+) bits", "pixelcnn": r"PixelCNN has ([\d.]+) bits"}
    for generator, said in said_of.items():
        (told,) = re.findall(said, words(FAMILIES))
        assert f"{number(costs[generator]['bits/dim ↓']):.1f}" == told
    counts = r"(\d+) agree, (\d+) disagree, (\d+) are not decided"
    assert re.findall(counts, words(FAMILIES)) == re.findall(counts, words("families.md"))


def test_fd_of_the_controls_is_what_the_demo_prints():
    """Both blocks are made by tests.docs; precision and recall are in its `--details` alone."""
    explained = rows_of_controls()
    printed = words("explanation/reading-a-leaderboard.md")
    assert set(explained) == {"holdout", "memorise", "blur", "mode_drop", "noise"}
    for control, fd in explained.items():
        assert re.search(rf"control {control} {re.escape(fd)} [\[±]", printed), control


def rows_of_controls() -> dict[str, str]:
    page = (DOCS / "explanation/why-fid-lies.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)`: [^|]+ \| ([\d.]+) \|", page, re.MULTILINE))
