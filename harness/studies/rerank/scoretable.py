"""A file of scores for `harness rerank`: generator, encoder, value and, where it is known, the standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.studies.rerank.reversals import DRAWS

if TYPE_CHECKING:
    from harness.studies.rerank.reversals import Order
    from harness.uncertainty import Orders, Ranking

COLUMNS = ("generator", "encoder", "value")


@dataclass(frozen=True)
class Scores:
    """A file's rankings, one an encoder; `known` is whether it tells the noise of its values, `title` says how."""

    title: str
    rankings: list[Ranking]
    known: bool
    notes: tuple[str, ...] = ()
    drawn: Mapping[str, str] = field(default_factory=dict)
    distances: tuple[Order, ...] = ()  # a file holds one metric

    def orders(self, rankings: Sequence[Ranking], level: float) -> list[Orders]:
        """Per encoder the pairs of generators that it orders for sure: under all encoders at once, at `level`."""
        from harness.uncertainty import evidence

        return evidence(rankings).at(level)


def of_scores(path: Path, higher_is_better: bool, seed: int) -> Scores:
    """The rankings of a file of scores; UsageError as for `read_scores`."""
    from harness.uncertainty import independent

    table = read_scores(path)
    rankings = [
        independent(
            encoder,
            {g: value for g, (value, _) in rows.items()},
            {g: se or 0.0 for g, (_, se) in rows.items()},
            lower_is_better=not higher_is_better,
            count=DRAWS,
            seed=seed + 1000 * number,
        )
        for number, (encoder, rows) in enumerate(table.items())
    ]
    errors = [se for rows in table.values() for _, se in rows.values()]
    if not any(se is not None for se in errors):
        return Scores(f"{path}, noise unknown (no standard errors in a column se)", rankings, known=False)
    exact = "values taken as exact (every se is 0)"
    taken = "standard errors taken as independent between generators" if any(errors) else exact
    return Scores(f"{path}, {taken}", rankings, known=True)


def read_scores(path: Path) -> dict[str, dict[str, tuple[float, float | None]]]:
    """Encoder → generator → (value, standard error; None where the file has none), in the file's order.

    UsageError, with every faulty line, for a missing column, a cell that is not a number, a pair stated twice, or a
    standard error that only some lines have.
    """
    import csv

    from harness.base import UsageError, quoted

    found: dict[str, dict[str, tuple[float, float | None]]] = {}
    problems, without = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(f"{path}:1: no column {', '.join(missing)}; expected generator,encoder,value[,se]")
            for row in reader:
                place = f"{path}:{reader.line_num}"
                generator, encoder = (row["generator"] or "").strip(), (row["encoder"] or "").strip()
                value, se = (_number(row.get(key)) for key in ("value", "se"))
                blank = not (row.get("se") or "").strip()
                if not generator or not encoder:
                    problems.append(f"{place}: a generator and an encoder are needed")
                elif value is None:
                    problems.append(f"{place}: value is {quoted(row['value'])}; it must be a finite number")
                elif not blank and (se is None or se < 0):
                    problems.append(f"{place}: se is {quoted(row['se'])}; it must be a number of 0 or more")
                elif generator in found.setdefault(encoder, {}):
                    problems.append(f"{place}: {quoted(generator)} under {quoted(encoder)} is there twice")
                else:
                    found[encoder][generator] = (value, None if blank else se)
                    if blank:
                        without.append(place)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"{path} cannot be read ({getattr(problem, 'strerror', None) or problem})") from None
    if len(without) < sum(map(len, found.values())):
        problems += [f"{place}: se is blank, but other lines have one; use 0 for an exact value" for place in without]
    if problems or not found:
        raise UsageError(problems or f"{path} holds no scores")
    return found


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
