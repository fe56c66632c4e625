"""Which rows of many runs may stand in one table: those that are measured the same, by what the locks say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.base import UsageError, digest, percent
from harness.pipeline import Row
from harness.report.run_files import RunFiles, read_run


@dataclass(frozen=True)
class Place:
    """A run, and the folder of the site that holds its pages."""

    run: RunFiles
    folder: str

    @property
    def has_report(self) -> bool:
        """Whether the run's own report is there to be copied."""
        return (self.run.out / "report.html").is_file()


@dataclass(frozen=True)
class Board:
    """The rows of one table: one benchmark's way of measuring under one encoder, whatever run they are of."""

    key: str
    title: str
    encoder: str
    note: str
    facts: dict[str, str]
    rows: tuple[tuple[Place, Row], ...]


def places(outs: Iterable[Path]) -> list[Place]:
    """The runs in folders, each once by its key; a folder of runs stands for all of them.

    Raises UsageError where no run is found.
    """
    found: dict[str, Place] = {}
    given = list(outs)
    for out in given:
        folders = [out] if (out / "records.jsonl").is_file() else sorted(p.parent for p in out.glob("*/records.jsonl"))
        for folder in folders:
            run = read_run(folder)
            key = str(run.lock["run_key"])
            found.setdefault(key, Place(run, f"runs/{digest(key).removeprefix('sha256:')[:16]}"))
    if not found:
        raise UsageError(f"{', '.join(map(str, given))}: no run here; give folders that `harness run` wrote")
    return list(found.values())


def boards(held: list[Place]) -> list[Board]:
    """One board for each way of measuring and encoder, in the order in which the runs came."""
    groups: dict[str, list[tuple[Place, str]]] = {}
    for place in held:
        for encoder in place.run.board.encoders:
            groups.setdefault(_measured(place.run, encoder), []).append((place, encoder))
    made = []
    for key, members in groups.items():
        place, encoder = members[0]
        run = place.run
        rows = [(one, row) for one, name in members for row in one.run.board.of(name)]
        title = f"{run.board.benchmark} under {encoder}"
        made.append(Board(key, title, encoder, run.board.encoder_notes.get(encoder, ""), _facts(run), tuple(rows)))
    return made


def _measured(run: RunFiles, encoder: str) -> str:
    """What makes two numbers comparable, as one digest."""
    told, parts = run.lock["benchmark"], run.lock.get("components", {})
    facts = [
        run.board.benchmark,
        encoder,
        run.lock.get("dataset", {}).get(told.get("reference_split", ""), {}),
        [told.get(name) for name in ("n_real", "n_fake", "preprocessing")],
        told.get("encoders", {}).get(encoder),
        parts.get("encoders", {}).get(encoder),
        parts.get("metrics"),
        dict(run.board.interval),
        dict(run.board.rank_by),
    ]
    return digest(facts).removeprefix("sha256:")[:16]


def _facts(run: RunFiles) -> dict[str, str]:
    told = run.lock["benchmark"]
    split = str(told.get("reference_split", ""))
    pinned = run.lock.get("dataset", {}).get(split, {})
    return {
        "reference": f"{told.get('dataset', '')} {split}, {told.get('n_real', '?')} images",
        "generated": f"{told.get('n_fake', '?')} images a set",
        "digest of the reference": str(pinned.get("digest", "not stated")),
        "intervals": f"{percent(run.board.interval['level'])}, {run.board.interval['target']}, "
        f"reference {run.board.interval['reference']}",
    }
