"""A finished run, opened from its folder alone: its records, its leaderboard and all paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import Reference, Target, UsageError, unknown
from harness.pipeline import lockfile, ownership, results
from harness.pipeline.leaderboard import Leaderboard
from harness.uncertainty import Comparison, SeedMember, difference, holm, why_no_interval

if TYPE_CHECKING:
    import pandas as pd

    from harness.base import Record

WHOLE = ("training_seed", "sampling_seed", "n_real", "n_fake")  # whole numbers, absent in some rows
PAIRED = ("value", "se", "low", "high", "p", "p_holm")
GIVES_BACK = "returns reference images, so its distances are meaningless"
COMPARED = ("value", "se", "low", "high", "p", "target", "reference", "method")


@dataclass(frozen=True)
class FinishedRun:
    """What `harness run` left in a folder. Nothing is computed again but `pairs`, which takes seconds."""

    out: Path

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every Record, in the order of records.jsonl."""
        found = tuple(results.records(self.out))
        if not found:
            raise UsageError(f"{self.out / 'records.jsonl'} holds no records; rewrite it with `harness rank`")
        return found

    @cached_property
    def leaderboard(self) -> Leaderboard:
        """The ranked rows; `leaderboard.to_pandas()` gives a data frame."""
        return results.read_leaderboard(self.out)

    @cached_property
    def lock(self) -> Mapping[str, Any]:
        """benchmark.lock.yaml: the benchmark with all defaults, and the digests of its inputs."""
        found = lockfile.read_lock(self.out)
        if found is None:
            raise UsageError(f"{self.out / lockfile.LOCK} cannot be read; run the benchmark again")
        return found

    @property
    def run_key(self) -> str:
        """SHA-256 (64 hex digits) of everything that decides the run's numbers."""
        return str(self.lock["run_key"])

    def to_pandas(self) -> pd.DataFrame:
        """The records as a data frame, one row each, in the order of records.jsonl.

        benchmark, level        "cell" is one image set, "generator" all seeds of one
        dataset, reference_split, generator, training_seed, sampling_seed, preprocessing, encoder   the cell
        metric, status, reason  "ok", or "failed" and why
        value, se, low, high    in the metric's own units; the interval is at `confidence` (0.95)
        target                  "T_N": the expected value at n_real and n_fake; "T_inf": the population value
        reference               the real set is treated as "fixed", or as one "random" sample
        method, conservative, n_real, n_fake, notes

        Every metric has a row for each `reference`, so choose one before you average or plot:

        >>> import harness
        >>> run = harness.open_run("results/digits")  # doctest: +SKIP
        >>> run.to_pandas().query("level == 'generator' and reference == 'random'")  # doctest: +SKIP
        """
        import pandas as pd

        rows = []
        for record in self.records:
            estimate = asdict(record.estimate) if record.estimate else {}
            confidence = estimate.pop("level", None)
            names = ("value", "se", "low", "high", "target", "reference", "method", "conservative", "n_real", "n_fake")
            rows.append(
                {
                    "benchmark": record.benchmark,
                    "level": record.level,
                    **asdict(record.cell),
                    "metric": record.metric,
                    "status": record.status,
                    "reason": record.reason,
                    **{name: estimate.get(name) for name in names},
                    "confidence": confidence,
                    "notes": "; ".join(estimate.get("notes", ())),
                }
            )
        frame = pd.DataFrame(rows)
        numbers = ("value", "se", "low", "high", "confidence")
        return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(WHOLE, "Int64"))

    def pairs(
        self, *, encoder: str | None = None, metric: str | None = None, reference: Reference | None = None
    ) -> pd.DataFrame:
        """The difference of every two generators under every encoder and metric (or the one named), as a data frame.

        encoder, metric
        first, second         two generators that have scores there
        value, se, low, high  of first minus second, in the metric's units; the interval, at `confidence`, counts the
                              reference that both share once
        p                     two-sided, for no difference
        p_holm                the same, adjusted over all pairs of this encoder and metric (Holm 1979): calling every
                              pair with p_holm <= 0.05 different makes one false call in at most 5% of such tables
        better                the generator with the better values where p_holm says that they differ, else None; None
                              too where one of the two gives reference images back, as `notes` says then
        target, reference, method, notes   as in the records; `reference` is the leaderboard's unless it is given. Where
                              one of the two has no interval the numbers are missing, and `notes` says why

        Several training seeds on both sides: Welch's test over seeds, else the images' own noise.

        Raises UsageError for a name that the run does not have, and where the folder lacks its `analyses/`.

        >>> import harness
        >>> pairs = harness.open_run("results/digits").pairs(metric="fd")  # doctest: +SKIP
        """
        import pandas as pd

        board = self.leaderboard
        if encoder is not None and encoder not in board.encoders:
            raise UsageError(unknown("encoder", encoder, board.encoders, place=str(self.out)))
        metrics = [column.metric for column in board.columns]
        if metric is not None and metric not in metrics:
            raise UsageError(unknown("metric", metric, metrics, place=str(self.out)))
        rows: list[dict[str, Any]] = []
        for name in board.encoders if encoder is None else (encoder,):
            for table in self._tables(name, reference or board.interval["reference"]):
                if metric in (None, table[0]["metric"]):
                    rows += table
        columns = ["encoder", "metric", "first", "second", *PAIRED, "confidence", "better"]
        return pd.DataFrame(rows, columns=[*columns, "target", "reference", "method", "notes"])

    def _tables(self, encoder: str, reference: Reference) -> Iterator[list[dict[str, Any]]]:
        """The rows of each metric under an encoder that has two generators or more."""
        board = self.leaderboard
        level = float(board.interval["level"])
        ordered = [row for row in board.of(encoder) if row.status == "ok"]
        if len(ordered) < 2:
            return
        _, analyses = results.read(self.out, encoder)
        lower = {column.metric: column.lower_is_better for column in board.columns}
        copying = {row.generator for row in ordered if row.copies_reference}
        for metric, groups in analyses.items():
            target = {row.generator: row.metrics[metric].target for row in ordered if metric in row.metrics}
            pairs = list(combinations([g for g in target if g in groups], 2))
            told = [self._difference(groups[a], groups[b], level, target[a], reference) for a, b in pairs]
            tested = [found.p for found in told if isinstance(found, Comparison)]
            adjusted = iter(holm(tested))
            rows = []
            for (first, second), found in zip(pairs, told, strict=True):
                row: dict[str, Any] = {
                    "encoder": encoder,
                    "metric": metric,
                    "first": first,
                    "second": second,
                    "confidence": level,
                }
                if isinstance(found, Comparison):
                    p = next(adjusted)
                    ahead = first if (found.value < 0) == lower[metric] else second
                    row |= {name: getattr(found, name) for name in COMPARED} | {"p_holm": p}
                    void = [f"{name} {GIVES_BACK}" for name in (first, second) if name in copying]
                    row |= {
                        "better": ahead if p <= 1 - level and found.value and not void else None,
                        "notes": "; ".join((*void, *found.notes)),
                    }
                else:
                    row |= {"target": target[first], "reference": reference, "notes": found}
                rows.append(row)
            if rows:
                yield rows

    @staticmethod
    def _difference(
        first: Sequence[SeedMember], second: Sequence[SeedMember], level: float, target: Target, reference: Reference
    ) -> Comparison | str:
        """The comparison, or the reason why one of the two has no interval."""
        return why_no_interval(first, second) or difference(
            first, second, level=level, target=target, reference=reference
        )


def open_run(out: str | Path) -> FinishedRun:
    """Open the results folder of `harness run` or `run_benchmark`.

    Raises UsageError if it holds no finished run.
    """
    folder = Path(out)
    ownership.check_run(folder)
    results.leaderboard(folder)
    return FinishedRun(folder)
