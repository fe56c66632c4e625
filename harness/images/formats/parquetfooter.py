"""How many bytes a column of a Parquet file is packed into, from the file's footer (apache/parquet-format, Thrift).

Read here because pyarrow, asked for them, ends the process where a column's statistics do not fit its type.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

DEEPEST = 16
_FIELDS = {"row_groups": 4, "columns": 1, "meta_data": 3, "path_in_schema": 3, "unpacked": 6, "packed": 7}


def column_bytes(path: Path, group: int, column: str) -> tuple[int, int]:
    """Bytes of one column of one row group in the file and unpacked, by its footer; ValueError where it is none."""
    facts = path.stat()
    packed = unpacked = 0
    for name, inside, outside in _sizes(path, facts.st_mtime_ns, facts.st_size)[group]:
        if name == column:
            packed, unpacked = packed + inside, unpacked + outside
    return packed, unpacked


@lru_cache(maxsize=4)
def _sizes(path: Path, _modified: int, size: int) -> list[list[tuple[str, int, int]]]:
    """Name, packed and unpacked bytes of every chunk of every row group."""
    with path.open("rb") as stream:
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, size - 8 - length))
        content = stream.read(length)
    try:
        footer, _ = _struct(content, 0, 0)
        return [
            [_chunk(chunk[_FIELDS["meta_data"]]) for chunk in group[_FIELDS["columns"]]]
            for group in footer[_FIELDS["row_groups"]]
        ]
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"its footer cannot be read ({error!r})") from None


def _chunk(facts: Any) -> tuple[str, int, int]:
    name = facts[_FIELDS["path_in_schema"]][0].decode("utf-8")
    return name, int(facts[_FIELDS["packed"]]), int(facts[_FIELDS["unpacked"]])


def _struct(content: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Fields by number; each is preceded by the distance of its number from the last one and its kind."""
    if depth > DEEPEST:
        raise ValueError("its footer is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while (head := content[at]) != 0:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _signed(content, at)
        if head & 15 in (1, 2):  # a truth value lies in the kind
            fields[number] = head & 15 == 1
        else:
            fields[number], at = _value(content, at, head & 15, depth)
    return fields, at + 1


def _value(content: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2, 3):  # a truth value in a list, a byte
        return content[at], at + 1
    if kind in (4, 5, 6):
        return _signed(content, at)
    if kind == 7:
        return None, at + 8  # a float, of which none is asked for
    if kind == 8:
        length, at = _varint(content, at)
        return content[at : at + length], at + length
    if kind in (9, 10):
        head = content[at]
        count, at = (head >> 4, at + 1) if head >> 4 < 15 else _varint(content, at + 1)
        found = []
        for _ in range(count):
            one, at = _value(content, at, head & 15, depth + 1)
            found.append(one)
        return found, at
    if kind == 12:
        return _struct(content, at, depth + 1)
    raise ValueError(f"its footer holds the kind {kind}, which no Parquet has")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
        if shift > 63:
            raise ValueError("its footer holds an endless number")


def _signed(content: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(content, at)
    return (number >> 1) ^ -(number & 1), at
