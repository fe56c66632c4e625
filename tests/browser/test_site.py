"""`harness site` over 200 generators: what stands in one table, search and sort in a browser, nothing loaded."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from tests.conftest import CHROMIUM, needs_chromium
from tests.support.run_directory import write_run

RUNS = 20


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Twenty runs of ten generators each, by other names in each; the last measures with other images."""
    folder = tmp_path_factory.mktemp("results")
    first = write_run(folder / "run-00", failed=())
    board, records = ((first / name).read_text() for name in ("leaderboard.json", "records.jsonl"))
    lock = (first / "benchmark.lock.yaml").read_text()
    key = re.search(r"run_key: (\S+)", lock)[1]
    for number in range(1, RUNS):
        run = folder / f"run-{number:02d}"
        run.mkdir()
        told = json.loads(board)
        for row in told["rows"]:
            row["generator"] += f"-{number}"
            if number == 1 and row["generator"] == "kde-1":
                row["flags"] = ["<script>document.title='taken'</script>"]
        (run / "leaderboard.json").write_text(json.dumps(told))
        (run / "records.jsonl").write_text("".join(records.splitlines(keepends=True)[:60]))
        text = lock.replace(key, f"{number:064x}")
        (run / "benchmark.lock.yaml").write_text(
            text if number < RUNS - 1 else text.replace("n_fake: 400", "n_fake: 7")
        )
    return folder


@pytest.fixture(scope="module")
def site(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    told = CliRunner().invoke(main, ["site", str(results), "--out", str(out), "--title", "A & B"])
    assert told.exit_code == 0, told.output
    assert f"over {RUNS} runs" in told.stdout
    return out


def test_every_page_is_whole_without_a_server_and_names_are_no_markup(site):
    pages = list(site.rglob("index.html"))
    assert len(pages) == RUNS + 1
    for page in pages:
        text = page.read_text()
        assert not re.findall(r'(?:src|href)="(?!\.\./|runs/|#|report|data:)', text)
        assert "<script>document" not in text
        assert "Content-Security-Policy" in text
    assert "<title>A &amp; B</title>" in (site / "index.html").read_text()


def test_rows_share_a_table_only_where_they_are_measured_alike(site):
    text = (site / "index.html").read_text()
    sections = re.findall(r'<section class="board">.*?</section>', text, re.S)
    assert len(sections) == 6  # three encoders; and once more for the run that says another n_fake
    sizes = sorted(section.count("<tr data-search") for section in sections)
    assert sizes == [10, 10, 10, 190, 190, 190]


def test_a_run_that_is_given_twice_stands_once_and_a_folder_of_other_things_is_left_alone(results, tmp_path):
    asked = ["site", str(results / "run-00"), str(results / "run-00"), "--out", str(tmp_path / "s")]
    assert "over 1 run\n" in CliRunner().invoke(main, asked).stdout
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("x")
    refused = CliRunner().invoke(main, [*asked[:-1], str(tmp_path / "mine")])
    assert refused.exit_code == 2
    assert "not a site's" in refused.stderr
    assert "no run here" in CliRunner().invoke(main, ["site", str(tmp_path / "mine")]).stderr


@needs_chromium
def test_search_and_sort_of_200_generators_in_a_browser(site):
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url))
        page.goto(f"file://{site}/index.html")
        assert loaded == [f"file://{site}/index.html"]
        assert page.title() == "A & B"
        visible = "tbody tr[data-search]:visible"
        assert page.locator(visible).count() == 600
        page.fill("input.search", "kde-7 pixels")
        assert page.locator(visible).count() == 1
        assert page.locator("[data-count]").inner_text() == "1 row"
        page.fill("input.search", "")
        table = page.locator("section.board table").first
        values = "tbody tr td:nth-child(3)"
        table.locator("thead th button").nth(2).click()
        read = "cells => cells.map(cell => Number(cell.dataset.value))"
        rising = table.locator(values).evaluate_all(read)
        assert rising == sorted(rising)
        table.locator("thead th button").nth(2).click()
        assert table.locator(values).evaluate_all(read) == rising[::-1] or rising[0] == rising[-1]
        page.locator("section.board table tbody a").first.click()
        assert "Methods" in page.inner_text("main")
        browser.close()
