"""Diagnoses of every generator of a run: against its holdout where that is of use, else against theory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

from harness.base import Target, UsageError
from harness.pipeline import Unlike, lockfile, results, unlike_reference
from harness.studies.diagnose import evidence
from harness.studies.diagnose.diagnosis import diagnose
from harness.studies.diagnose.evidence import Case
from harness.studies.diagnose.findings import TITLES, Diagnosis, Finding, of_copies
from harness.studies.diagnose.result import Diagnosed, Diagnoses
from harness.studies.rerank import Order, compared, of_distances, without_copiers
from harness.studies.scored import Scored
from harness.uncertainty import Table, why_no_interval

TWINS = 0.01  # datasets hold some images in two splits; more than this share says that a split was seen


def diagnoses(run: Scored) -> Diagnoses:
    """What is wrong with each generator of a run, as far as its numbers go beyond noise.

    Raises UsageError where a file of the run cannot be read.
    """
    holdout = usable_holdout(run)
    unlike = None if holdout is None else unlike_reference(run.records, holdout, run.encoder)
    if unlike is not None:
        holdout = None  # what differs from the reference by itself shows nothing of others
    return Diagnoses(
        str(run.board["benchmark"]),
        run.encoder,
        run.note,
        run.board["interval"],
        holdout,
        tuple(
            _broken_control(run, row, unlike)
            if unlike is not None and row["generator"] == unlike.generator
            else _diagnosed(run, row, holdout)
            for row in run.rows
        ),
        tuple(_orders(run)),
        unlike,
    )


def usable_holdout(run: Scored) -> str | None:
    """The generator whose component is `holdout`, if it ran and its images are unseen ones but for a few twins."""
    try:
        declared = run.lock["benchmark"]["generators"]
        names = [name for name, entry in declared.items() if entry["use"] == "holdout"]
    except (KeyError, TypeError, AttributeError) as problem:
        raise UsageError(
            f"{run.out / lockfile.LOCK} cannot be read ({problem}); rewrite it with `harness rank`"
        ) from None
    usable = {
        row["generator"]
        for row in run.rows
        if row["status"] == "ok"
        and all(row["observations"].get(c, 0) <= TWINS for c in ("reference_copies", "training_copies"))
    }
    return next((name for name in names if name in usable), None)


def _diagnosed(run: Scored, row: Mapping[str, Any], holdout: str | None) -> Diagnosed:
    name = str(row["generator"])
    if row["status"] != "ok":
        return Diagnosed(name, reason=str(row["reason"]))
    case = _case(run, row, holdout)
    return Diagnosed(name, diagnose(case), case)


def _broken_control(run: Scored, row: Mapping[str, Any], unlike: Unlike) -> Diagnosed:
    """The diagnosis of a control that cannot serve: what was found of it, and what of its images."""
    case = _case(run, row, unlike.generator)
    facts = (Finding("unlike", f"{unlike.words[0].upper()}{unlike.words[1:]}.", (unlike.metric,)), *of_copies(case))
    return Diagnosed(unlike.generator, Diagnosis(unlike.generator, TITLES["unlike"], facts, case.notes), case)


def _case(run: Scored, row: Mapping[str, Any], holdout: str | None) -> Case:
    name = str(row["generator"])
    copies = evidence.counted(run.records, name, run.encoder, holdout)
    notes: tuple[str, ...] = ()
    if name == holdout:
        # Its metrics are the reference point; its images can still be wrong.
        found: list[evidence.Evidence] = []
    elif holdout is not None:
        targets: dict[str, Target] = {metric: estimate["target"] for metric, estimate in row["metrics"].items()}
        found, notes = evidence.against_holdout(
            run.metrics,
            name,
            holdout,
            level=run.level,
            reference=run.reference,
            targets=targets,
            others=len(copies.p) if copies else 0,
        )
    else:
        parameters = {record.metric: record.parameters for record in run.records}
        found, notes = evidence.against_theory(run.metrics, name, level=run.level, parameters=parameters)
    tested, copies = evidence.together(found, copies, level=run.level)
    return Case(name, run.encoder, run.level, holdout, tested, copies, notes, void=name in run.copying)


def _testable(metrics: Mapping[str, results.Groups], copying: Collection[str]) -> dict[str, results.Groups]:
    """The analyses of generators that have an interval and are no copiers: no order of the others means anything."""
    return {
        metric: {name: members for name, members in groups.items() if why_no_interval(members) is None}
        for metric, groups in without_copiers(metrics, copying).items()
    }


def _orders(run: Scored) -> list[Order]:
    """FD against KD under every encoder, and the metric that ranks under each pair of those without random weights."""
    targets = {
        (str(row["encoder"]), metric): estimate["target"]
        for row in run.board["rows"]
        for metric, estimate in row["metrics"].items()
    }
    ranks = run.board["rank_by"]["metric"]
    scored = {row["encoder"] for row in run.board["rows"] if row["status"] == "ok"}
    under = {name: _testable(run.under(name).metrics, run.copying) for name in run.board["encoders"] if name in scored}
    tables = [
        Table(f"{ranks} under {name}", under[name][ranks], run.lower_is_better[ranks], targets[name, ranks])
        for name, note in run.board["encoders"].items()
        if not note and name in scored and ranks in under[name]
    ]
    found = [compared(*pair, level=run.level, reference=run.reference) for pair in combinations(tables, 2)]
    return [*of_distances(run.board, under), *(order for order in found if order is not None)]
