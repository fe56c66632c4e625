"""What faults are injected into: a store in use and the last steps into OUT; each knows what is right."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.pipeline import lockfile, ownership, results, store
from harness.pipeline.executors.inline import InlineExecutor
from harness.pipeline.plan import Plan, declared
from harness.pipeline.stages import Pipeline, Silent
from harness.pipeline.store import Store
from tests.faults.layer import Died, Fault, Layer, faulty
from tests.support.noise_folders import declared as noise_benchmark
from tests.support.noise_folders import noise


@dataclass
class Outcome:
    """One fault and what came of it. `how`: survived, failed (with a sentence), died; `message` is that sentence."""

    kind: str
    scene: str
    fault: str
    hit: bool = True
    how: str = "survived"
    message: str = ""
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    resumed: bool = True
    untidy: str = ""  # a traceback where a sentence is due

    @property
    def is_clean(self) -> bool:
        return self.resumed and not self.lost and not self.wrong and not self.untidy


def shm() -> Path:
    """A folder whose bytes lie in memory where the machine has one: a campaign need not wait for a disk."""
    place = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="faults-", dir=place if os.access(place, os.W_OK) else None))


# ------------------------------------------------------------------------------------------------ a store in use


def content(number: int) -> list[dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(number)
    return [{"rows": rng.normal(size=(5, 3)).astype(np.float32)} for _ in range(2)]


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def use_store(root: Path, done: Callable[[str, str], None], kind_of_store: type[Store] = Store) -> str:
    """Three entries found or made; the digest of what was read of them."""
    held = kind_of_store(root)
    total = hashlib.sha256()
    held.check_place()
    held.check_writable()
    for number in range(3):
        found = held.load("scores", key_of(number))
        if found is None:
            held.put("scores", key_of(number), content(number), {"number": number})
            done("scores", key_of(number))
            found = held.load("scores", key_of(number))
        assert found is not None
        total.update(found[1]["rows"].tobytes() + str(found[0]["number"]).encode())
    return total.hexdigest()


def intact(root: Path, entries: list[tuple[str, str]]) -> list[str]:
    """Of the entries that were said to be made, those that are not there whole."""
    lost = []
    for kind, key in entries:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if Store(root).load(kind, key) is None:
                lost.append(f"{kind} {key[:8]}")
    return lost


@contextmanager
def injected(layer: Layer, outcome: Outcome) -> Iterator[None]:
    """Work with a fault in it; what came of that is noted in the outcome."""
    try:
        with faulty(layer):
            yield
    except Died:
        outcome.how = "died"
    except (OSError, UsageError) as error:
        outcome.how, outcome.message = "failed", sentence(error)
    except Exception as error:
        outcome.untidy = repr(error)
    outcome.hit = layer.hit


def again(outcome: Outcome, work: Callable[[], object], truth: object, *, may_refuse: bool = False) -> None:
    """The same work without a fault, which gives what it gives where there never was one."""
    try:
        if work() != truth:
            outcome.wrong.append("other content or records after the fault")
    except UsageError as told:
        outcome.resumed, outcome.message = may_refuse, sentence(told)
    except Exception as error:
        outcome.resumed = False
        outcome.untidy = outcome.untidy or repr(error)


@contextmanager
def every_entry_synced() -> Iterator[None]:
    """However short it took to make."""
    before, store.SYNC_AFTER = store.SYNC_AFTER, -1.0
    try:
        yield
    finally:
        store.SYNC_AFTER = before


def in_store(fault: Fault, scratch: Path, kind_of_store: type[Store] = Store, *, forgetful: bool = False) -> Outcome:
    """One fault while a store is used, then the same use without it."""
    root = scratch / "store"
    shutil.rmtree(root, ignore_errors=True)
    if fault.reads:
        use_store(root, lambda *_: None, kind_of_store)
    truth = _truth_of_store(scratch)
    outcome = Outcome(fault.kind, "store", str(fault))
    layer, said = Layer((root,), fault, forgetful), []
    with warnings.catch_warnings(), every_entry_synced():
        warnings.simplefilter("ignore")
        with injected(layer, outcome):
            found = use_store(root, lambda *entry: said.append(entry), kind_of_store)
            layer.end()
            if found != truth:
                outcome.wrong.append("what was read is not what was written")
        outcome.lost = intact(root, said)
        again(outcome, lambda: use_store(root, lambda *_: None, kind_of_store), truth)
    return outcome


_truths: dict[str, str] = {}


def _truth_of_store(scratch: Path) -> str:
    if "store" not in _truths:
        _truths["store"] = use_store(scratch / "truth", lambda *_: None)
    return _truths["store"]


def sentence(error: BaseException) -> str:
    """What the command would print of it, without the folder."""
    if isinstance(error, UsageError):
        return re.sub(r"\S*/faults-\w+/(\S+)", r"\1", "; ".join(error.problems))
    assert isinstance(error, OSError)
    return str(error.strerror or error)


# ------------------------------------------------------------------------------------------------ OUT


@dataclass(frozen=True)
class Finished:
    """A tiny benchmark, run, with what its last steps need; `before` is the OUT of an earlier, edited declaration."""

    folder: Path
    bench: Path
    ranked: Any
    lock: dict[str, Any]
    before: Path
    truth: bytes
    earlier: bytes

    @classmethod
    def made(cls, folder: Path) -> Finished:
        real = noise(folder / "real", 60)
        fakes = [noise(folder / f"fake{seed}", 60, seed=seed) for seed in (1, 2)]
        bench = noise_benchmark(real, *fakes, out=folder / "tiny")
        parts = {}
        for name in ("before", "after"):
            if name == "after":
                bench = noise_benchmark(real, *fakes, out=folder / "tiny", seed=1)
            from harness.benchmark import load

            with InlineExecutor() as executor:
                pipeline = Pipeline(Plan(load(bench), folder / "store"), executor, Silent())
                for stage in ("identify", "check", "sample", "encode", "score"):
                    getattr(pipeline, stage)()
                parts[name] = pipeline.rank(), lockfile.resolved(pipeline)
                assert declared(pipeline.plan)
            write_out(folder / name, *parts[name])
        return cls(folder, bench, *parts["after"], folder / "before", *(holds(folder / x) for x in ("after", "before")))


def write_out(out: Path, ranked: Any, lock: dict[str, Any]) -> None:
    """The last steps of a run, as `harness.run` does them, without drawings."""
    ownership.claim(out, "tiny")
    with ownership.writing(out):
        if not ownership.is_complete(out, lock["run_key"]):
            ownership.clear(out)
            results.write(out, ranked, lock, {})
            ownership.write_receipt(out, lock)
        ownership.settle(out)


def holds(out: Path) -> bytes | None:
    """What an OUT says: its records and its leaderboard, which must be of one run."""
    try:
        return (out / "records.jsonl").read_bytes() + (out / "leaderboard.json").read_bytes()
    except OSError:
        return None


def read_out(out: Path) -> bytes | None:
    """The records as a reader of OUT has them; None where it is told that they cannot be had."""
    from harness.pipeline.finished import open_run

    try:
        run = open_run(out)
        lines = "".join(record.to_json() + "\n" for record in run.records)
        return (lines + run.leaderboard.to_json()).encode("ascii")
    except (UsageError, OSError):
        return None


def in_out(
    fault: Fault, made: Finished, scratch: Path, reader: Callable[[Path], bytes | None] = read_out, **how: bool
) -> Outcome:
    """One fault while OUT of an earlier declaration is replaced; then a reader, then the same without the fault."""
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(made.before, out)
    outcome = Outcome(fault.kind, "OUT", str(fault))
    layer, over = Layer((out,), fault, **how), False
    with injected(layer, outcome):
        write_out(out, made.ranked, made.lock)
        over = True
        layer.end()
    vouched = ownership.is_complete(out, made.lock["run_key"])
    if over and not vouched:
        outcome.lost.append("OUT of a run that was said to be done")
    there = reader(out)
    if there not in (None, made.truth, made.earlier) or (vouched and there != made.truth):
        outcome.wrong.append("a reader gets records that no run wrote")
    again(outcome, lambda: written(out, made), made.truth)
    return outcome


def written(out: Path, made: Finished) -> bytes | None:
    """What OUT holds once the last steps of the run were done."""
    write_out(out, made.ranked, made.lock)
    return holds(out)


# ------------------------------------------------------------------------------------------------ damage


def damaged(path: Path, rng: np.random.Generator, how: str) -> None:
    """Flip a bit of a file, cut it, empty it, or lengthen it."""
    payload = bytearray(path.read_bytes())
    if how == "bit" and payload:
        payload[int(rng.integers(len(payload)))] ^= 1 << int(rng.integers(8))
    elif how == "cut":
        del payload[int(rng.integers(max(1, len(payload)))) :]
    elif how == "line" and b"\n" in payload[:-1]:
        del payload[payload[:-1].rfind(b"\n") + 1 :]  # whole lines are left: each can be read
    elif how == "empty":
        payload.clear()
    else:
        payload += b"\0" * 7
    path.write_bytes(payload)


DAMAGE = ("bit", "cut", "line", "empty", "longer")


def one_damaged(folder: Path, how: str, which: int, seed: int) -> Path | None:
    """The file that was damaged; None where there are fewer files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ownership.TURN)
    if which >= len(files):
        return None
    damaged(files[which], np.random.default_rng(seed), how)
    return files[which]


def damaged_store(how: str, which: int, seed: int, scratch: Path, kind_of_store: type[Store] = Store) -> Outcome | None:
    """A file of the store damaged between two uses; None where there are fewer files."""
    root, truth = scratch / "store", _truth_of_store(scratch)
    shutil.rmtree(root, ignore_errors=True)
    use_store(root, lambda *_: None)
    file = one_damaged(root, how, which, seed)
    if file is None:
        return None
    outcome = Outcome(f"damage: {how}", "store", f"{file.name} {seed}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        again(outcome, lambda: use_store(root, lambda *_: None, kind_of_store), truth)
    outcome.message = "; ".join({str(one.message).split(" in ")[0].split(" ")[0] + " … is corrupted" for one in said})
    return outcome


def damaged_out(
    how: str, which: int, seed: int, made: Finished, scratch: Path, reader: Callable[[Path], bytes | None] = read_out
) -> Outcome | None:
    """A file of a finished OUT damaged; a reader is told, a run writes it anew."""
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(made.folder / "after", out)
    file = one_damaged(out, how, which, seed)
    if file is None:
        return None
    outcome = Outcome(f"damage: {how}", "OUT", f"{file.name} {seed}")
    try:
        if reader(out) not in (None, made.truth):
            outcome.wrong.append(f"a reader takes a damaged {file.name}")
    except Exception as error:
        outcome.untidy = repr(error)
    marker = file.name == ownership.MARKER  # whose folder it is cannot be guessed
    again(outcome, lambda: written(out, made), made.truth, may_refuse=marker)
    return outcome
