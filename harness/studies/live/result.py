"""Results of `harness.score`: a table in a notebook, Estimates by name, a data frame, a run folder."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import Estimate, Record, UsageError, percent, unknown
from harness.pipeline import FinishedRun, Leaderboard, Row, rank_text, shown

if TYPE_CHECKING:
    import pandas as pd


class Estimates(Mapping[str, Estimate]):
    """Estimates of one image set by metric; prints as a table.

    `arrows` marks the better direction of each metric; `note` is printed below the table.
    """

    def __init__(self, estimates: Mapping[str, Estimate], arrows: Mapping[str, str], note: str = "") -> None:
        self._estimates = dict(estimates)
        self._arrows = dict(arrows)
        self._note = note

    def __getitem__(self, metric: str) -> Estimate:
        try:
            return self._estimates[metric]
        except KeyError:
            raise UsageError(unknown("metric", metric, self._estimates)) from None

    def __contains__(self, metric: object) -> bool:
        return metric in self._estimates

    def __iter__(self) -> Iterator[str]:
        return iter(self._estimates)

    def __len__(self) -> int:
        return len(self._estimates)

    def flat(self, prefix: str = "") -> dict[str, float]:
        """A flat dict for loggers: each value, and its interval as `<metric>.low` and `<metric>.high`."""
        found = {}
        for metric, one in self.items():
            found[f"{prefix}{metric}"] = one.value
            if one.low is not None and one.high is not None:
                found |= {f"{prefix}{metric}.low": one.low, f"{prefix}{metric}.high": one.high}
        return found

    def table(self) -> list[list[str]]:
        """A header and one row per metric: name, value, interval."""
        level = percent(next(iter(self.values())).level) if self else ""
        rows = [["metric", "value", f"{level} interval"]]
        for metric, one in self.items():
            interval = "none" if one.low is None or one.high is None else f"[{one.low:.4g}, {one.high:.4g}]"
            rows.append([f"{metric} {self._arrows.get(metric, '')}".strip(), f"{one.value:.4g}", interval])
        return rows

    @property
    def notes(self) -> list[str]:
        """Encoder and sample sizes."""
        one = next(iter(self.values()), None)
        sizes = [] if one is None else [f"n_real = {one.n_real}, n_fake = {one.n_fake}"]
        return [*([self._note] if self._note else []), *sizes]

    def __repr__(self) -> str:
        return as_text(self.table(), self.notes)

    def _repr_html_(self) -> str:
        return as_html(self.table(), self.notes)


@dataclass(frozen=True, repr=False)
class Scores:
    """Result of `harness.score`: `scores[metric]` is an Estimate; with several fakes, `scores.estimates[fake][metric]`.

    leaderboard  the ranked rows; with several fakes, each rank has its simultaneous confidence set
    records      every Record, as in records.jsonl
    notes        remarks on the numbers
    """

    leaderboard: Leaderboard
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    _saver: Callable[[Path], None]

    @property
    def estimates(self) -> dict[str, Estimates]:
        """Estimates of each fake, by name. Under several encoders a metric is named `metric:encoder`."""
        found: dict[str, dict[str, Estimate]] = {}
        arrows: dict[str, str] = {}
        several = self._several
        for row in self.leaderboard.rows:
            for column in self.leaderboard.columns_of(row.encoder):
                if column.metric in row.metrics:
                    name = column.metric + (f":{row.encoder}" if column.metric in several else "")
                    arrows[name] = "↓" if column.lower_is_better else "↑"
                    found.setdefault(row.generator, {})[name] = row.metrics[column.metric]
        return {fake: Estimates(own, arrows, self._about) for fake, own in found.items()}

    @property
    def _several(self) -> set[str]:
        """Metrics that more than one encoder has."""
        seen = Counter(
            m for e in self.leaderboard.encoders for m in {m for r in self.leaderboard.of(e) for m in r.metrics}
        )
        return {metric for metric, times in seen.items() if times > 1}

    @property
    def _about(self) -> str:
        return "; ".join(self.leaderboard.title(name) for name in self.leaderboard.encoders)

    def __getitem__(self, metric: str) -> Estimate:
        """Estimate of a metric of the only fake; UsageError if several were scored."""
        found = self.estimates
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} sets were scored; choose one: .estimates[{next(iter(found))!r}][{metric!r}]"
            )
        return next(iter(found.values()))[metric]

    def to_pandas(self) -> pd.DataFrame:
        """Data frame with one row per fake and metric.

        fake, encoder, metric, value, se, low, high, level, n_real, n_fake, method
        rank, rank_low, rank_high   of the ranking metric, missing for the others; [rank_low, rank_high] is the
                                    simultaneous confidence set at `level`
        """
        import pandas as pd

        by = self.leaderboard.rank_by
        rows = []
        for row in self.leaderboard.rows:
            for metric, one in row.metrics.items():
                ranked = metric == by["metric"]
                numbers = {name: getattr(one, name) for name in ("value", "se", "low", "high", "level")}
                sizes = {"n_real": one.n_real, "n_fake": one.n_fake, "method": one.method}
                ranks = {name: getattr(row, name) if ranked else None for name in ("rank", "rank_low", "rank_high")}
                rows.append(
                    {"fake": row.generator, "encoder": row.encoder, "metric": metric, **numbers, **sizes, **ranks}
                )
        frame = pd.DataFrame(rows)
        floats = dict.fromkeys(("value", "se", "low", "high", "level"), "float64")
        return frame.astype(floats | dict.fromkeys(("rank", "rank_low", "rank_high"), "Int64"))

    def save(self, out: str | Path) -> FinishedRun:
        """Write a run folder with report, leaderboard, records and lock file, for use with every command.

        In-memory images are written to `<out>.images/`, and the benchmark that reproduces the scores to `<out>.yaml`.
        Raises UsageError if `out` holds anything but an earlier save.
        """
        from harness.pipeline import open_run

        self._saver(Path(out))
        return open_run(out)

    def _table(self, encoder: str) -> list[list[str]]:
        columns = self.leaderboard.columns_of(encoder)
        rows = self.leaderboard.of(encoder)
        ranked = self.leaderboard.is_ranked(encoder) and len(rows) > 1
        head = [f"{c.label} {'↓' if c.lower_is_better else '↑'}" for c in columns]

        def cells(row: Row) -> list[str]:
            values = [shown(row.metrics[c.metric]) if c.metric in row.metrics else "–" for c in columns]
            return [*([rank_text(row)] if ranked else []), row.generator, *values]

        return [[*(["rank"] if ranked else []), "fake", *head], *map(cells, rows)]

    def _tables(self) -> Iterator[tuple[list[list[str]], list[str]]]:
        """Table of each encoder and the notes below it."""
        if len({row.generator for row in self.leaderboard.rows}) == 1:
            (own,) = self.estimates.values()
            yield own.table(), [*own.notes, *self._remarks()]
            return
        for encoder in self.leaderboard.encoders:
            yield self._table(encoder), [self.leaderboard.title(encoder)]
        level = percent(self.leaderboard.interval["level"])
        one = self.leaderboard.rows[0]
        yield (
            [],
            [
                f"n_real = {one.n_real}, n_fake = {one.n_fake}; ± is half a {level} interval; in brackets the ranks "
                "that the data allow, for all at once",
                *self._remarks(),
            ],
        )

    def _remarks(self) -> list[str]:
        flags = [f"{row.generator}: {flag}" for row in self.leaderboard.rows for flag in row.flags]
        return [*dict.fromkeys(flags), *self.notes]

    def __repr__(self) -> str:
        return "\n".join(as_text(table, notes) for table, notes in self._tables())

    def _repr_html_(self) -> str:
        return "".join(as_html(table, notes) for table, notes in self._tables())


def as_text(table: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """A table in columns, the first one flush left, and a line for each note."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return "\n".join([*lines, *notes])


def as_html(table: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """The same for a notebook."""
    rows = []
    for number, row in enumerate(table):
        kind = "td" if number else "th"
        rows.append("<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in row) + "</tr>")
    below = "<br>".join(html.escape(note) for note in notes)
    return (f"<table>{''.join(rows)}</table>" if rows else "") + (f"<p><small>{below}</small></p>" if below else "")
