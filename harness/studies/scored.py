"""A finished run under one of its encoders, as studies read it from OUT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.base import Record, Reference, Target, UsageError, read_records, unknown
from harness.pipeline import copies_reference, lockfile, results


@dataclass(frozen=True)
class Scored:
    """What OUT holds of a run: `board` is its leaderboard.json, `metrics` the analyses by metric and generator.

    All is under one `encoder`; `under` gives the run under another. Files beyond the two are read when asked for.
    """

    out: Path
    board: Mapping[str, Any]
    encoder: str
    metrics: Mapping[str, results.Groups]

    @classmethod
    def read(cls, out: Path, encoder: str | None = None) -> Scored:
        """The run in OUT under an encoder, without a name under the one that ranks.

        Raises UsageError where OUT holds no run that can be read, and for an encoder that it does not have.
        """
        board = results.leaderboard(out)
        return cls(out, board, *results.read(out, encoder))

    def under(self, encoder: str) -> Scored:
        """The same run under another encoder."""
        return replace(self, encoder=encoder, metrics=results.read(self.out, encoder)[1])

    @property
    def level(self) -> float:
        """The level of its intervals."""
        return float(self.board["interval"]["level"])

    @property
    def reference(self) -> Reference:
        """What its intervals count the reference as."""
        found: Reference = self.board["interval"]["reference"]
        return found

    @property
    def label(self) -> str:
        """The encoder's name with what a person must know of it, as of random weights."""
        return results.labelled(self.board, self.encoder)

    @property
    def note(self) -> str:
        """What the leaderboard notes of the encoder; nothing of most."""
        return str(self.board["encoders"].get(self.encoder, ""))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The leaderboard's rows under the encoder, in its order."""
        return [row for row in self.board["rows"] if row["encoder"] == self.encoder]

    @property
    def failed(self) -> dict[str, str]:
        """Why each generator without scores has none."""
        return {str(row["generator"]): str(row["reason"]) for row in self.rows if row["status"] == "failed"}

    @property
    def copying(self) -> dict[str, str]:
        """What is flagged of each generator that gives reference images back: its distances mean nothing."""
        rows = [row for row in self.rows if copies_reference(row["observations"])]
        return {str(row["generator"]): "; ".join(row["flags"]) for row in rows}

    @property
    def lower_is_better(self) -> dict[str, bool]:
        """The direction of each metric."""
        return {column["metric"]: bool(column["lower_is_better"]) for column in self.board["columns"]}

    @property
    def targets(self) -> dict[str, Target]:
        """What each metric's intervals speak about in this run, so that a study speaks about the same."""
        return {metric: estimate["target"] for row in self.rows for metric, estimate in row["metrics"].items()}

    @cached_property
    def records(self) -> list[Record]:
        """Every Record of the run; UsageError where they cannot be read."""
        path = self.out / "records.jsonl"
        try:
            return read_records(path)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise UsageError(f"{path} cannot be read ({problem}); rewrite it with `harness rank`") from None

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The run's benchmark.lock.yaml; UsageError where there is none that can be read."""
        path = self.out / lockfile.LOCK
        if not path.is_file():
            raise UsageError(f"{self.out} holds no run: no {lockfile.LOCK} in it")
        found = lockfile.read_lock(self.out)
        if found is None:
            raise UsageError(f"{path} cannot be read as YAML; rewrite it with `harness rank`")
        return found

    @cached_property
    def file_names(self) -> dict[str, dict[int, list[str]]]:
        """Generator → sampling seed → the file name of each image, in the order of the set; of sets of files only."""
        return results.read_names(self.out)

    def check_scored(self, generators: Sequence[str]) -> None:
        """Raises UsageError, with the reason that the run gave, for a generator without scores."""
        results.check_scored(self.out, self.encoder, generators)

    def check_two(self, first: str, second: str) -> None:
        """Raises UsageError unless both have scores that mean something and are two.

        To tests their images are independent; who gives reference images back has distances that mean nothing.
        """
        self.check_scored((first, second))
        if copying := [
            f"{name}: {self.copying[name]}" for name in dict.fromkeys((first, second)) if name in self.copying
        ]:
            raise UsageError(f"{self.out}: {'; and '.join(copying)}, so it is not compared")
        if first == second:
            raise UsageError(
                f"{self.out}: FIRST and SECOND are both {first}; name two generators. To compare two "
                "draws of one generator, list it twice under two names"
            )

    def asked(self, metric: str | None) -> list[str]:
        """The metric that was asked for, or all without one; UsageError for one that the run does not have."""
        if metric is not None and metric not in self.metrics:
            raise UsageError(unknown("metric", metric, self.metrics, place=f"this run under {self.label}"))
        return list(self.metrics) if metric is None else [metric]
