"""A run as one file to hand in, and its way back: every file, image set and feature set with its digest."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Any

from harness.base import DIALECT, Schema, UsageError, counted, read_records, write_atomically
from harness.pipeline import lockfile, ownership
from harness.studies.verify.result import Verified
from harness.studies.verify.stored import from_files

PAGE = "bundle.json"
FORMAT = 1
TABLE = "judgements.csv"  # of a run that is a judge's scores or people's votes
MOST_BYTES = 4 << 30  # unpacked; a run of hundreds of generators has megabytes
MOST_FILES = 100_000
NEEDED = ("records.jsonl", "leaderboard.json", lockfile.LOCK)
KEPT_OUT = (".turn",)  # the lock of whoever writes into the folder
# What zipfile raises on damage, and a file system on names that it cannot hold.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
STAMP = (1980, 1, 1, 0, 0, 0)


def write_bundle(out: Path, file: Path) -> int:
    """Write the files of a run and `bundle.json` to a zip, the same bytes for the same run; returns how many files.

    Raises UsageError where OUT holds no run, or one whose files disagree with each other.
    """
    if file.suffix != ".zip":
        raise UsageError(f"{file}: must end in .zip")
    ownership.check_run(out)
    found = from_files(out)
    if found.exit_code:
        raise UsageError(f"{out}: its files are inconsistent; `harness verify {out}` shows where")
    held = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in KEPT_OUT
    }
    page = {
        "format": FORMAT,
        "run_key": str((lockfile.read_lock(out) or {}).get("run_key")),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in held.items()},
        **_inputs(out),
    }
    held[PAGE] = (json.dumps(page, indent=1, sort_keys=True) + "\n").encode("ascii")
    payload = BytesIO()
    with zipfile.ZipFile(payload, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(held.items()):
            archive.writestr(zipfile.ZipInfo(name, STAMP), content, zipfile.ZIP_DEFLATED)
    write_atomically(file, payload.getvalue())
    return len(held)


def bundle_schema() -> Schema:
    """The schema of bundle.json, the page of a bundle."""
    digests = {"type": "array", "items": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}}
    own: Schema = {
        "format": {"const": FORMAT, "description": "of this page"},
        "run_key": {"type": "string", "description": "that of the lock"},
        "files": {
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "description": "every other file of the bundle → its SHA-256",
        },
        "images": {**digests, "description": "digests of the image sets that the records rest on"},
        "features": {**digests, "description": "digests of their features"},
    }
    return {
        "$schema": DIALECT,
        "title": "bundle.json, the page of what `harness submit` makes",
        "type": "object",
        "properties": own,
        "required": list(own),
        "additionalProperties": False,
    }


def verify_bundle(file: Path) -> Verified:
    """What a bundle allows to be checked: schema, digests, and every interval from the analyses in it.

    What takes the images is in `left`. Raises UsageError for a file that is no bundle.
    """
    with _unpacked(file) as (folder, page, damaged):
        try:
            found = from_files(folder)
            told = _inputs(folder)
        except UsageError as problem:  # names the folder that it was unpacked to
            raise UsageError([line.replace(f"{folder}/", f"{file}: ") for line in problem.problems]) from None
        own = lockfile.read_lock(folder) or {}
        if page.get("run_key") != own.get("run_key"):
            damaged.append(f"{PAGE} names run {page.get('run_key')}, the lock {own.get('run_key')}")
        damaged += [f"{PAGE}: its {name} are not those of the records" for name in told if page.get(name) != told[name]]
    images, features = len(told["images"]), len(told["features"])
    left = {
        counted(images, "image set"): "a bundle holds their digests, not the images; whoever has them runs "
        f"`harness verify OUT --all` in the folder of the run ({lockfile.LOCK} names all that decides)",
        counted(features, "set")
        + " of features": "they follow from the images and the weights, whose digests are there",
        "whether samples were chosen": "no file can say how many were drawn before these",
    }
    if not images and not features:
        left = {"the scores": f"`harness verify OUT` in the folder of the run computes them from its table ({TABLE})"}
    words = tuple(problem.replace(f"{folder}/", "") for problem in (*damaged, *found.damaged))
    return replace(found, out=file, damaged=tuple(dict.fromkeys(words)), left={**found.left, **left})


@contextmanager
def _unpacked(file: Path) -> Iterator[tuple[Path, dict[str, Any], list[str]]]:
    """A bundle in a folder of its own for as long as the block lasts, its page, and what is wrong with its files."""
    try:
        with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory(prefix="harness-bundle-") as folder:
            page = _extract(file, archive, Path(folder))
            listed = page["files"]
            there = {
                path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in Path(folder).rglob("*")
                if path.is_file() and path.name != PAGE
            }
            damaged = [f"{name}: differs from {PAGE}" for name in listed if there.get(name) != listed[name]]
            damaged += [f"{name}: is not listed in {PAGE}" for name in there if name not in listed]
            yield Path(folder), page, damaged
    except (zipfile.BadZipFile, FileNotFoundError, UnicodeDecodeError, NotImplementedError) as problem:
        raise UsageError(
            f"{file}: is not a readable bundle ({problem}); create one with `harness submit OUT`"
        ) from None


def _extract(file: Path, archive: zipfile.ZipFile, folder: Path) -> dict[str, Any]:
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise UsageError(f"{file}: unpacks to more than a run has ({MOST_FILES:,} files, {MOST_BYTES >> 30} GiB)")
    names = [entry.filename for entry in entries]
    for name in names:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
            raise UsageError(f"{file}: the file name {name!r} points outside it")
    if missing := [name for name in (PAGE, *NEEDED) if name not in names]:
        raise UsageError(f"{file}: is not a bundle: no {', no '.join(missing)}; create one with `harness submit OUT`")
    for entry in entries:
        path = folder / entry.filename
        try:
            content = archive.read(entry)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except UNREADABLE as problem:
            told = problem.strerror if isinstance(problem, OSError) and problem.strerror else problem
            raise UsageError(f"{file}: {entry.filename[:200]!r} in it cannot be read ({told})") from None
    try:
        page = json.loads((folder / PAGE).read_text("utf-8"))
        if page["format"] != FORMAT or not isinstance(page["files"], dict):
            raise ValueError("another version's format")
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise UsageError(
            f"{file}: its {PAGE} cannot be read ({problem}); create one with `harness submit OUT`"
        ) from None
    return dict(page)


def _inputs(out: Path) -> dict[str, list[str]]:
    """The digests of all images and features that the records rest on."""
    found: dict[str, set[str]] = {"images": set(), "features": set()}
    for record in read_records(out / "records.jsonl"):
        for name, key in record.inputs.items():
            side = name.rpartition("_")[2]
            if side in found:  # judgements have neither: their table lies in the folder
                found[side].add(str(key))
    return {name: sorted(keys) for name, keys in found.items()}
