"""The prompts that images were made from: beside them in their container, or in a table that names them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.base import TABLE_BYTES, UsageError, check_size, quoted_names
from harness.images.formats.facts import containers
from harness.images.formats.names import FileList
from harness.images.listing import listing

PROMPT_COLUMNS = ("prompt", "caption", "text")
NAME_COLUMNS = ("file_name", "file", "image", "name", "path")
TABLES = ("metadata.jsonl", "metadata.csv")  # of a folder of images, as Hugging Face's imagefolder reads them
Row = tuple[str | None, str]  # the image's name, where the table names it, and its prompt


def prompts_of(
    kind: str, parameters: Mapping[str, Any], *, table: Path | None = None, column: str | None = None
) -> tuple[str, ...] | None:
    """The prompt of each image of a source, in the source's order; None where nothing says any.

    A `table` is a CSV or JSON-lines file with a column of prompts and one of the images' names, or a row an image in
    the images' order, or text with a prompt a line. Without one, what lies with the images counts: metadata.jsonl or
    metadata.csv in a folder, a `.txt` file beside each image, also in tar files, or a column of a Parquet or Arrow
    file. `column` names the column of prompts, else `prompt`, `caption` or `text`.

    Raises UsageError for a table or a column that cannot be read, and for images without a prompt among others with.
    """
    held = listing(kind, parameters)
    if table is not None:
        return _matched(
            table, list(read_table(table, column)), held.names if isinstance(held, FileList) else (), held.size
        )
    if not isinstance(held, FileList):
        return None
    if kind == "folder":
        for name in TABLES:
            if (held.path / name).is_file():
                rows = list(read_table(held.path / name, column))
                return _matched(held.path / name, rows, held.names, held.size)
    texts = containers()[kind].texts
    found = None if texts is None else texts(held, parameters, column)
    if found is None:
        return None
    if len(found) != len(held.names):
        promised = f"promises {len(held.names):,} rows and holds {len(found):,} prompts"
        raise UsageError(f"{held.path}: {promised}; download or recreate it")
    if lacking := [name for name, prompt in zip(held.names, found, strict=True) if prompt is None]:
        raise UsageError(
            f"{held.path}: {lacking[0]!r} has no prompt{f', nor have {len(lacking) - 1} more' if lacking[1:] else ''}; "
            "add a .txt file beside it, or give all prompts in a table (--prompts)"
        )
    return tuple(str(prompt) for prompt in found)


def read_table(path: Path, column: str | None = None) -> Iterator[Row]:
    """The rows of a table of prompts, by its ending: .csv, .tsv, .jsonl, else a prompt a line.

    Raises UsageError for a file that cannot be read, a column that is not there, and a row without a prompt.
    """
    try:
        check_size(path, TABLE_BYTES, "a file of prompts")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path} cannot be read as prompts: {problem}") from None
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        reader = csv.DictReader(text.splitlines(), delimiter="\t" if suffix == ".tsv" else ",", skipinitialspace=True)
        try:
            rows: list[tuple[int, Mapping[str, Any]]] = [(reader.line_num, row) for row in reader]
        except csv.Error as problem:
            raise UsageError(f"{path}:{reader.line_num + 1}: cannot be read as prompts: {problem}") from None
    elif suffix in (".jsonl", ".json", ".ndjson"):
        rows = [
            (number, _object(path, number, line)) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        ]
    else:
        yield from ((None, line.strip()) for line in text.splitlines() if line.strip())
        return
    keys = list(dict.fromkeys(key for _, row in rows for key in row if key is not None))
    wanted = (column,) if column is not None else PROMPT_COLUMNS
    prompts = next((key for key in wanted if key in keys), None)
    if prompts is None:
        there = ", ".join(quoted_names(keys))
        raise UsageError(f"{path}: no prompt column {' or '.join(map(repr, wanted))}; it has {there}")
    names = next((key for key in NAME_COLUMNS if key in keys and key != prompts), None)
    for number, row in rows:
        prompt = str(row.get(prompts) or "").strip()
        if not prompt:
            raise UsageError(f"{path}:{number}: no prompt in column {prompts}")
        yield (None if names is None else str(row.get(names) or "").strip()), prompt


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{path}:{number}: no JSON object: {problem}") from None
    if not isinstance(found, dict):
        raise UsageError(
            f'{path}:{number}: no JSON object; expected one per line, such as {{"file_name": …, "prompt": …}}'
        )
    return found


def _matched(table: Path, rows: Sequence[Row], names: Sequence[str], size: int) -> tuple[str, ...]:
    """The prompts in the images' order: by name where the table has names, else row by row."""
    if rows and all(name is None for name, _ in rows):
        if len(rows) != size:
            raise UsageError(f"{table}: has {len(rows)} prompts for {size} images; add a column file_name")
        return tuple(prompt for _, prompt in rows)
    if not names:
        raise UsageError(
            f"{table}: has file names, but these images have none; give one prompt per row, in image order"
        )
    known: dict[str, str] = {}
    for name, prompt in rows:
        if known.setdefault(str(name), prompt) != prompt:
            raise UsageError(f"{table}: {name!r} has two prompts, {known[str(name)]!r} and {prompt!r}")
    # `images/0001.png` in a table is the file 0001.png of the folder `images`, as long as only one is called so.
    short: dict[str, list[str]] = {}
    for name in known:
        short.setdefault(PurePosixPath(name).name, []).append(name)
    found: list[str] = []
    lacking: list[str] = []
    for name in names:
        alike = short.get(PurePosixPath(name).name, [])
        if name in known:
            found.append(known[name])
        elif len(alike) == 1:
            found.append(known[alike[0]])
        else:
            lacking.append(name)
    if lacking:
        more = f" (and {len(lacking) - 1} more images)" if lacking[1:] else ""
        raise UsageError(f"{table}: no row names {lacking[0]!r}{more}; every image needs its prompt")
    return tuple(found)
