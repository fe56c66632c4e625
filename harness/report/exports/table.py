"""The forms that a run can be exported in, each with its function; a new form is its file and a row here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from harness.base import UsageError, unknown
from harness.report import paste
from harness.report.exports import crate, every_eval_ever, hub
from harness.report.exports.about import About, scores
from harness.report.run_files import RunFiles


def _latex(run: RunFiles, about: About) -> dict[str, bytes]:
    return {f"{run.board.benchmark}.tex": paste.latex(run).encode("utf-8")}


def _bibtex(run: RunFiles, about: About) -> dict[str, bytes]:
    return {f"{run.board.benchmark}.bib": paste.bibtex(run).encode("utf-8")}


def _metrics(run: RunFiles, about: About) -> dict[str, bytes]:
    """Encoder → generator → metric → value, se, low, high. OUT/metrics.json, which DVC reads, is flat."""
    told: dict[str, dict[str, dict[str, dict[str, float | None]]]] = {}
    for generator, own in scores(run, about).items():
        for one in own:
            e = one.estimate
            numbers = {"value": e.value, "se": e.se, "low": e.low, "high": e.high}
            told.setdefault(one.row.encoder, {}).setdefault(generator, {})[one.column.metric] = numbers
    return {"estimates.json": (json.dumps(told, indent=1, allow_nan=False) + "\n").encode("ascii")}


FORMS: Mapping[str, Callable[[RunFiles, About], dict[str, bytes]]] = {
    "hf": hub.files,
    "every-eval-ever": every_eval_ever.files,
    "ro-crate": crate.files,
    "latex": _latex,
    "bibtex": _bibtex,
    "metrics": _metrics,
}


def exported(form: str, run: RunFiles, about: About) -> dict[str, bytes]:
    """The files of a form by their relative names.

    Raises UsageError for generators or an encoder that the run does not have, and where nothing was scored.
    """
    known = list(dict.fromkeys(row.generator for row in run.board.rows))
    problems = [unknown("generator", name, known) for name in about.generators if name not in known]
    if about.encoder is not None and about.encoder not in run.board.encoders:
        problems.append(unknown("encoder", about.encoder, run.board.encoders))
    if problems:
        raise UsageError(problems)
    if not scores(run, about):
        raise UsageError(f"{run.out}: none of these generators has a score; there is nothing to export")
    return FORMS[form](run, about)
