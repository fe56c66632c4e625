"""Tables of the report: a caption above, and a box of its own that scrolls where the page is narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.pipeline import Column, Row, rank_text, seeds_text, shown
from harness.report.figures.charts import APART, direction
from harness.report.finding import Table
from harness.report.html.markup import Child, Markup, tag
from harness.report.html.samples import sample_anchors
from harness.report.run_files import RunFiles

PHRASE, LONG = 24, 60  # letters of a cell from which on a column of words is wrapped, and is given much room
TALL = 30  # rows of the leaderboard from which on it scrolls in a box of its own
MANY = 12  # rows of a study's table from which on it is folded: what follows must not be screens away


def leaderboard_table(run: RunFiles, encoder: str) -> Markup:
    """The leaderboard under one encoder, every cell with its number in full for sorting."""
    header = run.board.header(encoder)
    left = (1, len(header) - 1)
    heads = [tag("th", h, scope="col", class_="l" if n in left else None) for n, h in enumerate(header)]
    found, anchors = run.board.of(encoder), sample_anchors(run)
    rows = [_row(run, row, anchors) for row in found if not row.control]
    controls = [_row(run, row, anchors) for row in found if row.control]
    between = tag("th", f"{APART[0].upper()}{APART[1:]}", colspan=str(len(header)), scope="rowgroup", class_="l group")
    caption = f"{run.board.benchmark}, {run.board.title(encoder)}"
    bodies = [tag("tbody", *rows), *([tag("tbody", tag("tr", between)), tag("tbody", *controls)] if controls else [])]
    return _figure(caption, _table(caption, heads, bodies), tall=len(found) > TALL)


def study_table(table: Table) -> Markup:
    """A table of a study; one of many rows is folded under its caption, which then says how many there are."""
    heads = [tag("th", column, scope="col", class_=side(table.rows, n)) for n, column in enumerate(table.columns)]
    rows = [
        tag(
            "tr",
            *(
                tag(
                    "td",
                    "–" if entry is None else str(entry),
                    class_=side(table.rows, n),
                    data_value="" if entry is None else str(entry),
                )
                for n, entry in enumerate(row)
            ),
        )
        for row in table.rows
    ]
    drawn = _table(table.caption, heads, [tag("tbody", *rows)])
    if len(rows) <= MANY:
        return _figure(table.caption, drawn)
    return tag("details", tag("summary", f"{table.caption} ({len(rows)} rows)"), _scrolled(drawn))


def side(rows: Sequence[Sequence[object]], column: int) -> str | None:
    """Words stand on the left, in several lines where a cell is long; numbers on the right."""
    words = [entry for row in rows if isinstance(entry := row[column], str)]
    if not words:
        return None
    longest = max(map(len, words))
    return "l w t" if longest > LONG else "l w" if longest > PHRASE else "l"


def _figure(caption: str, table: Markup, *, tall: bool = False) -> Markup:
    # Inside the table a caption would be as wide as the table: cut off on a narrow page, folded by a small table.
    return tag("figure", tag("figcaption", caption), _scrolled(table, tall=tall), class_="table")


def _table(caption: str, heads: Sequence[Child], bodies: Sequence[Child]) -> Markup:
    return tag("table", tag("thead", tag("tr", *heads)), *bodies, class_="sortable", aria_label=caption)


def _scrolled(table: Markup, *, tall: bool = False) -> Markup:
    """A box of its own, which a `tall` table does not fill beyond the window: its titles stay in sight."""
    kind, words = ("scroll tall", "table, scrolls both ways") if tall else ("scroll", "table, scrolls sideways")
    return tag("div", table, class_=kind, tabindex="0", role="group", aria_label=words)


def _row(run: RunFiles, row: Row, anchors: Mapping[str, str]) -> Markup:
    """One generator; `data-value` holds each number in full, which is what sorting reads."""
    ok = row.status == "ok"
    cells = [tag("td", rank_text(row) if ok else "–", data_value="" if row.rank is None else str(row.rank))]
    anchor = anchors.get(row.generator)
    name = tag("a", row.generator, href=f"#{anchor}") if anchor else row.generator
    cells.append(tag("th", name, scope="row", class_="l"))
    cells += [_number(row, column) for column in run.board.columns_of(row.encoder)]
    images = (len(row.training_seeds) or 1) * len(row.sampling_seeds)
    cells.append(tag("td", seeds_text(row) if ok else "–", data_value=str(images) if ok else ""))
    cells.append(tag("td", "; ".join(row.flags) if ok else f"FAILED: {row.reason}", class_="l w"))
    return tag("tr", *cells)


def _number(row: Row, column: Column) -> Markup:
    estimate = row.metrics.get(column.metric)
    if estimate is None:
        return tag("td", "–", data_value="")
    low, high = estimate.ends
    about = f"[{low:.6g}, {high:.6g}]" if estimate.has_interval else f"no interval, {estimate.method}"
    tip = f"{direction(column)}: {estimate.value:.6g} {about}"
    value, _, ends = shown(estimate).partition(" ")
    return tag(
        "td",
        value,
        " ",
        tag("span", ends, class_="ends"),
        data_value=repr(float(estimate.value)),
        title=tip,
    )
