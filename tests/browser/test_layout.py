"""The page on narrow windows and on paper, its order, and the words that it explains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.base.record import read_records
from harness.metrics.table import METRICS
from harness.report.figures.charts import ROOM, heatmap
from harness.report.finding import Finding, Heatmap, Table, write_finding
from harness.report.html.markup import join, prose
from harness.report.html.page import write_report
from harness.report.html.tables import MANY
from harness.report.run_files import read_run
from harness.report.words import terms, verdict
from tests.conftest import CHROMIUM, needs_chromium
from tests.support.run_directory import write_run

SENTENCE = "a sentence of many words that explains at length why the number beside it is what it is " * 3
NAMED = ("claim", "printed", "verdict", "reason", "metric", "model", "inferred", "source")
ROWS = tuple(
    (
        f"a-claim-of-some-length-{n}",
        "12.15 ± 0.15",
        "cannot be decided",
        SENTENCE,
        "fid",
        "DiffAugment-StyleGAN2 20% of CIFAR-10",
        "protocol, selection",
        "a README, its table of the numbers printed",
    )
    for n in range(4)
)
CAPTION = "A caption that is longer than a narrow window is wide, so that it has to go on in a second line of words"
WIDE = Table(CAPTION, NAMED, ROWS)
COSTS = Table(  # as wide as the widest of a real run
    "Training, sampling and likelihood",
    (
        *("generator", "training, CPU s", "parameters", "network evaluations per image", "images per second"),
        *("bits/dim ↓", "sd of FD over training seeds", "collapsed runs (recall under 0.1)"),
    ),
    (
        (
            *("diffusion-ddpm-100", 18.91, 284032, 100, 66.59, "≤ 3.563 (bound; se ± 0.023 images, ± 0.0095 seeds)"),
            *("2.64 [1.58, 7.58]", "0 of 5 [0.00, 0.52]"),
        ),
    ),
)
RERANKED = Table(
    "Pairs of generators that two encoders order differently",
    ("pair", "encoder", "prefers", "other encoder", "prefers this", "beyond noise"),
    (
        (
            *("diffusion-ddpm-100, gaussian_mixture", "inception-v3-fid", "diffusion-ddpm-100"),
            *("clip-vitl14-datacompxl", "gaussian_mixture", "may be noise"),
        ),
    ),
)
LONG = Table("Every change", ("pair", "change"), tuple((f"row {n}", n / 2) for n in range(MANY + 1)))
NAMES = ("kde", "gaussian_mixture", "ppca", "vae", "ddpm", "holdout", "blur", "noise", "mode_drop", "memorise")


def matrix(columns: tuple[str, ...]) -> Heatmap:
    values = tuple(tuple(0.1 * n for n in range(len(columns))) for _ in range(2))
    return Heatmap("change", columns, ("jpeg: 90, digits_convnet", "quantise: none, random_convnet"), values, -1, 1)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("run"))
    write_finding(folder, "claims-slide", Finding("Claims: a slide", ("One of four holds.",), (WIDE,)))
    write_finding(folder, "audit", Finding("An audit", ("No rank flips.",), (LONG, COSTS, RERANKED), matrix(NAMES)))
    write_finding(folder, "diagnosis-e", Finding("Diagnosis", ("All is well; `harness power OUT` says more.",)))
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def text(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def test_studies_of_the_run_itself_come_before_what_it_is_held_against(text):
    titles = re.findall(r'<h2 id="finding-([a-z]+)[^"]*-h">', text)
    assert titles == ["diagnosis", "audit", "claims"]
    linked = re.findall(r'href="#finding-([a-z]+)', text)
    assert linked == titles, "each once, with its answer"


def test_a_long_table_is_folded_with_its_number_of_rows_and_a_short_one_is_not(text):
    section = text.split('id="finding-audit"')[1].split("</section>")[0]
    assert f"<details><summary>Every change ({MANY + 1} rows)</summary>" in section
    assert "<details" not in text.split('id="finding-claims-slide"')[1].split("</section>")[0]


def test_commands_in_sentences_are_code_and_nothing_becomes_markup():
    assert join(prose("say `harness power` or <b>")) == "say <code>harness power</code> or &lt;b&gt;"
    assert join(prose("`<b>`")) == "<code>&lt;b&gt;</code>"
    assert join(prose("a lone ` stays")) == "a lone ` stays"


def test_words_are_explained_where_the_page_uses_them_and_only_there(out, tmp_path):
    run = read_run(out)
    said = dict(terms(run))
    measured = {record.metric for record in read_records(out / "records.jsonl")}
    assert {row.name for row in METRICS if row.meaning and row.label in said} == measured
    assert "p, p (Holm)" in said
    bare = read_run(write_run(tmp_path / "bare"))
    assert "p, p (Holm)" not in dict(terms(bare)), "no study, no p"
    assert all(text.endswith(".") for text in said.values())


def test_the_verdict_says_how_sure_and_what_would_change_it(out):
    said = verdict(read_run(out))
    assert any(sentence.startswith("How sure: ") for sentence in said)
    change = next(sentence for sentence in said if sentence.startswith("What would change it: "))
    assert "`harness audit BENCH`" in change


@pytest.mark.parametrize("columns", [NAMES, NAMES[:3], (*NAMES, "a_name_that_leans_far_out")])
def test_a_heatmap_fits_the_page_and_every_name_fits_the_heatmap(columns):
    svg = heatmap("h", matrix(columns))
    width = float(re.search(r'<svg viewBox="[^"]*" width="([\d.]+)"', svg)[1])
    assert width <= ROOM + 1
    for x, name in re.findall(r'<text x="([\d.]+)"[^>]*class="head">([^<]+)</text>', svg):
        lean = 0.87 if "rotate(-30" in svg else 0.5
        assert float(x) + lean * 6.0 * len(name) <= width, name  # a letter is about six pixels


@pytest.mark.slow
@needs_chromium
def test_in_a_browser_no_width_and_no_paper_cuts_or_squeezes_words(out):
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto((out / "report.html").as_uri())
        fits = "document.scrollingElement.scrollWidth <= innerWidth"
        right = "[...document.querySelectorAll('figcaption')].map(c => c.getBoundingClientRect().right)"
        for width in (1200, 800, 600, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(fits), width
            assert max(page.evaluate(right)) <= width, "a caption is no wider than the window"
        name = page.locator("#table tbody th").first
        name.evaluate("th => { th.closest('.scroll').scrollLeft = 300 }")
        assert name.bounding_box()["x"] >= 0, "the generator's name stays when its row is moved"

        button = page.get_by_role("button", name="Copy Methods paragraph")
        button.click()
        api.expect(page.locator(".copy").first).to_have_text("Copied")
        copied = page.evaluate("getSelection().toString()")
        assert copied.split() == page.locator("pre.paste").first.text_content().split(), "the whole text is selected"

        page.set_viewport_size({"width": 700, "height": 900})  # about A4 between its margins
        page.emulate_media(media="print")
        cells = "[...document.querySelectorAll('#finding-claims-slide td')].map(td => td.clientWidth)"
        widths = page.evaluate(cells)
        assert max(widths) > 150, "sentences have room"
        assert min(widths) > 40, "and no column is a column of letters"
        wide = "Math.max(...[...document.querySelectorAll('figure.table table')].map(t => t.scrollWidth))"
        assert page.evaluate(wide) <= 700, "no table is cut off on paper"
        folded = "[...document.querySelectorAll('details')].map(d => d.open)"
        assert not any(page.evaluate(folded))
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        opened = page.evaluate("[...document.querySelectorAll('details[open]')].map(d => d.className)")
        assert opened == ["paper"] * 5, "verdict; figures and tables of two encoders; not the lock, not a long table"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert not any(page.evaluate(folded))
        cut = "[...document.querySelectorAll('pre.paste')].filter(p => p.scrollHeight > p.clientHeight + 1).length"
        assert page.evaluate(cut) == 0, "what is there to be pasted is there in full"
        pages = page.pdf(format="A4").count(b"/Type /Page\n")
        assert 5 < pages < 16
        browser.close()
