"""The pages of a site: an index with a table for each way of measuring, and a page a run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from harness.base import Estimate
from harness.pipeline import Column, Row, rank_text, seeds_text, shown
from harness.report import paste
from harness.report.exports.about import provenance
from harness.report.html.markup import Child, Markup, join, tag
from harness.report.html.style import CSS, SCRIPT
from harness.report.site.boards import Board, Place

MORE = """
.search{font:inherit;width:min(28rem,100%);padding:.4rem .6rem;border:1px solid var(--rule);border-radius:4px;
background:var(--paper);color:var(--ink)}
tr[hidden],section[hidden]{display:none}
"""
# Rows are hidden, not removed, so that sorting and search do not disturb each other.
SEARCH = """
const box = document.querySelector("input.search"), told = document.querySelector("[data-count]");
if (box) box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const row of document.querySelectorAll("tbody tr[data-search]")) {
    row.hidden = !words.every(word => row.dataset.search.includes(word));
    count += !row.hidden;
  }
  for (const part of document.querySelectorAll("section.board"))
    part.hidden = words.length > 0 && !part.querySelector("tbody tr:not([hidden])");
  told.textContent = count + (count === 1 ? " row" : " rows");
});
"""


def index(title: str, held: list[Place], made: list[Board]) -> str:
    """The first page: search, a table for each way of measuring, and the runs."""
    rows = sum(len(board.rows) for board in made)
    search = tag(
        "p",
        tag("input", type="search", class_="search", placeholder="Search", aria_label="Search rows"),
        " ",
        tag("span", f"{rows} rows", data_count="", class_="hint", role="status"),
    )
    hint = (
        "Rows stand in one table only where the runs measure the same: reference images, numbers, preprocessing, "
        "encoder and metrics. Ranks and their sets are those within a row's own run; between runs compare intervals."
    )
    runs = [_run_line(place) for place in held]
    return _page(
        title,
        tag("header", tag("h1", title), tag("p", hint, class_="sub")),
        tag("main", search, *map(_board, made), tag("section", tag("h2", "Runs"), _runs_table(runs))),
    )


def run_page(place: Place) -> str:
    """One run: its tables, what made them, and the way to its own report."""
    run, told = place.run, provenance(place.run)
    links: list[Child] = [tag("a", "all runs", href="../../index.html"), " · "]
    links.append(tag("a", "report", href="report.html") if place.has_report else "no report was kept")
    facts = {
        "run key": str(run.lock["run_key"]),
        "harness": str(told.get("harness", "unknown")),
        "commit": str(told.get("commit", "unknown")),
        "device": str(told.get("device", "unknown")),
        "libraries": ", ".join(f"{name} {version}" for name, version in told.get("libraries", {}).items()),
        "registered": str(told.get("registration", "post hoc: nothing was registered before sampling")),
    }
    tables = [
        tag(
            "section",
            tag("h2", run.board.title(encoder)),
            _table([(None, row) for row in run.board.of(encoder)], run.board.columns_of(encoder)),
        )
        for encoder in run.board.encoders
    ]
    return _page(
        f"{run.board.benchmark}: a run",
        tag(
            "header",
            tag("h1", run.board.benchmark),
            tag("p", tag("a", "all runs", href="../../index.html"), " · ", *links),
        ),
        tag(
            "main",
            _list(facts),
            *tables,
            tag("section", tag("h2", "Methods"), tag("p", paste.methods(run))),
            tag("section", tag("h2", "Notes"), tag("ul", *(tag("li", note) for note in run.board.notes))),
        ),
    )


def _board(board: Board) -> Markup:
    columns = board.rows[0][0].run.board.columns_of(board.encoder)
    note = tag("p", board.note, class_="hint") if board.note else None
    return tag(
        "section",
        tag("h2", board.title, id=f"b-{board.key}"),
        note,
        _list(board.facts),
        _table(board.rows, columns),
        class_="board",
    )


def _table(rows: Iterable[tuple[Place | None, Row]], columns: Iterable[Column]) -> Markup:
    columns = tuple(columns)
    rows = tuple(rows)
    several = any(place is not None for place, _ in rows)
    heads = [
        "rank",
        "generator",
        *(f"{c.label} {'↓' if c.lower_is_better else '↑'}" for c in columns),
        "seeds",
        "notes",
    ]
    heads += ["run"] if several else []
    body = [_row(place, row, columns) for place, row in rows]
    return tag(
        "figure",
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
                tag("tbody", *body),
                class_="sortable",
            ),
            class_="scroll",
        ),
        class_="table",
    )


def _row(place: Place | None, row: Row, columns: tuple[Column, ...]) -> Markup:
    rank = rank_text(row) if row.rank is not None else ""
    cells = [tag("td", rank, data_value="" if row.rank is None else str(row.rank), class_="l")]
    cells.append(tag("th", row.generator, scope="row", class_="l"))
    for column in columns:
        estimate = row.metrics.get(column.metric)
        cells.append(tag("td", data_value="") if estimate is None else _value(estimate))
    seeds = seeds_text(row)
    remarks = "; ".join(row.flags) if row.status == "ok" else f"failed: {row.reason}"
    cells += [tag("td", seeds), tag("td", remarks, class_="l w")]
    words = [row.generator, remarks]
    if place is not None:
        cells.append(tag("td", tag("a", _when(place), href=f"{place.folder}/index.html"), class_="l"))
        words += [place.run.board.benchmark, row.encoder]
    return tag("tr", *cells, data_search=" ".join(words).lower())


def _value(estimate: Estimate) -> Markup:
    text = shown(estimate)
    low, high = estimate.ends
    ends = f"[{low:.4g}, {high:.4g}]" if estimate.has_interval and "[" not in text else ""
    title = f"{estimate.method}; n_real = {estimate.n_real}, n_fake = {estimate.n_fake}"
    return tag(
        "td", text, tag("span", ends, class_="ends") if ends else None, data_value=repr(estimate.value), title=title
    )


def _run_line(place: Place) -> list[Child]:
    told = provenance(place.run)
    return [
        tag("a", place.run.board.benchmark, href=f"{place.folder}/index.html"),
        _when(place),
        str(told.get("harness", "unknown")),
        str(told.get("registration", "post hoc")),
        tag("code", str(place.run.lock["run_key"])[:16]),
    ]


def _runs_table(lines: list[list[Child]]) -> Markup:
    heads = ("benchmark", "when", "harness", "registered", "run key")
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", head, scope="col", class_="l") for head in heads))),
            tag("tbody", *(tag("tr", *(tag("td", cell, class_="l") for cell in line)) for line in lines)),
            class_="sortable",
        ),
        class_="scroll",
    )


def _when(place: Place) -> str:
    import json

    path = place.run.out / "run.json"
    if not path.is_file():
        return "undated"
    try:
        return datetime.fromisoformat(str(json.loads(path.read_text("utf-8"))["time"])).strftime("%Y-%m-%d %H:%M")
    except (ValueError, KeyError, TypeError):
        return "undated"


def _list(facts: dict[str, str]) -> Markup:
    return tag("dl", *(tag(kind, text) for key, value in facts.items() for kind, text in (("dt", key), ("dd", value))))


def _page(title: str, *body: Child) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Even markup that slipped through could load nothing.
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("title", title),
        tag("style", Markup(CSS + MORE)),
    )
    whole = tag("html", head, tag("body", join(body), tag("script", Markup(SCRIPT + SEARCH))), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"
