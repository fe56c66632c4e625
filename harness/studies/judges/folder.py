"""Judgements as a run's folder: records, leaderboard, analyses and lock, with the judged table itself beside them.

`harness export`, `site`, `report`, `compare` and `verify` read it as they read what `harness run` wrote. It needs no
store: all numbers follow from the table, so that verifying computes them again from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from harness.base import NAME, NAME_RULE, Cell, Record, UsageError, digest, digest_file, write_atomically, write_json
from harness.pipeline import Column, Leaderboard, Ranked, Row, lockfile, ownership, plain, provenance, results
from harness.report import freshen_report
from harness.studies.judges.compute import scored_by, voted
from harness.studies.judges.files import ScoreColumns, VoteColumns, read_scores, read_votes
from harness.studies.judges.result import Judged, Placed
from harness.studies.judges.words import about
from harness.studies.verify import Drift, Verified, compared
from harness.uncertainty import combine, interval

TABLE = "judgements.csv"
SPLIT = "judged"
ASKED = "judgements"  # in the lock: how the table was read
PEOPLE, JUDGE = "people", "judge"
STRENGTH = "bradley_terry"


@dataclass(frozen=True)
class Asked:
    """What a table is read as: scores of images, or votes between two generators."""

    kind: Literal["scores_csv", "votes_csv"]
    columns: ScoreColumns | VoteColumns
    level: float = 0.95
    lower_is_better: bool = False
    common: bool = False

    def judged(self, table: Path) -> Judged:
        """The generators of a table, ranked. Raises UsageError as `read_scores`, `scored_by` and the like."""
        if isinstance(self.columns, VoteColumns):
            return voted(read_votes(table, self.columns), level=self.level)
        given = {"lower_is_better": self.lower_is_better, "common": self.common, "level": self.level}
        return scored_by(read_scores(table, self.columns), judge=self.columns.score, **given)  # type: ignore[arg-type]

    @property
    def judge(self) -> str:
        """Who judged, where a run names its encoder."""
        return PEOPLE if self.kind == "votes_csv" else JUDGE

    @property
    def metric(self) -> str:
        """The metric's name: the column of the scores with what no file name has as hyphens, or that of strengths."""
        if isinstance(self.columns, VoteColumns):
            return STRENGTH
        return re.sub(r"[^A-Za-z0-9_.]+", "-", self.columns.score).strip("-._")

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Asked:
        """What the lock says of it. Raises KeyError or TypeError for a lock that says something else."""
        kinds: dict[str, type[ScoreColumns | VoteColumns]] = {"scores_csv": ScoreColumns, "votes_csv": VoteColumns}
        columns = kinds[told["kind"]](**told["columns"])
        return cls(told["kind"], columns, told["level"], told["lower_is_better"], told["common"])


def write_folder(out: Path, table: Path, asked: Asked, found: Judged) -> None:
    """Write what was judged as a run's folder; the folder's name is the benchmark's.

    Raises UsageError where a name cannot be a file's, and for a folder that holds anything else.
    """
    started, began = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    name = out.resolve().name
    _check_names(name, asked, found)
    ownership.claim(out, name)
    with ownership.writing(out):
        lock = _lock(name, table, asked, found)
        ownership.clear(out)
        results.write(out, _ranked(name, asked, found, lock), lock, {})
        if table.resolve() != (out / TABLE).resolve():
            write_atomically(out / TABLE, table.read_bytes())
        freshen_report(out)
        told = {"run_key": lock["run_key"], "time": began, "seconds": round(time.perf_counter() - started, 3)}
        write_json(out / "run.json", told | {"machine": provenance.machine()})
        ownership.write_receipt(out, lock)
        ownership.settle(out)


def of_lock(lock: Mapping[str, Any] | None) -> Asked | None:
    """How the table of a folder of judgements was read; None for the folder of a run."""
    told = (lock or {}).get(ASKED)
    try:
        return None if told is None else Asked.of(told)
    except (KeyError, TypeError):
        return None


def judged_again(before: Verified, asked: Asked, *, tolerance: float) -> Verified:
    """`before` with every record computed again from the table in the folder, to so many standard errors."""
    before = replace(before, asked=True, tolerance=tolerance)
    lock = lockfile.read_lock(before.out) or {}
    try:
        held = digest_file(before.out / TABLE)
    except OSError:
        return replace(before, left={TABLE: "is not there"})
    if held != lock[ASKED]["sha256"]:
        return replace(before, changed=(f"{before.out / TABLE}: is not the table that the lock names",))
    found = asked.judged(before.out / TABLE)
    now = {_place(record): record for record in _records(str(lock["benchmark"]["name"]), asked, found, lock)}
    again: list[Drift] = []
    for record in results.records(before.out):
        other = now.get(_place(record))
        if record.estimate is not None and other is not None and other.estimate is not None:
            again.append(compared(record, other.estimate, tolerance=tolerance))
    count = len({_place(record)[:3] for record in now.values() if record.level == "cell"})
    return replace(before, again=tuple(again), of=(count, count))


def _place(record: Record) -> tuple[object, ...]:
    return record.cell.generator, record.cell.training_seed, record.cell.sampling_seed, record.level


def _check_names(name: str, asked: Asked, found: Judged) -> None:
    told = {"the folder": name, "the column of scores": asked.metric}
    wrong = [f"{what} is called {called!r}" for what, called in told.items() if not NAME.fullmatch(called)]
    wrong += [f"a generator is called {one.generator!r}" for one in found.placed if not NAME.fullmatch(one.generator)]
    if wrong:
        raise UsageError([f"--out: {each}; {NAME_RULE}" for each in wrong])


def _lock(name: str, table: Path, asked: Asked, found: Judged) -> dict[str, Any]:
    """What the numbers rest on; `run_key` is the digest of all the rest, but for the commit, as of a run."""
    sha256 = digest_file(table)
    interval = {"level": asked.level, "target": "T_N", "reference": "random"}
    entry: dict[str, Any] = {"use": asked.kind, "parameters": {}}
    lock = {
        "benchmark": {
            "name": name,
            "description": f"{found.judge}, as judged image by image"
            if asked.kind == "scores_csv"
            else "people's choices between two images",
            "dataset": found.shared or "images",
            "reference_split": SPLIT,
            "n_real": found.units,
            "n_fake": _images(found.placed),
            "generators": {one.generator: {"use": SPLIT} for one in found.placed},
            "encoders": {asked.judge: {"use": asked.kind}},
            "metrics": {asked.metric: entry},
            "rank_by": {"metric": asked.metric, "encoder": asked.judge},
            "interval": interval,
        },
        ASKED: {**asdict(asked), "table": table.name, "sha256": sha256},
        "dataset": {SPLIT: {"digest": sha256, "count": found.units}},
        "components": {"metrics": {asked.metric: entry}},
        "software": provenance.software(),
    }
    software = {part: value for part, value in provenance.software().items() if part != "commit"}
    return {"run_key": digest(lock | {"software": software}), **lock}


def _images(placed: tuple[Placed, ...]) -> int:
    """Images (votes) a generator, the fewest of all."""
    return min(one.estimate.n_fake for one in placed)


def _records(name: str, asked: Asked, found: Judged, lock: Mapping[str, Any]) -> list[Record]:
    """One record an image set, and one a generator; prompts (voters) count as what was drawn."""
    given: dict[str, Any] = {"level": asked.level, "target": "T_N", "reference": "random"}
    common: dict[str, Any] = {
        "benchmark": name,
        "metric": asked.metric,
        "parameters": {"use": asked.kind},
        "status": "ok",
        "inputs": {"judgements": str(lock[ASKED]["sha256"])},
        "provenance": provenance.software() | {"table": str(lock[ASKED]["table"])},
    }

    def cell(generator: str, training_seed: int | None, sampling_seed: int | None) -> Cell:
        dataset = str(lock["benchmark"]["dataset"])
        return Cell(dataset, SPLIT, generator, training_seed, sampling_seed, "as judged", asked.judge)

    records = []
    for placed in found.placed:
        for member in found.groups[placed.generator]:
            where = cell(placed.generator, member.training_seed, member.sampling_seed)
            estimate = interval(member.analysis, **given)
            records.append(Record(level="cell", cell=where, estimate=estimate, **common))
    for placed in found.placed:
        whole = combine(found.groups[placed.generator], **given)
        components = {"components": plain(whole.components)}
        where = cell(placed.generator, None, None)
        estimate = whole.estimate
        records.append(Record(level="generator", cell=where, estimate=estimate, observations=components, **common))
    return records


def _ranked(name: str, asked: Asked, found: Judged, lock: Mapping[str, Any]) -> Ranked:
    rows = tuple(
        Row(
            encoder=asked.judge,
            generator=one.generator,
            status="ok",
            reason=None,
            rank=one.rank,
            rank_low=one.rank_low,
            rank_high=one.rank_high,
            tied_with=one.tied_with,
            training_seeds=tuple(m.training_seed for m in found.groups[one.generator] if m.training_seed is not None),
            sampling_seeds=(0,),
            n_real=found.units,
            n_fake=one.estimate.n_fake,
            metrics={asked.metric: one.estimate},
            flags=(),
        )
        for one in found.placed
    )
    better = "lower" if found.lower_is_better else "higher"
    board = Leaderboard(
        benchmark=name,
        rank_by={"metric": asked.metric, "encoder": asked.judge},
        interval=dict(lock["benchmark"]["interval"]),
        columns=(Column(asked.metric, found.judge, found.lower_is_better),),
        encoder_notes={asked.judge: ""},
        rows=rows,
        notes=(
            f"ranked by {found.judge} ({better} is better); (lo-hi) is the confidence set of the rank",
            about(found),
            "seeds: training; a training seed makes another model",
            *found.notes,
        ),
    )
    return Ranked(
        tuple(_records(name, asked, found, lock)),
        board,
        {asked.judge: {asked.metric: {name: list(group) for name, group in found.groups.items()}}},
    )
