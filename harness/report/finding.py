"""A study's result beside a run: one `<name>.finding.json` in OUT becomes one section of the report.

{"title": "...", "verdict": ["a sentence", ...],
 "tables": [{"caption": "...", "columns": ["a", "b"], "rows": [["x", 1.5], ...]}, ...],
 "heatmap": null or {"caption": "...", "columns": [...], "rows": [...], "values": [[0.1, null], ...],
                     "low": 0, "high": 1, "decimals": 2},
 "run": null or the key of the run that it was read from,
 "source": null or a digest of the file that it is about, where two files may be called alike}

When a run's numbers change, the findings of the old ones go; one whose `run` is null is nobody's and stays.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from harness.base import UsageError, digest, write_atomically
from harness.pipeline import lockfile

SUFFIX = ".finding.json"
Entry = str | int | float | None  # None is an empty cell


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; numbers are printed as `str` prints them, so round before."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A matrix of numbers, each printed in its square; colours run from `low` to `high`, None is left blank."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    low: float
    high: float
    decimals: int = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What a study says: a title, its verdict in sentences, and the numbers behind it.

    The first sentence is the answer: the top of the report shows it, linked to the section. `run` is the key of what
    the numbers were read from, the run's own (`lockfile.run_key`) or its declaration's (`lockfile.declared_key`).
    `source` is a digest that tells files of like names apart (`free_name`), not their path, which is nobody else's.
    """

    title: str
    verdict: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    heatmap: Heatmap | None = None
    run: str | None = None
    source: str | None = None


def finding_name(*parts: str) -> str:
    """A name for `write_finding` made of words of any kind, `diagnosis-digits_convnet`; different words, other names.

    Words of lower-case letters, digits and _ are joined as they are. A digest follows where a word has anything else,
    a "-" too: `a`, `b-c` and `a-b`, `c` would else be one name, and the later section would take the earlier's place.
    """
    name = re.sub(r"[^a-z0-9_-]", "-", "-".join(parts).lower())
    plain = all(re.fullmatch(r"[a-z0-9_]*", part) for part in parts)
    return name if plain else f"{name}-{digest(list(parts))[:6]}"


def free_name(out: Path, name: str, source: str) -> str:
    """`name`, or where OUT's finding of this name is about another source, `name` with six digits of `source`.

    A finding that says no source, or that cannot be read, is taken to be about this one.
    """
    try:
        held = json.loads((out / f"{name}{SUFFIX}").read_text(encoding="utf-8")).get("source")
    except (OSError, ValueError, AttributeError):
        held = None
    return name if held in (None, source) else f"{name}-{source[:6]}"


def write_finding(out: Path, name: str, finding: Finding) -> Path:
    """The file `<name>.finding.json` in OUT; `harness report OUT` then shows it. Raises UsageError as reading does.

    A finding that says no `run` is taken to be about the run that OUT holds.
    """
    path = out / f"{name}{SUFFIX}"
    if finding.run is None:
        finding = replace(finding, run=lockfile.run_key(out))
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise UsageError(f"finding '{name}': a name is lower-case letters, digits, _ and -; it names the file {path}")
    text = json.dumps(asdict(finding), indent=1) + "\n"
    _Reader(path).finding(json.loads(text))
    write_atomically(path, text.encode("ascii"))
    return path


def drop_findings(out: Path, *, keep: Collection[str]) -> list[str]:
    """Remove from OUT the findings about another run than those of `keep`, and return their names.

    A file that is no finding is left for `read_findings` to refuse: it may be somebody's.
    """
    dropped = []
    for path in sorted(out.glob(f"*{SUFFIX}")):
        try:
            run = json.loads(path.read_text(encoding="utf-8")).get("run")
        except (ValueError, AttributeError):
            continue
        if run is not None and run not in keep:
            path.unlink()
            dropped.append(path.name.removesuffix(SUFFIX))
    return dropped


def read_findings(out: Path) -> dict[str, Finding]:
    """The findings in OUT by name, in the order of their names.

    Raises UsageError for a file that does not follow the schema, with the key that is wrong.
    """
    found = {}
    for path in sorted(out.glob(f"*{SUFFIX}")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{path}: not JSON ({error}); write it again or remove it") from None
        found[path.name.removesuffix(SUFFIX)] = _Reader(path).finding(raw)
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks one file, naming the place of what is wrong."""

    path: Path

    def finding(self, raw: Any) -> Finding:
        raw = self.keys(raw, Finding, "")
        heatmap = raw.get("heatmap")
        return Finding(
            self.text(raw["title"], "title"),
            self.texts(raw["verdict"], "verdict"),
            tuple(self.table(t, f"tables[{i}]") for i, t in enumerate(self.many(raw.get("tables", []), "tables"))),
            None if heatmap is None else self.heatmap(heatmap),
            *(None if raw.get(key) is None else self.text(raw[key], key) for key in ("run", "source")),
        )

    def table(self, raw: Any, at: str) -> Table:
        raw = self.keys(raw, Table, at)
        columns = self.texts(raw["columns"], f"{at}.columns")
        rows = self.matrix(raw["rows"], f"{at}.rows", len(columns), words=True)
        return Table(self.text(raw["caption"], f"{at}.caption"), columns, rows)

    def heatmap(self, raw: Any) -> Heatmap:
        at = "heatmap"
        raw = self.keys(raw, Heatmap, at)
        columns, rows = self.texts(raw["columns"], f"{at}.columns"), self.texts(raw["rows"], f"{at}.rows")
        values: Any = self.matrix(raw["values"], f"{at}.values", len(columns), words=False)
        if len(values) != len(rows):
            self.wrong(f"{at}.values", f"{len(values)} rows", f"one for each of the {len(rows)} names in {at}.rows")
        low, high = (self.entry(raw[end], f"{at}.{end}", words=False) for end in ("low", "high"))
        if low is None or high is None or not float(low) < float(high):
            self.wrong(f"{at}.low", f"{low} to {high}", "numbers with low < high")
        decimals = raw.get("decimals", 2)
        if type(decimals) is not int or not 0 <= decimals <= 9:
            self.wrong(f"{at}.decimals", repr(decimals), "a whole number from 0 to 9")
        caption = self.text(raw["caption"], f"{at}.caption")
        return Heatmap(caption, columns, rows, values, float(low or 0), float(high or 0), decimals)

    def keys(self, raw: Any, shape: Any, at: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self.wrong(at or "the file", type(raw).__name__, "an object")
        known = [field.name for field in fields(shape)]
        optional = {"tables", "heatmap", "decimals", "run", "source"}
        if odd := sorted(set(raw) - set(known)):
            self.wrong(at or "the file", f"unknown key '{odd[0]}'", f"only {', '.join(known)}")
        if lacking := [name for name in known if name not in raw and name not in optional]:
            self.wrong(at or "the file", f"no '{lacking[0]}'", ", ".join(known))
        return dict(raw)

    def matrix(self, raw: Any, at: str, width: int, *, words: bool) -> tuple[tuple[Any, ...], ...]:
        rows = []
        for number, row in enumerate(self.many(raw, at)):
            if len(self.many(row, f"{at}[{number}]")) != width:
                self.wrong(f"{at}[{number}]", f"{len(row)} cells", f"{width}, one a column")
            rows.append(tuple(self.entry(e, f"{at}[{number}][{i}]", words=words) for i, e in enumerate(row)))
        return tuple(rows)

    def entry(self, raw: Any, at: str, *, words: bool) -> Any:
        number = type(raw) in (int, float) and math.isfinite(raw)
        if raw is None or number or (words and isinstance(raw, str)):
            return raw
        return self.wrong(at, repr(raw), "a finite number" + (", text" if words else "") + " or null")

    def text(self, raw: Any, at: str) -> str:
        return raw if isinstance(raw, str) and raw else self.wrong(at, repr(raw), "text that is not empty")

    def texts(self, raw: Any, at: str) -> tuple[str, ...]:
        return tuple(self.text(part, f"{at}[{i}]") for i, part in enumerate(self.many(raw, at)))

    def many(self, raw: Any, at: str) -> Any:
        return raw if isinstance(raw, list) else self.wrong(at, type(raw).__name__, "a list")

    def wrong(self, at: str, found: str, allowed: str) -> Any:
        raise UsageError(f"{self.path}: {at}: found {found}; allowed: {allowed}; mend the file or remove it")
