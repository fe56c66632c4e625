"""Scores as a notebook shows them: a small table, numbers by name, a data frame, and a folder like a run's."""

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
    """The Estimates of one set of images by metric; prints as a small table.

    `arrows` says which way is better; `note` stands below the table.
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
        """Each value, and its interval as `<metric>.low` and `<metric>.high`: what loggers of numbers take."""
        found = {}
        for metric, one in self.items():
            found[f"{prefix}{metric}"] = one.value
            if one.low is not None and one.high is not None:
                found |= {f"{prefix}{metric}.low": one.low, f"{prefix}{metric}.high": one.high}
        return found

    def table(self) -> list[list[str]]:
        """A header and a row a metric: name, value, interval."""
        level = percent(next(iter(self.values())).level) if self else ""
        rows = [["metric", "value", f"{level} interval"]]
        for metric, one in self.items():
            interval = "none" if one.low is None or one.high is None else f"[{one.low:.4g}, {one.high:.4g}]"
            rows.append([f"{metric} {self._arrows.get(metric, '')}".strip(), f"{one.value:.4g}", interval])
        return rows

    @property
    def notes(self) -> list[str]:
        """What the numbers are of."""
        one = next(iter(self.values()), None)
        sizes = [] if one is None else [f"n_real = {one.n_real}, n_fake = {one.n_fake}"]
        return [*([self._note] if self._note else []), *sizes]

    def __repr__(self) -> str:
        return as_text(self.table(), self.notes)

    def _repr_html_(self) -> str:
        return as_html(self.table(), self.notes)


@dataclass(frozen=True, repr=False)
class Scores:
    """What `harness.score` found: `estimates[fake][metric]`, and with one fake `scores[metric]`, are Estimates.

    leaderboard  the ranked rows, with simultaneous rank sets where there are several fakes
    records      every Record, as `harness score` writes them
    notes        what to know beside the numbers
    """

    leaderboard: Leaderboard
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    _saver: Callable[[Path], None]

    @property
    def estimates(self) -> dict[str, Estimates]:
        """The Estimates of each fake by its name. A metric under several encoders is called `metric:encoder`."""
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
        """The Estimate of a metric, of the one fake that was scored; UsageError where there are several."""
        found = self.estimates
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} sets were scored; choose one: .estimates[{next(iter(found))!r}][{metric!r}]"
            )
        return next(iter(found.values()))[metric]

    def to_pandas(self) -> pd.DataFrame:
        """A row for each fake and metric.

        fake, encoder, metric, value, se, low, high, level, n_real, n_fake, method
        rank, rank_low, rank_high   of the metric that ranks, missing for the others; the true rank lies in
                                    [rank_low, rank_high], at `level` for all fakes at once
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
        """Write a folder like that of `harness score`: report, leaderboard, records, lock; every command reads it.

        Images that were in memory are written beside it, in `<out>.images/`, and the benchmark that scores them again
        to `<out>.yaml`. Raises UsageError where `out` holds anything else than an earlier save.
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
        """Each encoder's table with the lines below it."""
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
