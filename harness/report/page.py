"""`report.html`: everything a run says, in one file that asks nothing of any network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.leaderboard import Column, Row, rank_text, seeds_text, shown
from harness.report import words
from harness.report.charts import direction, has_plane, heatmap, plane, ranked_forest, small_forest
from harness.report.finding import Finding
from harness.report.marks import figure
from harness.report.markup import Child, Markup, tag
from harness.report.rankcharts import bump, colours, strip
from harness.report.run_files import RunFiles, read_run
from harness.report.samples import sample_rows
from harness.report.style import CSS, SCRIPT
from harness.store import write_atomically

NAME = "report.html"
LONG = 60  # letters of a cell from which on a column of words is wrapped


def write_report(out: Path) -> Path:
    """Write `report.html` from a run's files and its `*.finding.json`; the same files give the same bytes.

    Raises UsageError where OUT is no run, or a finding does not follow its schema.
    """
    path, payload = out / NAME, page(read_run(out)).encode("utf-8")
    if not (path.is_file() and path.read_bytes() == payload):
        write_atomically(path, payload)
    return path


def page(run: RunFiles) -> str:
    """The whole document."""
    board = run.board
    sections = [
        ("values", "Values, intervals and ties", _values(run)),
        ("plane", "Fidelity against diversity", _plane(run)),
        ("ranks", "Ranks across encoders", _ranks(run)),
        ("seeds", "Single seeds", _seeds(run)),
        ("samples", "Samples", _samples(run)),
        ("table", "Table", _tables(run)),
        *((f"finding-{name}", finding.title, _finding(name, finding)) for name, finding in run.findings.items()),
        ("methods", "Methods, ready to paste", _methods(run)),
        ("lock", "The lock: everything that decides the numbers", _lock(run)),
    ]
    shown_sections = [(key, title, body) for key, title, body in sections if body]
    description = run.lock["benchmark"].get("description") or ""
    head = tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Even markup that slipped through could load nothing.
        tag("meta", http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"),
        tag("title", f"{board.benchmark}: report"), tag("style", Markup(CSS)),
    )  # fmt: skip
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title, _ in shown_sections]
    body = tag(
        "body",
        tag("header", tag("h1", board.benchmark), tag("p", description, class_="sub") if description else None),
        tag("main",
            tag("section", *(tag("p", sentence) for sentence in words.verdict(run)), class_="verdict",
                aria_label="Verdict"),
            _studies(run),
            tag("nav", tag("ul", *links), aria_label="Sections"),
            *(tag("section", tag("h2", title, id=f"{key}-h"), *content, id=key, aria_labelledby=f"{key}-h")
              for key, title, content in shown_sections)),
        tag("script", Markup(SCRIPT)),
    )  # fmt: skip
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _studies(run: RunFiles) -> Child:
    """Each study's answer, its first sentence, near the top; the section below has the rest."""
    told = [
        tag("li", tag("a", finding.title, href=f"#finding-{name}"), f": {finding.verdict[0]}")
        for name, finding in run.findings.items()
        if finding.verdict
    ]
    return (
        tag("section", tag("ul", *told), class_="studies", aria_label="What studies of this run say") if told else None
    )


def _values(run: RunFiles) -> list[Child]:
    parts: list[Child] = []
    level = f"{run.board.interval['level']:.0%}"
    for encoder in run.board.encoders:
        if not run.ranked(encoder):
            continue
        others = [column for column in run.board.columns_of(encoder) if column != run.by]
        panels = [tag("figure", small_forest(run, encoder, column)) for column in others]
        caption = (
            f"Bars are {level} intervals of {run.by.label} over all seeds. Ranks in brackets are those that the data"
            " allow; the last column names the generators whose difference from this one is not resolved."
        )
        ranked = [figure(ranked_forest(run, encoder), caption)] if run.board.is_ranked(encoder) else []
        content: list[Child] = [*ranked, tag("div", *panels, class_="panels")]
        if encoder == run.first:
            parts += [tag("h3", run.board.title(encoder)), *content]
        else:
            parts.append(tag("details", tag("summary", run.board.title(encoder)), *content))
    return parts


def _plane(run: RunFiles) -> list[Child]:
    if not has_plane(run) or not run.ranked(run.first):
        return []
    caption = (
        f"Under {run.board.title(run.first)}. Higher: more of the fakes look real. Further right: more of the"
        " real images are within reach. Lines are the intervals of both."
    )
    return [figure(plane(run, run.first, colours(run)), caption)]


def _ranks(run: RunFiles) -> list[Child]:
    if not any(run.ranked(encoder) for encoder in run.board.encoders):
        return []
    random = [encoder for encoder, note in run.board.encoder_notes.items() if note]
    caption = (
        f"Rank by {run.by.label}, 1 is best. Pale bars are the ranks that the data allow: where two bars overlap, the"
        " order of the two may be chance."
        + (f" {words.listed(random)}: {run.board.encoder_notes[random[0]]}." if random else "")
    )
    return [figure(bump(run, colours(run)), caption)]


def _seeds(run: RunFiles) -> list[Child]:
    if not run.cells(run.first, run.by.metric):
        return []
    caption = (
        "Each mark is one image set; marks of one shape come from one trained model. The upright line is the value that"
        " is ranked. Where it lies aside of its marks, that value has its bias taken off."
        if run.board.interval["target"] == "T_inf"
        else "Each mark is one image set; marks of one shape come from one trained model. The upright line is the"
        " value that is ranked, their mean."
    )
    return [figure(strip(run), caption)]


def _samples(run: RunFiles) -> list[Child]:
    pictures = [
        tag("figure", tag("img", src=uri, alt=f"Rows of sample images: {name}"), tag("figcaption", name))
        for name, uri in sample_rows(run)
    ]
    if not pictures:
        return []
    hint = "The same rows of every grid, drawn by the run key and by nobody's eye; first sampling seed of each."
    return [tag("p", hint, class_="hint"), tag("div", *pictures, class_="grids")]


def _tables(run: RunFiles) -> list[Child]:
    hint = tag(
        "p", "Value ± half its interval, or [low, high] where the sides differ. Headings sort.", class_="hint"
    )  # fmt: skip
    parts: list[Child] = [hint]
    for encoder in run.board.encoders:
        table = _table(run, encoder)
        first = encoder == run.first
        parts.append(table if first else tag("details", tag("summary", run.board.title(encoder)), table))
    parts.append(tag("ul", *(tag("li", note) for note in run.board.notes), class_="hint"))
    return parts


def _table(run: RunFiles, encoder: str) -> Markup:
    header = run.board.header(encoder)
    left = (1, len(header) - 1)
    heads = [tag("th", h, scope="col", class_="l" if n in left else None) for n, h in enumerate(header)]
    rows = [_row(run, row) for row in run.board.of(encoder)]
    caption = tag("caption", f"{run.board.benchmark}, {run.board.title(encoder)}")
    table = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="sortable")
    return _scrolled(table)


def _scrolled(table: Markup) -> Markup:
    return tag("div", table, class_="scroll", tabindex="0", role="group", aria_label="table, scrolls sideways")


def _row(run: RunFiles, row: Row) -> Markup:
    """One generator; `data-value` holds each number in full, which is what sorting reads."""
    ok = row.status == "ok"
    cells = [tag("td", rank_text(row) if ok else "–", data_value="" if row.rank is None else str(row.rank))]
    cells.append(tag("th", row.generator, scope="row", class_="l"))
    cells += [_number(row, column) for column in run.board.columns_of(row.encoder)]
    images = (len(row.training_seeds) or 1) * len(row.sampling_seeds)
    cells.append(tag("td", seeds_text(row) if ok else "–", data_value=str(images) if ok else ""))
    cells.append(tag("td", "; ".join(row.flags) if ok else f"FAILED: {row.reason}", class_="l w"))
    return tag("tr", *cells)


def _number(row: Row, column: Column) -> Markup:
    estimate = row.metrics.get(column.metric)
    if estimate is None:
        return tag("td", "–", data_value="")
    tip = f"{direction(column)}: {estimate.value:.6g} [{estimate.low:.6g}, {estimate.high:.6g}]"
    value, _, ends = shown(estimate).partition(" ")
    return tag("td", value, " ", tag("span", ends, class_="ends"), data_value=repr(float(estimate.value)), title=tip)


def _finding(name: str, finding: Finding) -> list[Child]:
    parts: list[Child] = []
    if finding.verdict:
        parts.append(tag("div", *(tag("p", sentence) for sentence in finding.verdict), class_="verdict"))
    if finding.heatmap:
        parts.append(figure(heatmap(f"heatmap-{name}", finding.heatmap), finding.heatmap.caption))
    for table in finding.tables:
        heads = [tag("th", column, scope="col", class_=_side(table.rows, n)) for n, column in enumerate(table.columns)]
        body = [
            tag("tr", *(
                tag("td", "–" if entry is None else str(entry), class_=_side(table.rows, n),
                    data_value="" if entry is None else str(entry))
                for n, entry in enumerate(row)
            ))
            for row in table.rows
        ]  # fmt: skip
        head = tag("thead", tag("tr", *heads))
        parts.append(
            _scrolled(tag("table", tag("caption", table.caption), head, tag("tbody", *body), class_="sortable"))
        )
    return parts or [tag("p", "This finding holds no sentence, table or figure.")]


def _side(rows: Sequence[Sequence[object]], column: int) -> str | None:
    """Words stand on the left, in several lines where a cell is long; numbers on the right."""
    words = [entry for row in rows if isinstance(entry := row[column], str)]
    if not words:
        return None
    return "l w t" if max(map(len, words)) > LONG else "l"


def _methods(run: RunFiles) -> list[Child]:
    parts: list[Child] = []
    for title, text, lines in (
        ("Methods paragraph", words.methods(run), 9),
        ("BibTeX of this tool", words.bibtex(run), 7),
        ("Table in LaTeX (needs booktabs)", words.latex(run), 12),
    ):
        area = tag("textarea", text, readonly=True, rows=str(lines), aria_label=title, data_copy="", spellcheck="false")
        parts += [tag("h3", title), area]
    return parts


def _lock(run: RunFiles) -> list[Child]:
    summary = tag("summary", f"benchmark.lock.yaml, run key {run.lock['run_key']}")
    return [tag("details", summary, tag("pre", run.lock_text, tabindex="0", aria_label="benchmark.lock.yaml"))]
