"""Images in Parquet files, as Hugging Face datasets keep them: a column of `{bytes, path}` or of bytes, a row an image.

Row groups are read as they are asked for, and the latest kept while they fit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.base import Paths, UsageError
from harness.images.formats.facts import Format, ShardParameters, SplitRows
from harness.images.formats.names import MAX_LABEL, FileList, spelled
from harness.images.formats.parquetfooter import column_bytes
from harness.images.formats.shards import is_folder_of, shard_files, spelling

KEPT_BYTES = 1 << 30
MAX_RATIO, SMALL_BYTES = 100, 256 << 20  # of a row group: encoded images hardly shrink
COLUMN = "image"
SUFFIX = ".parquet"
MANY_ROWS = 1_000_000  # up to which a file may be as small as it likes
_MISSING = "Parquet files need the package pyarrow: pip install pyarrow"


class ParquetRows:
    """The encoded images of all rows by name, `row 0` and on, counted through all files."""

    def __init__(self, files: Sequence[tuple[Path, Sequence[int]]], column: str) -> None:
        self._column = column
        self._groups = [(path, group, n) for path, groups in files for group, n in enumerate(groups)]
        self._starts: list[int] = []
        first = 0
        for _, _, n in self._groups:
            self._starts.append(first)
            first += n
        self.size = first
        self._kept: dict[int, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def read(self, name: str) -> bytes:
        """The bytes of one row's image; raises ValueError with the reason."""
        row = int(name.removeprefix("row "))
        # Of groups that begin at one row all but the last are empty, and that is the one found.
        group = bisect_right(self._starts, row) - 1
        column = self._loaded(group)
        if len(column) != self._groups[group][2]:
            raise ValueError(f"lies in rows of {self._groups[group][0]} whose number is not the one that it promises")
        value = column[row - self._starts[group]].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if content is None:
            outside = value.get("path") if isinstance(value, dict) else None
            raise ValueError(
                "is null; drop the row" if outside is None else f"has only the path {outside!r}; embed the image bytes"
            )
        return bytes(content)

    def _loaded(self, group: int) -> Any:
        if group in self._kept:
            self._kept[group] = self._kept.pop(group)  # the latest used is the last to go
            return self._kept[group]
        path, number, _ = self._groups[group]
        try:
            with _opened(path) as file:
                fault = _bomb(path, number, self._column)
                column = None if fault else file.read_row_group(number, columns=[self._column]).column(0)
        except arrow_errors() as error:
            raise ValueError(f"lies in a row group that cannot be read ({brief(error)}); fetch {path} again") from error
        if fault:
            raise ValueError(f"lies in a row group of {path} that {fault}")
        self._kept[group] = column
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > KEPT_BYTES:
            del self._kept[next(iter(self._kept))]
        return column


def read_parquets(
    path: str | Path | Sequence[str], *, column: str | None = None, labels: str | None = None
) -> FileList:
    """The images of one Parquet file or of several (a list, a brace pattern, a folder), row by row.

    `column` is `image` where there is one, else the only one that holds encoded images; `labels` names another.
    Raises UsageError where pyarrow is missing, for what is no Parquet, a column that is absent or holds no encoded
    images, several that do, and labels that are no whole numbers from 0 to `MAX_LABEL`.
    """
    where, name = spelling(path), column
    files = []
    found: list[int] = []
    for file in shard_files(path, SUFFIX):
        try:
            with _opened(file) as parquet:
                name = chosen_column(file, parquet.schema_arrow, name)
                groups = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
                check_rows(file, groups)
                files.append((file, groups))
                if labels is not None:
                    found += whole_numbers(file, parquet.schema_arrow, labels, _column(parquet, labels))
        except arrow_errors() as error:
            raise UsageError(f"{file}: {reason(file, error, 'Parquet')}") from error
    rows = ParquetRows(files, name or COLUMN)
    if not rows.size:
        raise UsageError(f"{where}: holds no rows")
    names = tuple(f"row {i}" for i in range(rows.size))
    return FileList("parquet", where, names, None if labels is None else tuple(found), rows)


def check_rows(path: Path, groups: Sequence[int]) -> None:
    """Raise UsageError for numbers of rows that a file of its size cannot hold: each image costs some of its bytes."""
    n = sum(groups)
    if min(groups, default=0) < 0 or (n > MANY_ROWS and n > path.stat().st_size):
        raise UsageError(f"{path}: promises {n:,} rows in {path.stat().st_size:,} bytes; download or recreate it")


def _bomb(path: Path, group: int, name: str) -> str | None:
    """Why a row group would unpack to far more than images can have been packed into; None where it does not."""
    packed, unpacked = column_bytes(path, group, name)
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * max(packed, 1):
        return f"would unpack from {packed:,} to {unpacked:,} bytes: refused as a decompression bomb"
    return None


def _opened(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(f"{path}: {_MISSING}") from error
    return parquet.ParquetFile(path)


def _column(parquet: Any, name: str) -> Iterator[Any]:
    """The values of a column, read once its name is known to be there."""
    yield parquet.read(columns=[name]).column(0)


def arrow_errors() -> tuple[type[Exception], ...]:
    """What pyarrow raises on files that are not as they should be."""
    try:
        from pyarrow import ArrowException
    except ImportError:
        return (OSError,)
    return (ArrowException, OSError, ValueError)


def reason(path: Path, error: Exception, kind: str) -> str:
    """Why a file that should be of a `kind`, Parquet or Arrow, could not be listed; worded to follow its path."""
    if not path.exists():
        return "does not exist"
    if path.is_dir():
        return f"is a folder, not a {kind} file"
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({spelled(error)})"
    return f"is not a readable {kind} file ({brief(error)}); download or recreate it"


def brief(error: Exception) -> str:
    """What an error says, on one line of 120 characters at most."""
    return " ".join(str(error).split())[:120]


def chosen_column(path: Path, schema: Any, name: str | None) -> str:
    """The column of encoded images: `name`, which is checked, else `image`, else the only one that there is.

    Raises UsageError for a column that is absent or holds no encoded images, and where several could be meant.
    """
    held = image_columns(schema)
    if name is None and COLUMN not in schema.names:
        if len(held) == 1:
            return held[0]
        if held:
            raise UsageError(
                f"{path}: the columns {', '.join(map(repr, held))} hold images; choose one with `column` (--column)"
            )
    name = COLUMN if name is None else name
    if name not in schema.names:
        raise UsageError(
            f"{path}: no column {name!r}; it has {', '.join(map(repr, schema.names))}; choose one "
            "with `column` (--column)"
        )
    if name not in held:
        kind = schema.field(name).type
        raise UsageError(f"{path}: column {name!r} is {kind}; expected encoded images, {{bytes, path}} or bytes")
    return name


def image_columns(schema: Any) -> list[str]:
    """The columns whose type is that of encoded images: bytes, or a struct with a field of bytes."""
    import pyarrow

    found = []
    for field in schema:
        held = field.type
        if pyarrow.types.is_struct(held):
            held = held.field("bytes").type if held.get_field_index("bytes") >= 0 else held
        if pyarrow.types.is_binary(held) or pyarrow.types.is_large_binary(held):
            found.append(field.name)
    return found


def whole_numbers(path: Path, schema: Any, name: str, parts: Iterable[Any]) -> list[int]:
    """A column of labels, given in `parts`. Raises UsageError for one that is absent or holds anything else."""
    import pyarrow

    if name not in schema.names:
        raise UsageError(f"{path}: no column {name!r} of labels; it has {', '.join(map(repr, schema.names))}")
    if not pyarrow.types.is_integer(schema.field(name).type):
        raise UsageError(f"{path}: column {name!r} is {schema.field(name).type}; labels must be whole numbers")
    values: list[int | None] = [value for part in parts for value in part.to_pylist()]
    for row, value in enumerate(values):
        if value is None or not 0 <= value <= MAX_LABEL:
            what = "null" if value is None else value
            raise UsageError(f"{path}: the label of row {row} is {what}; allowed: 0 to {MAX_LABEL}")
    return [value for value in values if value is not None]


def _schema(path: str | Path | Sequence[str]) -> tuple[Path, Any]:
    """The first of the files and what columns it says that it has."""
    first = shard_files(path, SUFFIX)[0]
    try:
        with _opened(first) as parquet:
            return first, named(parquet.schema_arrow)
    except arrow_errors() as error:
        raise UsageError(f"{first}: {reason(first, error, 'Parquet')}") from error


def named(schema: Any) -> Any:
    """A schema whose names can be read: pyarrow finds one that is no UTF-8 only when it is asked for."""
    _ = schema.names
    return schema


def found_column(schema: tuple[Path, Any], parameters: Mapping[str, Any]) -> dict[str, str]:
    """The column of images that a file has under another name than `image`, where none is named."""
    if parameters.get("column") is not None or schema[1] is None:
        return {}
    column = chosen_column(*schema, None)
    return {} if column == COLUMN else {"column": column}


TEXT_COLUMNS = ("prompt", "caption", "text")


def text_column(path: Path, names: Sequence[str], column: str | None) -> str | None:
    """The column of prompts: `column`, else the first of TEXT_COLUMNS that there is; UsageError where it is absent."""
    if column is not None and column not in names:
        raise UsageError(f"{path}: no column {column!r} of prompts; it has {', '.join(map(repr, names))}")
    return column or next((name for name in TEXT_COLUMNS if name in names), None)


def plain_text(path: Path, column: str, values: Iterable[Any]) -> list[str | None]:
    """Values of a column of prompts; UsageError for one that is no text, such as a list of several captions."""
    found: list[str | None] = []
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise UsageError(
                f"{path}: column {column!r}, row {row} is {type(value).__name__}, not text; choose another"
            )
        found.append((value or "").strip() or None)
    return found


def _texts(held: FileList, parameters: Mapping[str, Any], column: str | None) -> list[str | None] | None:
    found: list[str | None] = []
    for file in shard_files(parameters["path"], SUFFIX):
        try:
            with _opened(file) as parquet:
                name = text_column(file, parquet.schema_arrow.names, column)
                if name is None:
                    return None
                found += plain_text(file, name, parquet.read(columns=[name]).column(0).to_pylist())
        except arrow_errors() as error:
            raise UsageError(f"{file}: {reason(file, error, 'Parquet')}") from error
    return found


class ColumnParameters(ShardParameters):
    """Parameters of `parquet` and `arrow`: the files, and which column holds the images.

    `image` by default, or the only column that holds some.
    """

    column: str | None = None


class SplitColumns(SplitRows):
    """A split in Parquet or Arrow files: the columns of images, as for a generator, and of labels."""

    path: Paths
    column: str | None = None
    labels: str | None = None


def _listed(parameters: Mapping[str, Any]) -> FileList:
    return read_parquets(parameters["path"], column=parameters.get("column"), labels=parameters.get("labels"))


FORMATS = (
    Format(
        "parquet",
        _listed,
        SplitColumns,
        "Parquet files of images, one set per split",
        ColumnParameters,
        "image column of Parquet files",
        suffixes=(SUFFIX,),
        is_folder=lambda folder: is_folder_of(folder, SUFFIX),
        inside="column",
        names=lambda parameters: _schema(parameters["path"])[1].names,
        found=lambda parameters: found_column(_schema(parameters["path"]), parameters),
        texts=_texts,
    ),
)
