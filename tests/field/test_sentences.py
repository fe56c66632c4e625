"""What the page says of many generators, of two distances that disagree, and of a control that is none."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from harness.pipeline.notes import pool_notes
from harness.pipeline.rows import Disagreement
from harness.report.figures.rankcharts import bump, colours
from harness.report.html.page import page
from harness.report.run_files import RunFiles, read_run
from harness.report.words import answer, verdict
from tests.support.run_directory import write_run

ONE = {"pixels": ""}
VALUES = (0.1, 0.9, 0.9, 1.0, 0.9)  # of all metrics but FD


def run_of(out: Path, names: list[str], **options) -> RunFiles:
    """A run of untrained generators whose FD rises by 0.01 from name to name."""
    found = {name: (False, 2 + 0.01 * place, *VALUES) for place, name in enumerate(names)}
    return read_run(write_run(out, generators=found, encoders=ONE, **options))


def with_rows(run: RunFiles, change) -> RunFiles:
    rows = tuple(change(row) for row in run.board.rows)
    return dataclasses.replace(run, board=dataclasses.replace(run.board, rows=rows))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> RunFiles:
    """200 generators, all tied and all flagged, and 30 that failed."""
    names = [f"g{number:03d}" for number in range(200)]
    run = run_of(tmp_path_factory.mktemp("many"), names, failed=tuple(f"broken{number}" for number in range(30)))
    return with_rows(
        run,
        lambda row: dataclasses.replace(row, tied_with=tuple(names), flags=("2% repeated images",) * bool(row.rank)),
    )


def test_no_sentence_of_200_generators_names_more_than_five(many):
    for sentence in verdict(many):
        assert len(re.findall(r"\b(?:g|broken)\d+\b", sentence)) <= 5, sentence
    assert re.search(r"g000 \(FD [^)]*\), .* and 195 more are tied", answer(many)[0])
    assert len(verdict(many)) < 20, "the flagged and the failed are counted too"


def test_the_table_names_them_all(many):
    text = page(many)
    assert all(f">g{number:03d}</th>" in text for number in range(200))


def test_too_few_images_are_one_line_with_the_list_behind_it():
    pools = {f"g{number}": (10_000, 1) for number in range(11)} | {"whole": (20_000, 2), "endless": (None, 2)}
    (line,) = pool_notes(pools, seeds=2)
    listed = "g0 (10,000), g1 (10,000), g2 (10,000), g3 (10,000), g4 (10,000) and 6 more"
    assert line == f"enough images for only 1 of 2 sampling seeds: {listed}"


def test_marks_of_20_generators_are_distinct_and_labelled_directly(tmp_path):
    names = [f"g{number:02d}" for number in range(20)]
    run = run_of(tmp_path, names, failed=())
    drawn = bump(run, colours(run))
    marks = re.findall(r'<(circle|rect|path) class="(c\d[^"]*)"( d="M[^"]*)?', drawn)
    assert len(marks) == 20

    def looks(tag: str, style: str, path: str) -> tuple[str, str, str]:
        return tag, style, re.sub(r"^ d=\"M\S+ \S+?(?=[a-z])", "", path)

    assert len({looks(*one) for one in marks}) == 20
    assert all(re.search(rf">{name} \d+<", drawn) for name in names)


def test_the_verdict_says_under_which_encoders_fd_and_kd_disagree(tmp_path):
    run = run_of(tmp_path, ["a", "b", "c"], failed=())
    differ = (Disagreement("pixels", "fd", "kd", (("a", "b"), ("a", "c"))),)
    changed = dataclasses.replace(run, board=dataclasses.replace(run.board, disagreements=differ))
    wanted = "FD and KD disagree beyond noise under pixels: FD prefers a to b and a to c; KD the reverse."
    assert wanted in answer(changed)
    assert wanted in verdict(changed)
    assert not any("disagree" in sentence for sentence in verdict(run))


def test_nothing_is_compared_with_a_control_that_is_not_exchangeable(tmp_path):
    def run(folder: str, kd: float) -> RunFiles:
        found = {"holdout": (False, 2.0, kd, *VALUES[1:]), "kde": (True, 3.0, *VALUES)}
        return read_run(write_run(tmp_path / folder, generators=found, encoders=ONE, failed=()))

    fair = verdict(with_rows(run("fair", 0.0), lambda row: dataclasses.replace(row, tied_with=("kde",))))
    assert any(sentence.startswith("No worse than held-out real images (holdout") for sentence in fair) or any(
        sentence.startswith("Held-out real images (holdout") for sentence in fair
    )
    broken = verdict(run("broken", 25.6))
    assert any(sentence.startswith("Holdout is not exchangeable with the reference (kd 25.6 [") for sentence in broken)
    assert not any("eld-out real images" in sentence for sentence in broken)
