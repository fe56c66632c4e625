"""A run's directory as tracking reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.base import Record, UsageError, digest
from harness.pipeline import Leaderboard, lockfile, results
from harness.report.run_files import RunFiles

FINDING = ".finding.json"
NEEDED = ("records.jsonl", "leaderboard.json", "benchmark.lock.yaml", "run.json")


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, each read when it is asked for."""

    out: Path

    @cached_property
    def invocation(self) -> Mapping[str, Any]:
        """run.json: when and for how long."""
        return dict(json.loads((self.out / "run.json").read_text(encoding="utf-8")))

    @property
    def key(self) -> str:
        """Digest of everything the numbers rest on."""
        return str(self.invocation["run_key"])

    @cached_property
    def outcome(self) -> str:
        """Digest of the Records without provenance: the same for the same key, unless a failed cell was mended."""
        records = map(json.loads, (self.out / "records.jsonl").read_text(encoding="ascii").splitlines())
        return digest([{name: part for name, part in record.items() if name != "provenance"} for record in records])

    @cached_property
    def records(self) -> list[Record]:
        """records.jsonl, the truth."""
        return results.records(self.out)

    @cached_property
    def board(self) -> Leaderboard:
        """leaderboard.json."""
        return Leaderboard.from_json((self.out / "leaderboard.json").read_text(encoding="utf-8"))

    @cached_property
    def lock(self) -> Mapping[str, Any]:
        """benchmark.lock.yaml: everything resolved."""
        found = lockfile.read_lock(self.out)
        if found is None:
            raise UsageError(f"{self.out / lockfile.LOCK} cannot be read as YAML; rewrite it with `harness rank`")
        return found

    @cached_property
    def _by_row(self) -> Mapping[tuple[str, str], list[Record]]:
        found: dict[tuple[str, str], list[Record]] = {}
        for record in self.records:
            found.setdefault((record.cell.generator, record.cell.encoder), []).append(record)
        return found

    def of(self, generator: str, encoder: str) -> list[Record]:
        """The Records of one row of the leaderboard, all its seeds."""
        return self._by_row.get((generator, encoder), [])

    def cells(self, generator: str, encoder: str) -> list[Record]:
        """The Records of a row's image sets, each once: failed, or in the leaderboard's reading of the reference."""
        reading = self.board.interval["reference"]
        own = [record for record in self.of(generator, encoder) if record.level == "cell"]
        return [record for record in own if record.estimate is None or record.estimate.reference == reading]

    def dataset(self, split: str) -> tuple[str, str]:
        """Name and digest of a split of real images, as MLflow has them among a run's inputs."""
        full = str(self.lock["dataset"][split]["digest"])
        return f"{self.lock['benchmark']['dataset']}/{split}", full.removeprefix("sha256:")[:16]  # room for 36

    @cached_property
    def shown(self) -> RunFiles:
        """The run as the report reads it, for its sentences."""
        costs = results.read_costs(self.out)
        return RunFiles(self.out, self.board, tuple(self.records), self.lock, lock_text="", findings={}, costs=costs)

    @property
    def finding_files(self) -> list[Path]:
        """The files that studies left in OUT for its report, by name."""
        return sorted(self.out.glob(f"*{FINDING}"))

    @cached_property
    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What studies of the run say, by name; a file that is no finding is left to the report to refuse."""
        found = {}
        for path in self.finding_files:
            try:
                read = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(read, dict) and "title" in read:
                found[path.name.removesuffix(FINDING)] = read
        return found

    @cached_property
    def studied(self) -> str:
        """Digest of the findings."""
        return digest({name: dict(found) for name, found in self.findings.items()})

    @property
    def started(self) -> int:
        """Milliseconds since 1970."""
        return int(datetime.fromisoformat(self.invocation["time"]).timestamp() * 1000)

    @property
    def ended(self) -> int:
        """Milliseconds since 1970."""
        return self.started + int(1000 * float(self.invocation["seconds"]))


def read(out: Path) -> RunDirectory:
    """The run in a folder that `harness run` wrote. Raises UsageError where there is none."""
    if missing := [name for name in NEEDED if not (out / name).is_file()]:
        raise UsageError(f"{out}: no {' and no '.join(missing)} here; give the folder that `harness run` wrote")
    return RunDirectory(out)
