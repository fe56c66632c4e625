"""The report of 3, 20 and 200 generators: what its figures show, and that no window cuts it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.report.html.page import write_report
from harness.report.html.style import CSS
from harness.report.run_files import PICTURED
from tests.conftest import CHROMIUM, needs_chromium
from tests.support.run_directory import GENERATORS, write_run

COUNTS = (3, 20, 200)
CONTROLS = ("holdout", "memorise", "noise")
# Elements that reach beyond the window and lie in no box that scrolls by itself.
SPILT = """[...document.body.querySelectorAll('*')].filter(one => {
  if (one.getBoundingClientRect().right <= innerWidth + 0.5) return false;
  for (let box = one.parentElement; box && box !== document.body; box = box.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) return false;
  return true;
}).map(one => one.tagName + '.' + one.getAttribute('class'))"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The page of each number of generators, some of them with long names."""
    rng = np.random.default_rng(0)
    found = {}
    for count in COUNTS:
        names = [f"diffusion_transformer_xl_2_step_{n}" if n % 4 == 1 else f"ckpt-{n:03d}" for n in range(count - 1)]
        values = {name: (False, 2 + n, 0.01 * (n + 1), *rng.random(4)) for n, name in enumerate(names)}
        controls = CONTROLS[: 1 if count == 3 else 3]
        made = {name: GENERATORS[name] for name in controls} | dict(list(values.items())[: count - len(controls)])
        encoders = {"digits_convnet": "", **({"pixels": ""} if count < 200 else {})}
        out = write_run(tmp_path_factory.mktemp("many"), generators=made, encoders=encoders, failed=())
        found[count] = write_report(out)
    return found


def test_figures_of_many_generators_show_the_best_and_the_table_has_all(reports):
    for count, path in reports.items():
        text = path.read_text(encoding="utf-8")
        contestants = count - (1 if count == 3 else 3)
        (forest,) = re.findall(r'id="forest-0-desc">([^<]*)<', text)
        assert len(forest.split("; ")) == min(contestants, PICTURED[False]) + count - contestants
        cut = f"Figures show the best {PICTURED[False]} of {contestants} generators; the table has all."
        assert (cut in text) == (contestants > PICTURED[False])
        table = text.split('id="table"')[1].split("</table>")[0]
        assert table.count('scope="row"') == count
        assert len(text) < 700_000, "what a page of 200 generators weighs without pictures"


def test_names_of_one_family_stay_apart_where_they_are_shortened(reports):
    text = reports[20].read_text(encoding="utf-8")
    bump = text.split('id="ranks"')[1].split("</svg>")[0]
    drawn = re.findall(r">((?:diff)[^<]*…[^<]*) \d+</text>", bump)
    assert len(drawn) == len(set(drawn)) > 2


def shades(block: str) -> dict[str, tuple[float, ...]]:
    """The colours that a rule sets, as shares of red, green and blue."""
    found = re.findall(r"--(\w+):#([0-9a-f]{6}|[0-9a-f]{3})[;}]", block)
    long = {name: code if len(code) == 6 else "".join(letter * 2 for letter in code) for name, code in found}
    return {name: tuple(int(code[n : n + 2], 16) / 255 for n in (0, 2, 4)) for name, code in long.items()}


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The contrast ratio of WCAG 2.2."""

    def light(colour: tuple[float, ...]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_text_and_marks_have_the_contrast_that_wcag_aa_asks_for():
    blocks = re.findall(r":root\{([^}]*\})", CSS)
    assert len(blocks) == 3, "light, dark, paper"
    for block in blocks:
        colours = shades(block)
        for name in ("ink", "quiet", "link"):
            assert min(contrast(colours[name], colours[paper]) for paper in ("paper", "panel")) >= 4.5, (name, block)
        for mark in (f"c{n}" for n in range(7)):
            assert contrast(colours[mark], colours["paper"]) >= 3, (mark, block)


@pytest.mark.slow
@needs_chromium
def test_at_400_pixels_no_element_reaches_beyond_the_window(reports):
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 400, "height": 900})
        for count, path in reports.items():
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert page.evaluate(SPILT) == [], count
            assert page.evaluate("document.scrollingElement.scrollWidth") == 400, count
            value = page.locator("#table tbody td[title]").first.bounding_box()
            assert value["x"] + value["width"] <= 400, "rank, name and the metric that ranks are seen without scrolling"
        page.set_viewport_size({"width": 1400, "height": 900})
        box = page.locator("#table .scroll").first
        assert box.bounding_box()["height"] <= 900, "a table of 200 rows scrolls in its own box"
        head = page.locator("#table thead th").first
        box.evaluate("one => { one.scrollTop = 2000 }")
        assert head.bounding_box()["y"] >= box.bounding_box()["y"] - 1, "and its titles stay"
        browser.close()
