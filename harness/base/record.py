"""What a run leaves behind: estimates, and the records that say how each was made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.base.bounds import RECORDS_BYTES, check_size
from harness.base.errors import UsageError
from harness.base.keys import canonical_json

Target = Literal["T_N", "T_inf"]
Reference = Literal["fixed", "random"]


def percent(level: float) -> str:
    """A level of confidence, or what it leaves, in [0, 1], as it was declared: 95%, 97.5%, 99.9%, 0.1%.

    Rounded to ten digits, which takes away what binary adds (1 - 0.95 is not 0.05), and no digit that a person wrote.
    """
    return f"{100 * level:.10g}%"


def p_text(p: float, *, least: float = 0.001) -> str:
    """A p-value to three decimals, with its sign of relation: "= 0.012", or "< 0.001" below what can be told."""
    return f"= {p:.3f}" if p >= least else f"< {least:.3f}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value with its standard error and interval, and what they speak about.

    `target` is the expectation at these sample sizes (`T_N`) or the population value (`T_inf`); `reference` says
    whether the interval holds the real set `fixed` or counts it as one `random` draw. `value` is the plain estimate for
    `T_N`, the debiased one for `T_inf`. `conservative` marks an interval known to cover more often than `level` says.

    Where no interval holds (one distinct image, two clusters), `se`, `low` and `high` are None, `method` is "none: "
    and the reason, and `value` is the metric as it is, whatever target was asked for.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    level: float
    target: Target
    reference: Reference
    method: str
    n_real: int
    n_fake: int
    conservative: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high; the value twice where there is no interval."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval; `method` says why not."""
        return self.low is not None


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination that a benchmark scores.

    `training_seed` and `sampling_seed` are None in a record that speaks about all seeds of a generator, and
    `training_seed` is None for a generator that is not trained.
    """

    dataset: str
    reference_split: str
    generator: str
    training_seed: int | None
    sampling_seed: int | None
    preprocessing: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Record:
    """One metric of one cell: either an estimate or the reason why there is none.

    level        "cell" (one image set) or "generator" (all its training and sampling seeds)
    metric       its name in the benchmark; `parameters` holds k, kernel and the like
    status       "ok" or "failed"; `reason` says why
    inputs       content keys of what was scored: real and fake image sets and features
    observations facts beside the metric: duplicates, copies of training images, variance components …
    provenance   versions, commit, device; never part of a comparison between runs
    """

    benchmark: str
    level: Literal["cell", "generator"]
    cell: Cell
    metric: str
    parameters: Mapping[str, Any]
    status: Literal["ok", "failed"]
    estimate: Estimate | None = None
    reason: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    observations: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The record as one line of canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Record:
        """The record that `to_json` wrote; raises ValueError, KeyError or TypeError for any other line."""
        raw = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        _as_declared().validate_json(line, strict=True)
        raw["cell"] = Cell(**raw["cell"])
        if raw["estimate"] is not None:
            told = raw["estimate"]
            told["notes"] = tuple(told["notes"])
            raw["estimate"] = Estimate(**told)
            for name in ("value", "se", "low", "high", "level"):
                if type(told[name]) not in (int, float) and (name in ("value", "level") or told[name] is not None):
                    raise ValueError(f"its {name} is {told[name]!r}, not a number")
        return cls(**raw)


@cache
def _as_declared() -> Any:
    """Whether a line's values are of the kinds that a Record declares; what it makes of them is not used."""
    from pydantic import TypeAdapter  # which takes a while, and `--help` needs none of it

    return TypeAdapter(Record)


def _refuse(name: str) -> float:
    raise ValueError(f"found {name}, which is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"found {text[:40]}, which is no finite number")
    return number


def to_lines(records: Iterable[Record]) -> bytes:
    """The content of a `records.jsonl`: one record a line, in the order given."""
    return "".join(record.to_json() + "\n" for record in records).encode("ascii")


def read_records(path: Path) -> list[Record]:
    """The records of a `records.jsonl`, in file order.

    Raises UsageError, with the line, where one is no record, and OSError where there is no such file.
    """
    check_size(path, RECORDS_BYTES, "a file of records")
    found = []
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            found.append(Record.from_json(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as problem:
        where = f"{path}:{len(found) + 1}" if not isinstance(problem, UnicodeDecodeError) else str(path)
        words = " ".join(str(problem).split())[:200]
        raise UsageError(f"{where}: cannot be read as a record ({words}); rewrite it with `harness rank`") from None
    return found
