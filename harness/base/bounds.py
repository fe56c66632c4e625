"""How much of a file is read at most: what a person or a run writes lies far below, what a stranger sends may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.base.errors import UsageError

YAML_BYTES = 256 << 10  # a benchmark has kilobytes; the pure-Python reader takes seconds for the worst of this size
LOCK_BYTES = 64 << 20  # written by a run, read by the faster reader
RECORDS_BYTES = 2 << 30
TABLE_BYTES = 1 << 30  # of scores, votes, prompts: ten million lines
NODES = 5_000_000  # of a lock once its aliases are written out


def check_size(path: Path, most: int, what: str) -> None:
    """Raise UsageError for a file of more than `most` bytes; OSError where there is none."""
    size = path.stat().st_size
    if size > most:
        raise UsageError(f"{path}: has {size:,} bytes; {what} may have at most {most:,}")


def expands(value: Any, most: int = NODES) -> bool:
    """Whether a value holds more than `most` values: aliases in YAML make a tree of billions out of a few lines."""
    waiting, seen = [value], 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if seen > most:
            return True
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return False
