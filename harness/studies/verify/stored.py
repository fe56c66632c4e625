"""A run's files held against each other: receipt, lock, records, analyses, leaderboard. No image is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.base import Estimate, Record, UsageError, digest
from harness.pipeline import lockfile, ownership, results
from harness.studies.scored import Scored
from harness.studies.verify.result import FROM_FILES, Drift, Verified, called, compared
from harness.uncertainty import SeedMember, combine, interval


def from_files(out: Path) -> Verified:
    """What OUT alone allows: are its files as they were written, and do its analyses give its records?

    Raises UsageError where OUT is not a run's folder.
    """
    ownership.check_run(out)
    unlike = ownership.unlike_receipt(out)
    damaged = [f"{out / name}: is not as the run wrote it, or is missing" for name in unlike or ()]
    damaged += _of_lock(out)
    found: list[Drift] = []
    try:
        run = Scored.read(out)
        records = run.records
    except UsageError as problem:
        return Verified(out, (*damaged, *problem.problems), unvouched=unlike is None)
    for encoder in dict.fromkeys(record.cell.encoder for record in records):
        own = [record for record in records if record.cell.encoder == encoder]
        try:
            analysed = results.read(out, encoder)[1]
        except UsageError as problem:
            damaged += problem.problems
            continue
        for record in own:
            again = _again(record, analysed)
            if isinstance(again, str):
                damaged.append(again)
            elif again is not None:
                found.append(compared(record, again, tolerance=FROM_FILES))
    damaged += _of_board(run, records)
    return Verified(out, tuple(dict.fromkeys(damaged)), tuple(found), unvouched=unlike is None)


def _of_lock(out: Path) -> list[str]:
    """What is wrong with the lock: its key is the digest of all the rest."""
    held = lockfile.read_lock(out)
    if held is None or "run_key" not in held:
        return [f"{out / lockfile.LOCK}: cannot be read, so that nothing can be computed again"]
    rest = {name: value for name, value in held.items() if name != "run_key"}
    told = rest.get("software")
    software = {name: value for name, value in told.items() if name != "commit"} if isinstance(told, dict) else {}
    if digest(rest | {"software": software}) == held["run_key"]:
        return []
    return [f"{out / lockfile.LOCK}: its run_key is not the digest of what it says; it was changed"]


def _again(record: Record, analysed: dict[str, results.Groups]) -> Estimate | str | None:
    """The record's estimate from the analyses; a sentence where they lack it, None for a record of a failure."""
    stored = record.estimate
    if stored is None:
        return None
    members = analysed.get(record.metric, {}).get(record.cell.generator, [])
    asked: dict[str, Any] = {"level": stored.level, "target": stored.target, "reference": stored.reference}
    try:
        if record.level == "generator":
            return combine(members, **asked).estimate if members else f"no analyses of {called(record)}"
        own = [m for m in members if _seeds(m) == (record.cell.training_seed, record.cell.sampling_seed)]
        if not own:
            # Kept only of generators without a failure: then the others' cells have records alone.
            return f"no analysis of {called(record)}" if members else None
        return interval(own[0].analysis, **asked)
    except UsageError as problem:
        return f"{called(record)}: its analysis gives no such interval: {problem}"


def _seeds(member: SeedMember) -> tuple[int | None, int | None]:
    return member.training_seed, member.sampling_seed


def _of_board(run: Scored, records: Sequence[Record]) -> list[str]:
    """Numbers of the leaderboard that are not those of the records."""
    shown = {
        (r.cell.generator, r.cell.encoder, r.metric): r.estimate
        for r in records
        if r.level == "generator" and r.estimate and r.estimate.reference == run.reference
    }
    problems = []
    for row in run.board["rows"]:
        for metric, told in row["metrics"].items():
            held = shown.get((row["generator"], row["encoder"], metric))
            if held is None or any(told[name] != getattr(held, name) for name in ("value", "se", "low", "high")):
                problems.append(
                    f"{run.out / 'leaderboard.json'}: {metric} of {row['generator']} under {row['encoder']} is not "
                    "that of records.jsonl"
                )
    return problems
