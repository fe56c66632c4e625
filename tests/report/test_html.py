"""The page that shows a run: true to its Records, safe with any name, the same bytes each time, without requests."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.cli.main import main
from harness.pipeline.rows import Row
from harness.report.figures.charts import cividis, prd
from harness.report.figures.rankcharts import colours
from harness.report.figures.scale import Axis, axis_for
from harness.report.finding import Finding, Heatmap, Table, drop_findings, finding_name, read_findings, write_finding
from harness.report.html.grids import image_grid
from harness.report.html.page import page, write_report
from harness.report.html.tables import side
from harness.report.paste import latex, methods
from harness.report.run_files import CONTROLS, RunFiles, read_run
from harness.report.words import leaders, verdict
from tests.conftest import CHROMIUM, needs_chromium
from tests.support.run_directory import GENERATORS, REASON, write_run

FINDING = Finding(
    title="An audit of <names>",
    verdict=("Two of three claims hold.",),
    tables=(Table("claims", ("claim", "p"), (("a & b", 0.04), ("c", None))),),
    heatmap=Heatmap("agreement", ("fd", "kd"), ("x", "y"), ((0.25, 1.0), (None, -0.5)), low=-1, high=1),
)
EVIL = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("run"))
    write_finding(folder, "audit", FINDING)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def run(out: Path) -> RunFiles:
    return read_run(out)


@pytest.fixture(scope="module")
def text(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every element's name and attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def with_ties(run: RunFiles, ties: dict[str, tuple[str, ...]]) -> RunFiles:
    rows = tuple(dataclasses.replace(row, tied_with=ties.get(row.generator, ())) for row in run.board.rows)
    return dataclasses.replace(run, board=dataclasses.replace(run.board, rows=rows))


def test_the_same_files_give_the_same_bytes_wherever_they_lie(tmp_path):
    pages = [write_report(write_run(tmp_path / name)).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]
    before = (tmp_path / "a" / "report.html").stat().st_mtime_ns
    write_report(tmp_path / "a")
    assert (tmp_path / "a" / "report.html").stat().st_mtime_ns == before, "and are not written again"


def test_numbers_of_the_table_are_those_of_the_records(out, run, text):
    value = {
        (r.cell.encoder, r.cell.generator, r.metric): r.estimate.value
        for r in read_records(out / "records.jsonl")
        if r.level == "generator" and r.estimate and r.estimate.reference == "random"
    }
    wanted = [
        value[row.encoder, row.generator, column.metric]
        for encoder in run.board.encoders
        for row in run.scored(encoder)
        for column in run.board.columns
    ]
    shown = re.findall(r'<td data-value="([^"]+)" title=', text)
    assert [float(number) for number in shown] == wanted
    assert len(wanted) == 3 * 10 * 6


def test_no_address_leaves_the_page(text):
    elements = Elements(text).found
    linked = [a[k] for _, a in elements for k in ("src", "href", "data", "action", "poster", "xlink:href") if k in a]
    assert linked
    assert all(str(link).startswith(("#", "data:image/png;base64,")) for link in linked)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)
    assert not {name for name, _ in elements} & {"link", "iframe", "object", "embed", "base"}


def test_names_and_reasons_cannot_become_markup(tmp_path):
    out = write_run(tmp_path / "run", generators={name: GENERATORS[name] for name in ("kde", "vae")})
    evil = Finding(title=EVIL, verdict=(EVIL,), tables=(Table(EVIL, (EVIL,), ((EVIL,),)),))
    write_finding(out, "evil", evil)
    run, encoder = read_run(out), "</style><script>alert(1)</script>"
    rows = tuple(
        dataclasses.replace(
            row, encoder=encoder, flags=(EVIL,), reason=row.reason and EVIL, generator=EVIL + row.generator
        )
        for row in run.board.of(run.first)
    )
    by = {**run.board.rank_by, "encoder": encoder}
    board = dataclasses.replace(run.board, rows=rows, rank_by=by, encoder_notes={encoder: EVIL}, notes=(EVIL,))
    text = page(dataclasses.replace(run, board=board))
    assert "<img src=x" not in text
    names = [name for name, _ in Elements(text).found]
    assert names.count("script") == 1, "the page's own"
    assert "img" not in names, "no grid has such a name"
    assert not [a for _, a in Elements(text).found if any(key.startswith("on") for key in a)]
    assert html.escape(EVIL, quote=True) in text


def test_a_board_with_names_that_no_run_writes_is_refused(tmp_path):
    generators = {name: GENERATORS[name] for name in ("kde", "vae")} | {EVIL: GENERATORS["ppca"]}
    with pytest.raises(UsageError, match="rows that no run writes"):
        read_run(write_run(tmp_path / "run", generators=generators))


def test_every_figure_and_picture_says_in_words_what_it_shows(text):
    elements = Elements(text).found
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    pictures = [a for name, a in elements if name == "svg"]
    assert (
        len(pictures) == 3 * 7 + 1 + 3 + 1
    )  # forests, wide and narrow, and panels of three encoders; how to read; plane, ranks, seeds; heatmap
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(str(picture["aria-labelledby"]).split()) <= set(ids)
    assert all(a["alt"] for name, a in elements if name == "img")
    assert all(a.get("scope") for name, a in elements if name == "th")


def test_marks_of_the_forest_lie_where_the_values_are(run, text):
    svg = text[text.index('aria-labelledby="forest-0-title') : text.index("</svg>")]
    rows = run.scored(run.first)
    found = re.findall(
        r'<g><title>(\S+): FD ([^<]+) \[.*?<line class="bar (?:c\d|control)"'
        r' x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)".*?</g>',
        svg,
    )
    assert [name for name, *_ in found] == [row.generator for row in rows]
    estimates = [row.metrics["fd"] for row in rows]
    ends = [e.value for e in estimates], [e.low for e in estimates], [e.high for e in estimates]
    axis = axis_for(*ends, 280, 680)
    for (_, value, low, _, high), estimate in zip(found, estimates, strict=True):
        assert float(value) == pytest.approx(estimate.value, rel=1e-5)
        assert float(low) == pytest.approx(axis(estimate.low), abs=0.01)
        assert float(high) == pytest.approx(axis(estimate.high), abs=0.01)


def test_a_tie_at_the_front_has_no_winner_and_a_resolved_lead_has_one(run):
    resolved = verdict(with_ties(run, {}))
    assert ": kde (FD 2.20 ±0.26) is best" in resolved[0]
    assert "is best, beyond noise" in resolved[0]
    tied = verdict(with_ties(run, {"kde": ("gaussian_mixture",), "gaussian_mixture": ("kde",)}))
    assert "no single best" in tied[0]
    assert any("to separate kde and gaussian_mixture (`harness power" in sentence for sentence in tied)
    assert not any("which may part" in sentence for sentence in resolved)
    assert re.search(r"kde \(.*\) and gaussian_mixture \(.*\) are tied for first", tied[0])
    assert "memorise (FD" not in tied[0], "a control cannot win"
    everyone = tuple(GENERATORS)
    assert "no difference beyond noise" in verdict(with_ties(run, dict.fromkeys(GENERATORS, everyone)))[0]


def test_a_folder_of_before_rows_said_so_has_its_controls_from_the_lock(out, run, tmp_path):
    older = shutil.copytree(out, tmp_path / "older")
    board = json.loads((older / "leaderboard.json").read_text())
    for row in board["rows"]:
        assert row.pop("control") == (row["generator"] in CONTROLS)
    (older / "leaderboard.json").write_text(json.dumps(board))
    found = read_run(older)
    assert [row.control for row in found.board.rows] == [row.control for row in run.board.rows]
    assert verdict(found) == verdict(run)
    alone = write_run(tmp_path / "alone", generators={name: GENERATORS[name] for name in CONTROLS}, failed=())
    assert not any(row.control for row in read_run(alone).board.rows), "controls alone are what is judged"


def test_controls_stand_below_the_contestants_without_a_rank(run, text):
    order = [row.generator for row in run.scored(run.first)]
    assert order[:5] == ["kde", "gaussian_mixture", "ddpm", "vae", "ppca"]
    assert order[5:] == ["holdout", "memorise", "blur", "mode_drop", "noise"]
    table = text[text.index('id="table"') :]
    bodies = re.findall(r"<tbody>(.*?)</tbody>", table)[:3]
    ranks = [re.findall(r'<tr><td data-value="(\d*)">([^<]+)', body) for body in bodies]
    assert [rank for rank, _ in ranks[0]][:5] == ["1", "2", "3", "4", "5"]
    assert "Controls: known answers, not ranked" in bodies[1]
    assert ranks[2] == [("", "control")] * 5


def test_the_verdict_shows_two_sentences_and_folds_the_rest(text):
    box = text[text.index('class="verdict"') :]
    seen, folded = box[: box.index("</section>")].split("<details", 1)
    assert seen.count("<p>") == 2
    assert "How sure: " in folded
    assert "What would change it: " in folded


def test_leaders_are_tied_with_each_other_and_nobody_beats_them():
    def row(name: str, rank: int, tied: tuple[str, ...]) -> Row:
        return Row("e", name, "ok", None, rank, 1, 4, tied, (), (0,), 1, 1, {}, ())

    # c is tied with a but beaten by b: ties do not chain.
    rows = [row("a", 1, ("b", "c")), row("b", 2, ("a",)), row("c", 3, ("a",)), row("d", 4, ())]
    assert [r.generator for r in leaders(rows)] == ["a", "b"]


def test_a_flagged_leader_is_named_with_its_flag_and_the_order_without_it_is_given(run):
    rows = tuple(
        dataclasses.replace(row, flags=("71% near a training image",)) if row.generator == "kde" else row
        for row in run.board.rows
    )
    said = verdict(dataclasses.replace(run, board=dataclasses.replace(run.board, rows=rows)))
    assert ", flagged) is best" in said[0]
    assert said[1].startswith("Leaving out the flagged (kde): gaussian_mixture (FD")
    assert "Flagged: kde – 71% near a training image." in said
    assert not any(sentence.startswith("Leaving out") for sentence in verdict(run))


def test_random_weights_and_failures_are_told_in_the_verdict(run):
    said = " ".join(verdict(run))
    assert "Under random_convnet (random weights: not a measure of quality)" in said
    assert f"Failed: broken under digits_convnet, random_convnet and pixels – {REASON}." in said
    random = dataclasses.replace(
        run,
        board=dataclasses.replace(
            run.board,
            encoder_notes={
                **run.board.encoder_notes,
                "digits_convnet": "random weights: not a measure of quality",
            },
        ),
    )
    assert "not a measure of quality" in verdict(random)[0]


def test_the_methods_paragraph_holds_every_fact_that_a_reader_needs(run):
    said = methods(run)
    for fact in (
        "400 generated",
        "400 real",
        "3 training seeds",
        "2 sampling seed",
        "k = 3",
        "k = 5",
        "grey",
        "T_N",
        "treated as one random sample",
        "95%",
        str(run.lock["run_key"]),
        "0" * 40,
        np.__version__,
    ):
        assert fact in said, fact


def test_the_latex_table_escapes_names_and_has_a_row_for_each_generator(run):
    table = latex(run)
    assert r"gaussian\_mixture" in table
    assert not re.search(r"(?<!\\)_", table)
    body = table[table.index(r"\midrule") : table.index(r"\bottomrule")]
    assert body.count(r" \\") == len(run.board.of(run.first))


def test_sample_rows_are_whole_rows_of_the_grid_and_the_same_for_all(out, tmp_path):
    from harness.report.html.samples import sample_rows

    own = write_run(tmp_path / "run")
    levels = np.repeat(np.arange(8, dtype=np.uint8) * 30, 50)
    grid = np.full((402, 402), 255, np.uint8)
    grid[2:] = levels[:, None]
    for name in ("kde", "vae"):
        Image.fromarray(grid).save(own / "grids" / f"{name}.png")
    found = dict(sample_rows(read_run(own)))
    assert list(found) == ["kde", "vae"]
    assert found["kde"] == found["vae"]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["kde"].split(",")[1]))).convert("L"))
    assert picture.shape == (152, 402)
    middles = [int(picture[row * 50 + 25, 200]) for row in range(3)]
    assert middles == sorted(set(middles))
    assert all(level % 30 == 0 for level in middles)


def test_sample_rows_of_sets_of_different_sizes_show_the_same_indices(out, tmp_path):
    from harness.report.html.samples import sample_rows

    own = write_run(tmp_path / "run")
    images = np.broadcast_to(np.repeat(np.arange(8, dtype=np.uint8) * 30, 8)[:, None, None, None], (64, 48, 48, 3))
    for name, size in (("reference", 30), ("kde", 64)):
        image_grid(images[:size]).save(own / "grids" / f"{name}.png")
    run = read_run(own)
    rows = tuple(dataclasses.replace(row, n_real=30, n_fake=64) for row in run.board.rows)
    found = dict(sample_rows(dataclasses.replace(run, board=dataclasses.replace(run.board, rows=rows))))
    assert list(found) == ["reference", "kde"]
    levels = []
    for uri in found.values():
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L"))
        assert picture.shape == (152, 402)
        levels.append([int(picture[row * 50 + 25, 25]) for row in range(3)])
    assert levels[0] == levels[1] == sorted(set(levels[0]))
    assert set(levels[0]) <= {0, 30, 60, 90}


def test_findings_of_another_run_are_dropped_and_those_of_this_one_and_of_nobody_stay(tmp_path):
    out = write_run(tmp_path / "out")
    key = read_run(out).lock["run_key"]
    (tmp_path / "no-run").mkdir()
    assert read_findings(write_finding(tmp_path / "no-run", "mine", FINDING).parent)["mine"].run is None
    write_finding(out, "rerank", FINDING)
    write_finding(out, "audit", dataclasses.replace(FINDING, run="of an older declaration"))
    nobody = json.loads((out / "rerank.finding.json").read_text())
    (out / "by-hand.finding.json").write_text(json.dumps({**nobody, "run": None}))
    assert drop_findings(out, keep=[key]) == ["audit"]
    assert drop_findings(out, keep=["the next run"]) == ["rerank"]
    assert list(read_findings(out)) == ["by-hand"]


def test_names_of_findings_are_plain_and_differ_where_words_do():
    assert finding_name("rerank", "kd") == "rerank-kd"
    names = {finding_name("compare", *pair) for pair in (("A", "b"), ("a", "b"), ("a b", ""), ("a/b", ""))}
    assert len(names) == 4
    # A hyphen inside a word is not the one between two: each of these joins to compare-a-b-c.
    names = {finding_name("compare", *words) for words in (("a", "b", "c"), ("a-b", "c"), ("a", "b-c"), ("a-b-c",))}
    assert len(names) == 4
    assert "compare-a-b-c" in names
    assert all(re.fullmatch("[a-z0-9_-]+", name) for name in names)


def test_a_level_between_whole_percents_is_said_as_it_was_declared(tmp_path):
    folder = write_run(tmp_path)
    board = json.loads((folder / "leaderboard.json").read_text())
    (folder / "leaderboard.json").write_text(
        json.dumps({**board, "interval": {**board["interval"], "level": 0.999}}, ensure_ascii=True)
    )
    page = html.unescape(write_report(folder).read_text())
    assert "with 99.9% confidence" in page
    assert "Bars: 99.9% intervals" in page
    assert "99.9% confidence interval" in page
    assert "Intervals (99.9%)" in page
    assert "100% intervals" not in page
    assert "95%" not in page


def test_a_column_of_long_words_wraps_and_others_do_not():
    rows = (("short", "word " * 20, 1.0), ("short", "word", 2.0))
    assert [side(rows, column) for column in range(3)] == ["l", "l w t", None]


def test_findings_are_sections_of_their_own_and_round_trip(out, text):
    key = read_run(out).lock["run_key"]
    assert read_findings(out) == {"audit": dataclasses.replace(FINDING, run=key)}
    top = text[: text.index('id="values"')]
    assert '<a href="#finding-audit">An audit of &lt;names&gt;</a>: Two of three claims hold.' in top
    section = text[text.index('id="finding-audit"') : text.index('id="methods"')]
    for words in (
        "An audit of &lt;names&gt;",
        "Two of three claims hold.",
        "a &amp; b",
        "0.04",
        ">-0.50<",
        "agreement",
    ):
        assert words in section


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"verdict": "yes"}, "verdict: found str; allowed: a list"),
        ({"tables": [{"caption": "c", "columns": ["a"], "rows": [[1, 2]]}]}, "tables[0].rows[0]: found 2 cells"),
        (
            {"heatmap": {"caption": "c", "columns": ["a"], "rows": ["r"], "values": [[np.nan]], "low": 0, "high": 1}},
            "heatmap.values[0][0]: found nan",
        ),
        (
            {"heatmap": {"caption": "c", "columns": ["a"], "rows": ["r"], "values": [[1]], "low": 1, "high": 1}},
            "low < high",
        ),
    ],
)
def test_a_finding_that_breaks_the_schema_is_refused_with_file_and_key(tmp_path, change, complaint):
    path = tmp_path / "bad.finding.json"
    path.write_text(json.dumps({"title": "t", "verdict": []} | change))
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        read_findings(tmp_path)
    assert str(path) in str(caught.value)


def test_the_command_writes_the_report_and_refuses_a_folder_without_a_run(out, tmp_path):
    (out / "report.html").unlink()
    done = CliRunner().invoke(main, ["report", str(out)])
    assert done.exit_code == 0, done.output
    assert (out / "report.html").is_file()
    refused = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert refused.exit_code == 2
    assert "no records.jsonl" in refused.output


def test_axes_are_logarithmic_only_where_a_value_would_press_the_others_together():
    assert axis_for([1, 2, 3], [1, 2, 3], [1, 2, 3], 0, 100).kind == "linear"
    assert axis_for([1, 2, 300], [0.9, 1.9, 290], [1.1, 2.1, 310], 0, 100).kind == "log"
    crossing = axis_for([0, 2, 3000], [-1, 1, 2900], [1, 3, 3100], 0, 100)
    assert crossing.kind == "asinh"
    assert 0 in crossing.ticks()
    places = [crossing(value) for value in (-1, 0, 2, 3000)]
    assert places == sorted(places)
    for axis in (Axis(-0.3, 11, 0, 100), Axis(0.05, 40, 0, 100, "log"), crossing):
        assert 2 <= len(axis.ticks()) <= 8
        assert all(axis.low <= tick <= axis.high for tick in axis.ticks())


def test_colours_of_the_heatmap_follow_cividis_as_matplotlib_has_it():
    from matplotlib import colormaps

    for share in np.linspace(0, 1, 21):
        wanted = 255 * np.array(colormaps["cividis"](share)[:3])
        assert np.abs(np.array(cividis(share)) - wanted).max() < 16


@pytest.mark.slow
@needs_chromium
def test_in_a_browser_the_page_sorts_by_keyboard_and_asks_for_nothing_else(out):
    api = pytest.importorskip("playwright.sync_api")
    asked, said = [], []
    with api.sync_playwright() as play:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        address = (out / "report.html").as_uri()
        page.goto(address)

        def order() -> list[str]:
            return page.locator("#table table").first.locator("tbody th[scope=row]").all_text_contents()

        by_fd = sorted(GENERATORS, key=lambda name: GENERATORS[name][1])
        contestants = [name for name in by_fd if name not in CONTROLS]
        controls = [name for name in by_fd if name in CONTROLS]
        assert order() == [*contestants, "broken", *controls]
        head = page.locator("#table table thead th").nth(5)
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"

        def recall(names: list[str]) -> list[float]:
            return [GENERATORS[name][4] for name in names]

        assert recall(order()[:5]) == sorted(recall(contestants))
        assert order()[5] == "broken", "what has no number stays last"
        assert recall(order()[6:]) == sorted(recall(controls)), "controls are sorted among themselves"
        page.keyboard.press("Space")
        assert head.get_attribute("aria-sort") == "descending"
        assert order()[0] == "kde"
        assert order()[5] == "broken"
        drawn = page.locator("#values svg").first.text_content() or ""
        assert all(name in drawn for name in GENERATORS)
        assert "160" in drawn, "FD of noise"
        assert page.locator("img").evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing widens the page"
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nor on a telephone"
        browser.close()
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert said == []


def test_a_column_of_sentences_is_wrapped_and_one_of_words_or_numbers_is_not(tmp_path):
    folder = write_run(tmp_path / "run")
    rows = (
        ("kde", "one sentence that is far too long to stand on a single line of a page", 0.5),
        ("vae", "short", 1.0),
    )
    write_finding(folder, "told", Finding("T", ("V.",), (Table("t", ("name", "sentence", "p"), rows),)))
    page = write_report(folder).read_text(encoding="utf-8").split('id="finding-told"')[1].split("</section>")[0]
    assert '<th scope="col" class="l w t">sentence</th>' in page
    assert '<th scope="col" class="l">name</th>' in page
    assert '<th scope="col">p</th>' in page


def test_the_curve_of_precision_and_recall_is_drawn_for_each_generator_that_has_one(run: RunFiles):
    assert run.prd_curves(run.first) == {}  # no metric of this run is read off a curve
    two = [row.generator for row in run.scored(run.first)][:2]
    drawn = str(prd(run, run.first, {name: [(0.0, 1.0), (0.5, 0.8), (1.0, 0.0)] for name in two}, colours(run)))
    assert drawn.count('class="link c') == 4
    for name in two:
        assert f"<title>{html.escape(name)}</title>" in drawn
