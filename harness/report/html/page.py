"""`report.html`: everything a run says, in one file that asks nothing of any network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.base import digest, digest_file, named, percent, write_atomically
from harness.benchmark import registry
from harness.pipeline import ownership
from harness.report import paste, words
from harness.report.figures.charts import has_plane, heatmap, plane, prd, ranked_forest, small_forest
from harness.report.figures.marks import figure
from harness.report.figures.rankcharts import bump, colours, strip
from harness.report.figures.reading import how_to_read
from harness.report.finding import SUFFIX, Finding
from harness.report.html.markup import Child, Markup, prose, tag
from harness.report.html.nearest import nearest_section
from harness.report.html.samples import sample_anchors, sample_rows
from harness.report.html.style import CSS, SCRIPT
from harness.report.html.sweeps import cost_section, lottery_section, size_section, sweep_section
from harness.report.html.tables import leaderboard_table, study_table
from harness.report.run_files import NEEDED, RunFiles, read_run
from harness.report.words import terms

NAME = "report.html"
MADE_OF = ".report.json"  # what the page in OUT was made of, and its digest
# A run's own studies come first, what it is held against after them; others follow by name.
STUDIES = ("diagnosis", "compare", "rerank", "audit", "claims")


def write_report(out: Path) -> Path:
    """Write `report.html` from a run's files and its `*.finding.json`; the same files give the same bytes.

    Raises UsageError where OUT is not a run, or a finding does not follow its schema.
    """
    path, payload = out / NAME, page(read_run(out)).encode("utf-8")
    if not (path.is_file() and path.read_bytes() == payload):
        write_atomically(path, payload)
    write_atomically(out / MADE_OF, json.dumps({"of": _inputs(out), "page": digest_file(path)}).encode("ascii"))
    return path


def freshen_report(out: Path) -> Path:
    """`write_report`, unless the page in OUT is of these very files and this code already: then none is read again."""
    path = out / NAME
    try:
        held = json.loads((out / MADE_OF).read_text(encoding="ascii"))
        if held == {"of": _inputs(out), "page": digest_file(path)}:
            return path
    except (OSError, ValueError):
        pass
    return write_report(out)


def _inputs(out: Path) -> str:
    """The digest of all that a page is made of: a run's files, findings and pictures, and the code that draws it."""
    costs = [out / ownership.COSTS] if (out / ownership.COSTS).is_file() else []
    files = [
        *(out / name for name in NEEDED),
        *costs,
        *sorted(out.glob(f"*{SUFFIX}")),
        *sorted((out / "grids").glob("*.png")),
        *sorted((out / "nearest").glob("*")),
    ]
    code = registry.source_digest((__name__,))
    return digest([code, [[file.relative_to(out).as_posix(), digest_file(file)] for file in files]])


def page(run: RunFiles) -> str:
    """The whole document."""
    board = run.board
    sections = [
        ("values", "Values, intervals and ties", _values(run)),
        ("table", "Table", _tables(run)),
        ("plane", "Fidelity against diversity", _plane(run)),
        ("ranks", "Ranks across encoders", _ranks(run)),
        ("seeds", "Single seeds", _seeds(run)),
        ("sweeps", "Sweeps: curves, and the best cell after correction for the choice", sweep_section(run)),
        ("sizes", "Number of images", size_section(run)),
        ("costs", "Training, sampling and likelihood", cost_section(run)),
        ("lottery", "Lucky and unlucky seeds", lottery_section(run)),
        ("samples", "Samples", _samples(run)),
        ("nearest", "Nearest training images, and duplicates", nearest_section(run)),
        *((f"finding-{name}", finding.title, _finding(name, finding)) for name, finding in _studied(run)),
        ("terms", "Words used here", _terms(run)),
        ("methods", "Methods, ready to paste", _methods(run)),
        ("lock", "Lock file: everything that decides the numbers", _lock(run)),
    ]
    shown_sections = [(key, title, body) for key, title, body in sections if body]
    description = run.lock["benchmark"].get("description") or ""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Even markup that slipped through could load nothing.
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        ),
        tag("title", f"{board.benchmark}: report"),
        tag("style", Markup(CSS)),
    )
    above = {f"finding-{name}" for name, finding in run.findings.items() if finding.verdict}  # linked by `_studies`
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title, _ in shown_sections if key not in above]
    body = tag(
        "body",
        tag("header", tag("h1", board.benchmark), tag("p", description, class_="sub") if description else None),
        tag(
            "main",
            _verdict(run),
            _studies(run),
            tag("nav", tag("p", "Contents", class_="hint"), tag("ul", *links), aria_label="Sections"),
            *(
                tag("section", tag("h2", title, id=f"{key}-h"), *content, id=key, aria_labelledby=f"{key}-h")
                for key, title, content in shown_sections
            ),
        ),
        tag("script", Markup(SCRIPT)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


FIRST = 2  # sentences of the verdict that are always seen


def _verdict(run: RunFiles) -> Markup:
    """The answer in sight, all that it must be read with folded below it; paper unfolds it."""
    more = "What is flagged, how sure this is, and what would change it"
    return tag("section", *_folded(words.verdict(run), more), class_="verdict", aria_label="Verdict")


def _folded(sentences: Sequence[str], more: str) -> list[Child]:
    """The first sentences as paragraphs, the others folded under `more`; paper unfolds them."""
    told: list[Child] = [tag("p", *prose(sentence)) for sentence in sentences]
    rest = told[FIRST:]
    return [*told[:FIRST], tag("details", tag("summary", more), *rest, class_="paper") if rest else None]


def _studied(run: RunFiles) -> list[tuple[str, Finding]]:
    """The findings by name, in the order of `STUDIES`."""

    def place(name: str) -> tuple[int, str]:
        return next((n for n, kind in enumerate(STUDIES) if name.startswith(kind)), len(STUDIES)), name

    return sorted(run.findings.items(), key=lambda item: place(item[0]))


def _studies(run: RunFiles) -> Child:
    """Each study's answer, its first sentence, near the top; the section below has the rest."""
    told = [
        tag("li", tag("a", finding.title, href=f"#finding-{name}"), ": ", *prose(finding.verdict[0]))
        for name, finding in _studied(run)
        if finding.verdict
    ]
    hint = tag("p", "Studies of this run, each with its answer:", class_="hint")
    label = "What studies of this run say"
    return tag("section", hint, tag("ul", *told), class_="studies", aria_label=label) if told else None


def _values(run: RunFiles) -> list[Child]:
    parts: list[Child] = [tag("p", cut, class_="hint")] if (cut := _cut(run)) else []
    level = percent(run.board.interval["level"])
    for encoder in run.board.encoders:
        if not run.scored(encoder):
            continue
        others = [column for column in run.board.columns_of(encoder) if column != run.by]
        panels = [tag("figure", small_forest(run, encoder, column)) for column in others]
        bars = f"Bars: {level} intervals of {run.by.label} over all seeds."
        caption = f"{bars} (lo-hi): {level} confidence set of the rank. Last column: generators tied with this one."
        ranked = []
        if run.board.is_ranked(encoder):
            # A narrow window has room for the panel of the same numbers only.
            ranked.append(tag("div", figure(ranked_forest(run, encoder), caption), class_="broad"))
            ranked.append(tag("figure", small_forest(run, encoder, run.by), tag("figcaption", bars), class_="narrow"))
        if ranked and encoder == run.first:
            ranked.append(tag("details", tag("summary", "How to read this figure"), figure(how_to_read(run))))
        content: list[Child] = [*ranked, tag("div", *panels, class_="panels")]
        if encoder == run.first:
            parts += [tag("h3", run.board.title(encoder)), *content]
        else:
            parts.append(tag("details", tag("summary", run.board.title(encoder)), *content, class_="paper"))
    return parts


def _cut(run: RunFiles) -> str:
    """What the figures leave out; empty where they show every generator."""
    rows, drawn = run.scored(run.first), run.pictured(run.first)
    if len(rows) == len(drawn):
        return ""
    best = sum(not row.control for row in drawn)
    every = sum(not row.control for row in rows)
    return f"Figures show the best {best} of {every} generators; the table has all."


def _plane(run: RunFiles) -> list[Child]:
    if not run.scored(run.first):
        return []
    drawn: list[Child] = []
    if curves := run.prd_curves(run.first):
        caption = (
            f"Under {run.board.title(run.first)}. Precision against recall of clusters of both sets (Sajjadi et al."
            " 2018). A curve that is low on the right misses clusters; one that is low at the top makes too many images"
            " of some. F₈ and F₁/₈ summarise its two ends."
        )
        drawn.append(figure(prd(run, run.first, curves, colours(run)), caption))
    if not has_plane(run):
        return drawn
    caption = (
        f"Under {run.board.title(run.first)}. Higher: more fakes look real. Further right: more real images are"
        " covered. Lines: the intervals of both."
    )
    return [figure(plane(run, run.first, colours(run)), caption), *drawn]


def _ranks(run: RunFiles) -> list[Child]:
    if not any(run.scored(encoder) for encoder in run.board.encoders):
        return []
    random = [encoder for encoder, note in run.board.encoder_notes.items() if note]
    caption = (
        f"Rank by {run.by.label}, 1 is best. Pale bars are confidence sets of the ranks: if two bars overlap, the order"
        " may be chance." + (f" {named(random)}: {run.board.encoder_notes[random[0]]}." if random else "")
    )
    return [figure(bump(run, colours(run)), caption)]


def _seeds(run: RunFiles) -> list[Child]:
    if not run.cells(run.first, run.by.metric):
        return []
    caption = (
        "Each mark is one image set; marks of one shape come from one trained model. The vertical line is the ranked"
        " value, corrected for bias, so it may lie beside its marks."
        if run.board.interval["target"] == "T_inf"
        else "Each mark is one image set; marks of one shape come from one trained model. The vertical line is the"
        " ranked value, their mean."
    )
    return [figure(strip(run), caption)]


def _samples(run: RunFiles) -> list[Child]:
    anchors = sample_anchors(run)
    pictures = [
        tag("figure", _rows_of(name, uri), tag("figcaption", name), id=anchors[name]) for name, uri in sample_rows(run)
    ]
    if not pictures:
        return []
    hint = "The same rows of every grid, chosen at random by the run key; first sampling seed of each."
    return [tag("p", hint, class_="hint"), tag("div", *pictures, class_="grids")]


def _rows_of(name: str, uri: str) -> Markup:
    return tag("img", src=uri, alt=f"Rows of sample images: {name}")


def _tables(run: RunFiles) -> list[Child]:
    said = "Value ± half its interval, or [low, high] where the sides differ."
    hint = tag("p", said, tag("span", " Headings sort.", class_="screen"), class_="hint")
    parts: list[Child] = [hint]
    for encoder in run.board.encoders:
        table = leaderboard_table(run, encoder)
        first = encoder == run.first
        folded = tag("details", tag("summary", run.board.title(encoder)), table, class_="paper")
        parts.append(table if first else folded)
    parts.append(tag("ul", *(tag("li", *prose(note)) for note in run.board.notes), class_="hint"))
    return parts


def _finding(name: str, finding: Finding) -> list[Child]:
    parts: list[Child] = []
    if finding.verdict:
        parts.append(tag("div", *_folded(finding.verdict, "Details"), class_="verdict"))
    if finding.heatmap:
        parts.append(figure(heatmap(f"heatmap-{name}", finding.heatmap), finding.heatmap.caption))
    parts += [study_table(table) for table in finding.tables]
    return parts or [tag("p", "This finding is empty.")]


def _terms(run: RunFiles) -> list[Child]:
    return [tag("dl", *(part for word, text in terms(run) for part in (tag("dt", word), tag("dd", text))))]


def _methods(run: RunFiles) -> list[Child]:
    parts: list[Child] = []
    for title, text in (
        ("Methods paragraph", paste.methods(run)),
        ("BibTeX of this tool", paste.bibtex(run)),
        ("Table in LaTeX", paste.latex(run)),
    ):
        # Not a textarea: on paper that is cut off where its own scrolling begins.
        parts += [tag("h3", title), tag("pre", text, tabindex="0", aria_label=title, class_="paste", data_copy="")]
    return parts


def _lock(run: RunFiles) -> list[Child]:
    summary = tag("summary", f"benchmark.lock.yaml, run key {run.lock['run_key']}")
    return [tag("details", summary, tag("pre", run.lock_text, tabindex="0", aria_label="benchmark.lock.yaml"))]
