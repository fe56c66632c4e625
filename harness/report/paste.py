"""What a paper pastes from a run: the methods paragraph, the table in LaTeX, how to cite the tool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.base import named, percent
from harness.metrics import facts_of
from harness.report.run_files import RunFiles
from harness.report.words import REFERENCES, TARGETS


def methods(run: RunFiles) -> str:
    """A paragraph for a paper: what was compared with what, by which numbers, and what their intervals mean."""
    rows = run.scored(run.first) or list(run.board.of(run.first))
    interval = run.board.interval
    cell = run.records[0].cell if run.records else None
    provenance = run.records[0].provenance if run.records else {}
    names = []
    for column in run.board.columns:
        parameters = run.parameters(column.metric)
        use = str(parameters.get("use", column.metric))
        facts = ", ".join(f"{k} = {v}" for k, v in parameters.items() if k != "use" and v is not None)
        under = [name for name in run.board.encoders if column in run.board.columns_of(name)]
        only = f" under {named(under)}" if 0 < len(under) < len(run.board.encoders) else ""
        names.append((facts_of(use).citation or column.label) + (f" with {facts}" if facts else "") + only)
    encoders = [name + (f" ({note})" if note else "") for name, note in run.board.encoder_notes.items()]
    preprocessing = dict.fromkeys(record.cell.preprocessing for record in run.records)
    ways: dict[str, list[str]] = {}
    for row in rows:
        if estimate := row.metrics.get(run.by.metric):
            # The quantile's own numbers differ from row to row and stand in records.jsonl.
            way = re.sub(r", [\d.e+]+ (degrees of freedom|standard errors)", "", estimate.method)
            ways.setdefault(way, []).append(row.generator)
    trained = sorted({len(row.training_seeds) for row in rows if row.training_seeds})
    sampled = sorted({len(row.sampling_seeds) for row in rows})
    libraries = ", ".join(f"{name} {version}" for name, version in provenance.get("libraries", {}).items())
    where = f"the split {cell.reference_split} of {cell.dataset}" if cell else "the reference"
    said = [
        f"We compared {_sizes(row.n_fake for row in rows)} generated images per image set with"
        f" {_sizes(row.n_real for row in rows)} real images ({where}).",
        f"Trained generators were fitted with {named(map(str, trained))} training seeds." if trained else "",
        f"Each model was sampled with {' to '.join(dict.fromkeys(map(str, (sampled[0], sampled[-1]))))} sampling seeds."
        if sampled
        else "",
        f"Metrics: {'; '.join(names)}.",
        f"Features come from {named(encoders)}; preprocessing {named(preprocessing)}." if preprocessing else "",
        f"Generators are ranked by {run.by.label} under {run.first}, with simultaneous rank sets (Mogstad et al. 2024)"
        f" at {percent(interval['level'])}.",
        f"Intervals ({percent(interval['level'])}) are for {TARGETS.get(interval['target'], interval['target'])}"
        f", {REFERENCES.get(interval['reference'], interval['reference'])};"
        f" for {run.by.label}: {' – '.join(f'{way} (of {named(group)})' for way, group in ways.items())}.",
        f"Software: generative-image-harness {provenance.get('harness', '')}{_commit(provenance)}; {libraries};"
        f" device {provenance.get('device', 'unknown')}.",
        f"Run key {run.lock['run_key']}.",
    ]
    return " ".join(part for part in said if part)


def _sizes(values: Iterable[int]) -> str:
    return named(f"{value:,}" for value in sorted(set(values))) if (values := list(values)) else "no"


def _commit(provenance: Mapping[str, Any]) -> str:
    """The harness's commit, with a comma before; empty where an installed package ran, whose version says it all."""
    commit = str(provenance.get("commit", "unknown"))
    return "" if commit == "installed" else f", commit {commit}"


def bibtex(run: RunFiles) -> str:
    """An entry for this tool at the version that made the run; `@misc`, since BibTeX's own styles know no other."""
    provenance = run.records[0].provenance if run.records else {}
    version = f"version {provenance.get('harness', 'unknown')}{_commit(provenance)}"
    note = f"{version}; run key {run.lock['run_key']}"
    return (
        "@misc{generative_image_harness,\n"
        "  author = {{The authors of the generative image harness}},\n"
        "  title  = {generative-image-harness: a reproducible benchmark harness for generative image models},\n"
        f"  note   = {{{latex_text(note)}}}\n"
        "}\n"
    )


SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "×": r"$\times$",
}


def latex_text(text: str) -> str:
    """Text in which no character is a command of LaTeX."""
    return "".join(SPECIAL.get(character, character) for character in text)


FITS = 6  # columns; with more of them a table is wider than the text of an article


def latex(run: RunFiles) -> str:
    """The ranking encoder's table for a paper, shrunk to the line where it is wide; a comment says what it needs."""
    *header, _ = run.board.header(run.first)
    caption = f"{run.board.benchmark} under {run.board.title(run.first).removeprefix('encoder ')}."
    wide = len(header) > FITS
    lines = [
        r"% needs \usepackage{booktabs,graphicx}" if wide else r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(caption)}}}",
        *([r"\resizebox{\linewidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{rl{'r' * (len(header) - 2)}}}",
        r"\toprule",
        " & ".join(map(latex_text, header)) + r" \\",
        r"\midrule",
    ]
    for row in run.board.of(run.first):
        *cells, _ = run.board.cells(row)
        lines.append(" & ".join(map(latex_text, cells)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", rf"\end{{tabular}}{'}' * wide}", r"\end{table}"]) + "\n"
