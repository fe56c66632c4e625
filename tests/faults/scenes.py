"""What faults are injected into: a store in use, the last steps into OUT, a whole run; each knows what is right."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
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

NO_CPU_TIME = 600  # seconds after which a run counts as hung


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
        try:
            with faulty(layer):
                found = use_store(root, lambda *entry: said.append(entry), kind_of_store)
                layer.end()
            if found != truth:
                outcome.wrong.append("what was read is not what was written")
        except Died:
            outcome.how = "died"
        except (OSError, UsageError) as error:
            outcome.how, outcome.message = "failed", sentence(error)
        except Exception as error:
            outcome.untidy = repr(error)
        outcome.hit = layer.hit
        outcome.lost = intact(root, said)
        try:
            if use_store(root, lambda *_: None, kind_of_store) != truth:
                outcome.wrong.append("after the fault other content is read")
        except Exception as error:
            outcome.resumed = False
            outcome.untidy = outcome.untidy or repr(error)
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
    try:
        with faulty(layer):
            write_out(out, made.ranked, made.lock)
            over = True
            layer.end()
    except Died:
        outcome.how = "died"
    except (OSError, UsageError) as error:
        outcome.how, outcome.message = "failed", sentence(error)
    except Exception as error:
        outcome.untidy = repr(error)
    outcome.hit = layer.hit
    vouched = ownership.is_complete(out, made.lock["run_key"])
    if over and not vouched:
        outcome.lost.append("OUT of a run that was said to be done")
    there = reader(out)
    if there not in (None, made.truth, made.earlier) or (vouched and there != made.truth):
        outcome.wrong.append("a reader gets records that no run wrote")
    try:
        write_out(out, made.ranked, made.lock)
        if holds(out) != made.truth:
            outcome.wrong.append("other records after the fault")
    except Exception as error:
        outcome.resumed = False
        outcome.untidy = outcome.untidy or repr(error)
    return outcome


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


def damaged_store(how: str, which: int, seed: int, scratch: Path, kind_of_store: type[Store] = Store) -> Outcome | None:
    """A file of the store damaged between two uses; None where there are fewer files."""
    root, truth = scratch / "store", _truth_of_store(scratch)
    shutil.rmtree(root, ignore_errors=True)
    use_store(root, lambda *_: None)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if which >= len(files):
        return None
    damaged(files[which], np.random.default_rng(seed), how)
    outcome = Outcome(f"damage: {how}", "store", f"{files[which].name} {seed}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            if use_store(root, lambda *_: None, kind_of_store) != truth:
                outcome.wrong.append("damaged content is read")
        except Exception as error:
            outcome.resumed, outcome.untidy = False, repr(error)
    outcome.message = "; ".join({str(one.message).split(" in ")[0].split(" ")[0] + " … is corrupted" for one in said})
    return outcome


def damaged_out(
    how: str, which: int, seed: int, made: Finished, scratch: Path, reader: Callable[[Path], bytes | None] = read_out
) -> Outcome | None:
    """A file of a finished OUT damaged; a reader is told, a run writes it anew."""
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(made.folder / "after", out)
    files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != ownership.TURN)
    if which >= len(files):
        return None
    damaged(files[which], np.random.default_rng(seed), how)
    outcome = Outcome(f"damage: {how}", "OUT", f"{files[which].name} {seed}")
    try:
        if reader(out) not in (None, made.truth):
            outcome.wrong.append(f"a reader takes a damaged {files[which].name}")
    except Exception as error:
        outcome.untidy = repr(error)
    try:
        write_out(out, made.ranked, made.lock)
        if holds(out) != made.truth:
            outcome.wrong.append("other records after the damage")
    except UsageError as told:
        if files[which].name != ownership.MARKER:  # whose folder it is cannot be guessed
            outcome.resumed, outcome.message = False, str(told)
    except Exception as error:
        outcome.resumed, outcome.untidy = False, repr(error)
    return outcome


# ------------------------------------------------------------------------------------------------ whole runs


def in_fork(work: Callable[[], object], said: Path, *, seconds: float = NO_CPU_TIME) -> tuple[int, str]:
    """Exit code (negative: the signal) and words of `work` in a fork of this process."""
    import signal

    child = os.fork()
    if child == 0:
        code: object = 1
        try:
            signal.alarm(int(seconds))
            os.setpgid(0, 0)
            handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            try:
                work()
                code = 0
            except SystemExit as end:
                code = end.code
            except Died:
                code = 137
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), said.read_text(errors="replace")


def harness(*arguments: object) -> None:
    """The command in this process, units inline: faults of this process are those of its work."""
    from harness.cli.main import main
    from harness.pipeline.executors.local import LocalExecutor

    LocalExecutor.of = classmethod(lambda cls, asked, address="": InlineExecutor())  # type: ignore[method-assign]
    main([str(argument) for argument in arguments], "harness")


def told(words: str) -> str:
    """The line that says what is wrong; empty where there is none."""
    lines = [line for line in words.splitlines() if line.startswith(("error: ", "failed: ", "interrupted"))]
    return re.sub(r"\S*/faults-\w+/(\S+)", r"\1", lines[-1]) if lines else ""


def in_run(fault: Fault, made: Finished, scratch: Path, *, forgetful: bool = False) -> Outcome:
    """One fault in a whole `harness run` of a fork, then the run without it: the same records, nothing lost."""
    shutil.rmtree(scratch / "run", ignore_errors=True)
    (scratch / "run").mkdir()
    root, out, facts = scratch / "run/store", scratch / "run/out", scratch / "run.json"
    command = ("run", made.bench, "--out", out, "--store", root, "--no-tracking")
    if fault.reads:
        in_fork(lambda: harness(*command), scratch / "said")
        shutil.rmtree(out, ignore_errors=True)  # there is none where a busy machine ended that run
    outcome = Outcome(fault.kind, "run", str(fault))
    layer = Layer((root, out), fault, forgetful)
    put = Store.put
    acknowledged: list[tuple[str, str]] = []

    def work() -> None:
        def noted(self: Store, kind: str, key: Any, *rest: Any) -> Any:
            entry = put(self, kind, key, *rest)
            if kind not in (
                "decoded",
                "checks",
            ):  # the one goes once it is used, the other is a note of an earlier look
                acknowledged.append((kind, entry.folder.name))
            return entry

        Store.put = noted  # type: ignore[method-assign]
        store.SYNC_AFTER = -1.0
        over = False
        try:
            with faulty(layer):
                harness_code = 0
                try:
                    harness(*command)
                except SystemExit as end:
                    harness_code = int(end.code or 0) if not isinstance(end.code, str) else 1
                over = harness_code == 0
                layer.end()
        finally:
            facts.write_text(json.dumps({"hit": layer.hit, "made": acknowledged, "over": over, "dead": layer.dead}))
        if harness_code:
            sys.exit(harness_code)

    code, words = in_fork(work, scratch / "said")
    heard = json.loads(facts.read_text())
    outcome.hit = heard["hit"]
    if heard["dead"]:
        outcome.how = "died"
    elif code:
        outcome.how, outcome.message = "failed", told(words)
    if "Traceback" in words and not heard["dead"]:
        outcome.untidy = words[-600:]
    elif outcome.how == "failed" and not outcome.message:
        outcome.untidy = f"exit code {code} without a sentence: {words[-300:]}"
    outcome.lost = intact(root, [tuple(entry) for entry in heard["made"]])
    truth = made.truth
    if heard["over"] and holds(out) != truth:
        outcome.lost.append("OUT of a run that was said to be done")
    if read_out(out) not in (None, truth):
        outcome.wrong.append("a reader gets records that no run wrote")
    code, words = in_fork(lambda: harness(*command), scratch / "said")
    if code or "Traceback" in words:
        outcome.resumed, outcome.untidy = False, words[-600:]
    elif holds(out) != truth:
        outcome.wrong.append("other records after the fault")
    return outcome
