"""Images in Arrow files, as Hugging Face's `save_to_disk` leaves them: a folder of `data-*.arrow` beside `state.json`.

The columns are those of `formats/parquet.py`; record batches are mapped into memory and read as they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.images.formats.facts import Format
from harness.images.formats.names import FileList
from harness.images.formats.parquet import (
    COLUMN,
    ColumnParameters,
    ParquetRows,
    SplitColumns,
    arrow_errors,
    brief,
    check_rows,
    chosen_column,
    found_column,
    named,
    plain_text,
    reason,
    text_column,
    whole_numbers,
)
from harness.images.formats.shards import shards, spelling

STATE, SPLITS = "state.json", "dataset_dict.json"
MAX_NAME = 255
_MISSING = "Arrow files need the package pyarrow: pip install pyarrow"


class ArrowRows(ParquetRows):
    """The same rows from Arrow files, whose groups are record batches."""

    def __init__(self, files: Sequence[tuple[Path, Sequence[int]]], column: str) -> None:
        super().__init__(files, column)
        self._mapped: dict[Path, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_mapped": {}}

    def _loaded(self, group: int) -> Any:
        path, number, _ = self._groups[group]
        if path not in self._mapped:
            try:
                self._mapped[path] = _batches(path)
            except arrow_errors() as error:
                raise ValueError(f"lies in a file that cannot be read ({brief(error)}); fetch {path} again") from error
        return self._mapped[path][number].column(self._column)


def is_saved(path: Path) -> bool:
    """Whether a folder is what `save_to_disk` leaves, of one split or of several."""
    return (path / STATE).is_file() or (path / SPLITS).is_file()


def read_arrows(path: str | Path | Sequence[str], *, column: str | None = None, labels: str | None = None) -> FileList:
    """The images of a folder of `save_to_disk`, or of Arrow files (one, a list, a brace pattern), row by row.

    `labels` names a column. Raises UsageError where pyarrow is missing, for a folder that is another or that holds
    several splits, for what is no Arrow file, and as `read_parquets` for columns.
    """
    where, name = spelling(path), column
    files = []
    found: list[int] = []
    for file in _files(path):
        try:
            batches = _batches(file)
            if batches:
                name = chosen_column(file, batches[0].schema, name)
                if labels is not None:
                    found += whole_numbers(file, batches[0].schema, labels, (b.column(labels) for b in batches))
        except arrow_errors() as error:
            raise UsageError(f"{file}: {reason(file, error, 'Arrow')}") from error
        files.append((file, [batch.num_rows for batch in batches]))
        check_rows(file, files[-1][1])
    rows = ArrowRows(files, name or COLUMN)
    if not rows.size:
        raise UsageError(f"{where}: holds no rows")
    names = tuple(f"row {i}" for i in range(rows.size))
    return FileList("arrow", where, names, None if labels is None else tuple(found), rows)


def _files(path: str | Path | Sequence[str]) -> list[Path]:
    folder = Path(path) if isinstance(path, str | Path) else None
    if folder is None or not folder.is_dir():
        return list(shards(path))
    if (folder / SPLITS).is_file():
        splits = sorted(child.name for child in folder.iterdir() if (child / STATE).is_file())
        found = f"the splits {', '.join(splits)}; give the folder of one" if splits else "no split; save the set again"
        raise UsageError(f"{folder}: holds {found}")
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        listed = [str(one["filename"]) for one in state["_data_files"]]
        indices = state.get("_indices_data_files") or state.get("_indices_files")
        wrong = [name for name in listed if Path(name).name != name or len(name) > MAX_NAME or not name.isprintable()]
    except FileNotFoundError:
        raise UsageError(f"{folder}: has no {STATE} from save_to_disk; give its .arrow files") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{folder / STATE}: cannot be read as save_to_disk writes it ({brief(error)})") from error
    if indices:
        raise UsageError(f"{folder}: selects rows by a file of indices; call flatten_indices() and save it again")
    if wrong:
        raise UsageError(f"{folder / STATE}: names {wrong[0][:100]!r}, which is not in this folder; save the set again")
    return [folder / name for name in listed]


def _batches(path: Path) -> list[Any]:
    """The record batches of a file in stream or file format, mapped into memory and found sound.

    Arrow trusts a file's offsets: without the look at them a damaged one ends the process, or reads beside the file.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise UsageError(f"{path}: {_MISSING}") from error
    mapped = pyarrow.memory_map(str(path))
    try:
        with pyarrow.ipc.open_stream(mapped) as stream:
            batches = list(stream)
    except pyarrow.ArrowInvalid as stream_error:
        try:
            file = pyarrow.ipc.open_file(mapped)
        except pyarrow.ArrowInvalid:
            raise stream_error from None
        batches = [file.get_batch(i) for i in range(file.num_record_batches)]
    for batch in batches:
        batch.validate(full=True)
    return batches


def _schema(path: str | Path | Sequence[str]) -> tuple[Path, Any]:
    """The first of the files that has rows, and what columns it says that it has; None where no file has any."""
    files = _files(path)
    for file in files:
        try:
            if batches := _batches(file):
                return file, named(batches[0].schema)
        except arrow_errors() as error:
            raise UsageError(f"{file}: {reason(file, error, 'Arrow')}") from error
    return files[0], None


def _column_names(parameters: Mapping[str, Any]) -> Sequence[str]:
    _, schema = _schema(parameters["path"])
    return () if schema is None else schema.names


def _texts(held: FileList, parameters: Mapping[str, Any], column: str | None) -> list[str | None] | None:
    found: list[str | None] = []
    for file in _files(parameters["path"]):
        try:
            batches = _batches(file)
            name = text_column(file, batches[0].schema.names, column) if batches else None
            if batches and name is None:
                return None
            for batch in batches:
                found += plain_text(file, str(name), batch.column(name).to_pylist())
        except arrow_errors() as error:
            raise UsageError(f"{file}: {reason(file, error, 'Arrow')}") from error
    return found


def _listed(parameters: Mapping[str, Any]) -> FileList:
    return read_arrows(parameters["path"], column=parameters.get("column"), labels=parameters.get("labels"))


FORMATS = (
    Format(
        "arrow",
        _listed,
        SplitColumns,
        "Arrow files or save_to_disk folders, one set per split",
        ColumnParameters,
        "image column of Arrow files or a save_to_disk folder",
        suffixes=(".arrow",),
        is_folder=is_saved,
        inside="column",
        names=_column_names,
        found=lambda parameters: found_column(_schema(parameters["path"]), parameters),
        texts=_texts,
    ),
)
