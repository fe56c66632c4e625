"""Records computed again from the lock: images, features and scores made anew in a store of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.base import Record, UsageError, read_records
from harness.benchmark import Place, from_lock
from harness.pipeline import FakeSet, Pipeline, Plan, declared, load_analyses, lockfile, name_of, provenance
from harness.studies.verify.result import Drift, Verified, Where, called, chosen, compared
from harness.uncertainty import interval

Cell = tuple[FakeSet, str]  # an image set under an encoder
BY_CODE = ("source", "libraries")  # of an identity: other versions give other bits, other content another question
SHOWN = 4  # things named in one sentence


@dataclass(frozen=True)
class Again:
    """What is computed again: `k` cells drawn by `seed`, or for None all of them and every generator's records."""

    k: int | None
    seed: int
    place: Place
    store: Path
    device: str
    tolerance: float


def sampled(before: Verified, asked: Again, pipeline_of: Callable[[Plan], Pipeline]) -> Verified:
    """`before` with the records that were computed again from its lock.

    A cell is drawn with all its metrics. Nothing of the run's own store is used: what is found there was not computed.
    """
    before = replace(before, asked=True, tolerance=asked.tolerance)
    lock = lockfile.read_lock(before.out)
    if lock is None:
        return before
    try:
        records = read_records(before.out / "records.jsonl")
    except (OSError, ValueError, KeyError, TypeError):
        return before  # said among what is damaged
    try:
        benchmark, unusable = from_lock(lock, str(before.out / lockfile.LOCK), asked.place)
        plan = Plan(benchmark, asked.store, asked.device)
        plan.check_place()
        now = declared(plan)
    except UsageError as problem:
        return replace(before, left={"everything": "; ".join(problem.problems)}, versions=_versions(lock))
    left = {f"{kind[:-1]} {name}": why for (kind, name), why in unusable.items()}
    cells = [(fake, encoder) for encoder in benchmark.encoders for fake in plan.fakes]
    scored = {_cell(record) for record in records if record.level == "cell" and record.estimate}
    cells = [cell for cell in cells if cell in scored]
    drawn = chosen(cells, asked.k, asked.seed)
    pipelines = []
    try:
        for own in _grouped(plan, drawn, pipeline_of):
            pipelines.append(own)
            own.identify()
            own.sample()
            own.encode()
            own.score()
    except UsageError as problem:  # real images that are not as pinned, or are not there
        told = "; ".join(problem.problems)
        return replace(before, changed=(*_changed(lock, now), told), versions=_versions(lock, now))
    failures = {cell: failure.reason for own in pipelines for cell, failure in own.failures.items()}
    left |= {f"{name_of(fake)} under {encoder}": why for (fake, encoder), why in failures.items()}
    done = [cell for cell in drawn if cell not in failures]
    again = list(_of_cells(plan, done, records, asked.tolerance))
    if asked.k is None and not failures and not unusable:
        again += _of_generators(pipelines[0], records, asked.tolerance)
    return replace(
        before,
        again=tuple(again),
        of=(len(done), len(scored)),
        changed=_changed(lock, now),
        left=left,
        versions=_versions(lock, now),
    )


def _grouped(plan: Plan, drawn: Sequence[Cell], pipeline_of: Callable[[Plan], Pipeline]) -> Iterator[Pipeline]:
    """A pipeline for all encoders that have the same image sets drawn: one, where all are drawn."""
    sets: dict[frozenset[FakeSet], list[str]] = {}
    for encoder in dict.fromkeys(encoder for _, encoder in drawn):
        sets.setdefault(frozenset(fake for fake, own in drawn if own == encoder), []).append(encoder)
    for fakes, encoders in sets.items():
        yield replace(pipeline_of(plan), only_fakes=fakes, only_encoders=frozenset(encoders))


def _cell(record: Record) -> Cell:
    cell = record.cell
    return FakeSet(cell.generator, cell.training_seed, cell.sampling_seed or 0), cell.encoder


def _of_cells(plan: Plan, done: Sequence[Cell], records: Sequence[Record], tolerance: float) -> Iterator[Drift]:
    components = {
        (r.cell.generator, r.cell.encoder, r.metric, r.estimate.reference): _numerics(r)
        for r in records
        if r.level == "generator" and r.estimate
    }
    wanted = set(done)
    for cell in done:
        fake, encoder = cell
        analysed = load_analyses(plan, fake, encoder)
        for record in records:
            stored = record.estimate
            if record.level != "cell" or stored is None or _cell(record) not in wanted or _cell(record) != cell:
                continue
            analysis = analysed.get(record.metric)
            if analysis is None:
                continue
            found = interval(analysis, level=stored.level, target=stored.target, reference=stored.reference)
            own = components.get((fake.generator, encoder, record.metric, stored.reference))
            yield compared(
                record, found, tolerance=tolerance, begins=_begins(plan, fake, encoder, record), numerics=own
            )


def _of_generators(pipeline: Pipeline, records: Sequence[Record], tolerance: float) -> Iterator[Drift]:
    """The records of whole generators, from the stage that ranks."""
    found = {called(one): one.estimate for one in pipeline.rank().records if one.level == "generator" and one.estimate}
    for record in records:
        if record.level == "generator" and record.estimate and (again := found.get(called(record))) is not None:
            yield compared(record, again, tolerance=tolerance, numerics=_numerics(record))


def _numerics(record: Record) -> float | None:
    held = dict(record.observations.get("components", {})).get("numerics")
    ratio = held.get("share_of_se") if isinstance(held, Mapping) else None
    return None if ratio is None else float(ratio)


def _begins(plan: Plan, fake: FakeSet, encoder: str, record: Record) -> Where:
    """The first of images, features and scores that is not the run's."""
    for kind in ("images", "features"):
        for side, source in (("real", plan.reference), ("fake", fake)):
            entry = plan.images(source) if kind == "images" else plan.features(source, encoder)
            if entry is not None and record.inputs.get(f"{side}_{kind}") != entry.facts["content"]:
                return "images" if kind == "images" else "features"
    return "scores"


def _changed(lock: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What the lock pins by content and is another here: image files, weights, modules of the user's own."""
    told = []
    for kind, entries in now["components"].items():
        for name, found in entries.items():
            pinned = lock["components"][kind].get(name, {})
            for part in dict.fromkeys((*pinned, *found)):
                if part not in BY_CODE and pinned.get(part) != found.get(part):
                    what = {"content": "images", "weights": "weights"}.get(part, part)
                    told.append(f"the {what} of {kind[:-1]} {name} are not those of the run")
    for split, pins in lock["dataset"].items():
        if split in now["dataset"] and pins != now["dataset"][split]:
            told.append(f"split {split} is not pinned as in the run")
    return tuple(told)


def _versions(lock: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """What of software is another here, each as `name then → now`."""
    then, here = dict(lock.get("software") or {}), provenance.software()
    facts = [("harness", then.get("harness"), here["harness"]), ("python", then.get("python"), here["python"])]
    facts += [("machine", then.get("machine"), here["machine"])]
    libraries: Any = here["libraries"]
    facts += [(name, dict(then.get("libraries") or {}).get(name), version) for name, version in libraries.items()]
    told = [f"{name} {was} → {is_}" for name, was, is_ in facts if was != is_]
    if now is not None:
        moved = [
            f"{kind[:-1]} {name}"
            for kind, entries in now["components"].items()
            for name, found in entries.items()
            if lock["components"][kind].get(name, {}).get("source") != found.get("source")
        ]
        if moved:
            more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
            told.append(f"the source of {', '.join(moved[:SHOWN])}{more}")
        if lock.get("statistics") != now["statistics"]:
            told.append("the source of the statistics")
    return tuple(told)
