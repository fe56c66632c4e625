"""Whose folder OUT is, who writes into it now, and whether its files are all those of one finished run."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.base import UsageError, digest_file, locked, synced, write_atomically
from harness.pipeline import lockfile

ANALYSES = "analyses"
COSTS = "costs.json"
RECEIPT = ".complete.json"
MARKER = ".benchmark"  # names the benchmark whose results a folder holds
BESIDE = ("run.json", "report.html", COSTS)  # of the time, the machine and later studies: not part of the result
DRAWN = ("grids/", "plots/", "nearest/", f"{ANALYSES}/")  # files whose names hang on the declaration
TURN = ".turn"  # held by the run that writes into OUT
UNFINISHED = ".writing"  # there while OUT may hold files of two runs
_here: set[Path] = set()  # OUTs that this process is writing into: it may read what is not finished


class WaitingWarning(UserWarning):
    """Another run is writing into the same OUT; this one goes on when that one has finished."""


class ReplacedWarning(UserWarning):
    """OUT holds what another declaration, or an edited one, left there; this run takes its place."""


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """OUT for one run at a time, as long as the block lasts; a second one waits, a killed one gives its turn back.

    Without it a run could vouch for files that another, of an edited declaration, has put in their place meanwhile.
    """

    def say() -> None:
        warnings.warn(f"another run is writing to {out}; waiting for it to finish", WaitingWarning, 6)

    with locked(out / TURN, waiting=say):
        _here.add(out.absolute())
        try:
            yield
        finally:
            _here.discard(out.absolute())


def claim(out: Path, benchmark: str) -> None:
    """Mark a new or empty folder as this benchmark's; raises UsageError for one that holds anything else."""
    marker = out / MARKER
    try:
        if marker.is_file():
            owner = marker.read_text(encoding="utf-8", errors="backslashreplace").strip()
            if owner != benchmark:
                owner = "".join(letter if letter.isprintable() else "␣" for letter in owner[:100])
                raise UsageError(f"{out} holds the results of benchmark '{owner}'; give another folder with --out")
            return
        if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
            raise UsageError(f"{out} holds files that no run wrote; give a new or empty folder with --out")
        write_atomically(marker, f"{benchmark}\n".encode())
        synced([marker, out])  # cut by a loss of power it would be another benchmark's
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out} is a file, or is inside one; give a folder with --out") from None


def check_run(out: Path) -> None:
    """Raise UsageError where OUT is not a run's folder."""
    if not (out / "records.jsonl").is_file():
        raise UsageError(f"{out} holds no run: no records.jsonl in it")


def clear(out: Path) -> None:
    """Take away what an earlier declaration, or a fault, left in OUT under names that are not written again."""
    earlier = _receipt(out).get("files", {})
    (out / RECEIPT).unlink(missing_ok=True)
    write_atomically(out / UNFINISHED, b"")
    synced([out / UNFINISHED, out])  # before a file of the new run, whatever is lost later
    for name in earlier:
        # A receipt may have come with a folder from elsewhere: it names nothing outside of OUT.
        if name.startswith(DRAWN) and ".." not in Path(name).parts:
            (out / name).unlink(missing_ok=True)


def settle(out: Path) -> None:
    """Say that OUT holds one run's files, all of them; a loss of power keeps them."""
    if not (out / UNFINISHED).exists():
        return
    paths = [path for path in out.rglob("*") if not path.is_symlink()]
    synced([*paths, out, out.parent])
    (out / UNFINISHED).unlink(missing_ok=True)


def write_receipt(out: Path, lock: Mapping[str, Any]) -> None:
    """Vouch for OUT's files as they are now, those of the run that `lock` resolves."""
    receipt = {"run_key": lock["run_key"], "declared": lockfile.declared_key(lock), "files": _files(out)}
    write_atomically(out / RECEIPT, json.dumps(receipt).encode("ascii"))


def is_complete(out: Path, run_key: str) -> bool:
    """Whether OUT holds this very result, every file as it was written."""
    try:
        receipt = _receipt(out)
        files = _files(out)
        return bool(receipt["run_key"] == run_key) and all(files.get(n) == d for n, d in receipt["files"].items())
    except (OSError, KeyError):
        return False


def unlike_receipt(out: Path) -> list[str] | None:
    """The files of OUT that are missing or not as the run wrote them; None where no receipt vouches for any."""
    vouched = _receipt(out).get("files")
    if not isinstance(vouched, dict):
        return None
    there = _files(out)
    return [name for name, of in vouched.items() if there.get(name) != of]


def check_vouched(out: Path, name: str) -> None:
    """Raise UsageError for a file of OUT that is not as its run wrote it, or that a run was writing when it ended.

    An OUT without a receipt, as of a run with cells that failed, is taken as it is.
    """
    files = _receipt(out).get("files")
    if isinstance(files, dict):
        try:
            same = name not in files or files[name] == digest_file(out / name)
        except OSError:
            return  # who reads it says so
        if not same:
            raise UsageError(f"{out / name} was damaged or edited after the run; rewrite it with `harness rank`")
    elif (out / UNFINISHED).exists() and out.absolute() not in _here:
        raise UsageError(
            f"{out} holds an unfinished run: still being written, or interrupted; run the same "
            "command again to finish it"
        )


def _files(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): digest_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in BESIDE
    }


def _receipt(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / RECEIPT).read_text(encoding="ascii"))
        files = found.get("files", {}) if isinstance(found, dict) else None
        sound = isinstance(files, dict) and all(isinstance(digest_of, str) for digest_of in files.values())
        return dict(found) if sound else {}
    except (OSError, ValueError, RecursionError):
        return {}


def warn_of_replacing(out: Path, declared: Mapping[str, Any]) -> None:
    """Say that a run of `declared` takes the place of what OUT holds, unless OUT is of the same declaration."""
    there = _declared_in(out)
    if there is not None and there != lockfile.declared_key(declared):
        warnings.warn(
            f"replacing the results of another declaration, or of this one before an edit, in {out}, report sections "
            "included; to keep both, use another --out",
            ReplacedWarning,
            3,
        )


def _declared_in(out: Path) -> str | None:
    """The key of what OUT's lock declares; None where it holds none. The receipt says it of the lock it vouches for."""
    receipt = _receipt(out)
    try:
        if receipt["files"][lockfile.LOCK] == digest_file(out / lockfile.LOCK):
            return str(receipt["declared"])
    except (OSError, KeyError, TypeError):
        pass
    there = lockfile.read_lock(out)
    return None if there is None else lockfile.declared_key(there)
