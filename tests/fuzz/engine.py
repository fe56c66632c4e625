"""Inputs tried one after the other in a process of its own, and a watcher that knows the last one if it dies."""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import mmap
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.guard import CPU_SECONDS, MAX_INPUT, Finding, Guard, tried
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import Target

MOST_FINDINGS = 30
MOST_CPU = 4 * CPU_SECONDS  # of one input whose reading the interpreter cannot end, or of loading libraries
MOST_WALL = 900.0
STEERED = "atheris"  # coverage decides which inputs are kept; a loop of mutations where it is not installed
PREFIXES = ("harness.", "PIL.", "zipfile", "tarfile", "json.", "csv", "ast", "ruamel.", "numpy.lib", "onnx")
_HEAD = struct.Struct("<QdQ")  # inputs so far, when the last one began, its length


@dataclass
class Tried:
    """What came of one target: seconds of CPU and inputs, and each finding once, with the input that showed it."""

    target: str
    seconds: float = 0.0
    inputs: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)


class Shared:
    """What the process that reads leaves for the one that watches."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _HEAD.size + MAX_INPUT)

    def begin(self, count: int, payload: bytes) -> None:
        """Note an input before it is tried."""
        self._map[: _HEAD.size] = _HEAD.pack(count, time.monotonic(), len(payload))
        self._map[_HEAD.size : _HEAD.size + len(payload)] = payload

    def last(self) -> tuple[int, float, bytes]:
        """Number, beginning and bytes of the last input."""
        count, began, size = _HEAD.unpack(self._map[: _HEAD.size])
        return count, began, self._map[_HEAD.size : _HEAD.size + size]


def steers() -> bool:
    """Whether coverage can decide which inputs are kept."""
    return importlib.util.find_spec(STEERED) is not None


def fuzz(
    target: Target, *, seconds: float, seed: int, steered: bool, guard: Guard | None = None, most: int | None = None
) -> Tried:
    """The sound inputs, then others near them for so many seconds of CPU, in forks: one that dies is begun anew.

    `most` bounds the number of inputs.
    """
    found = Tried(target.name)
    while len(found.findings) < MOST_FINDINGS:
        left = seconds - found.seconds
        scratch = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        shared, notes = Shared(), scratch / "findings.jsonl"
        child = os.fork()
        if child == 0:
            _in_child(target, scratch, shared, notes, (left, seed + found.inputs, steered), guard, most)
        status, usage = _watched(child, shared)
        count, _, payload = shared.last()
        found.inputs += count
        found.seconds += usage
        for line in notes.read_text().splitlines() if notes.exists() else ():
            told = json.loads(line)
            finding = Finding(**told["finding"])
            found.findings.setdefault(finding.key, finding)
            found.payloads.setdefault(finding.key, bytes.fromhex(told["payload"]))
        if status != 0:
            what = "no answer" if status == -signal.SIGKILL else f"ends the process ({_spelled(status)})"
            finding = Finding(target.name, what, "the interpreter")
            found.findings.setdefault(finding.key, finding)
            found.payloads.setdefault(finding.key, payload)
        shutil.rmtree(scratch, ignore_errors=True)
        if found.seconds >= seconds or status == 0 or (most is not None and found.inputs >= most):
            break
    return found


def _spelled(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"


def _watched(child: int, shared: Shared) -> tuple[int, float]:
    """Exit status (negative: a signal) and seconds of CPU; a process that does not come back is killed."""
    began, seen, spent = time.monotonic(), -1, 0.0
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        count, started, _ = shared.last()
        if count != seen:
            seen, spent = count, _cpu(child)
        # Of a machine that others use, CPU says more than the clock; code that sleeps uses none.
        if _cpu(child) - spent > MOST_CPU or time.monotonic() - max(began, started) > MOST_WALL:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _cpu(process: int) -> float:
    """Seconds of CPU of a process so far."""
    try:
        times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _in_child(
    target: Target,
    scratch: Path,
    shared: Shared,
    notes: Path,
    how: tuple[float, int, bool],
    guard: Guard | None,
    most: int | None,
) -> None:
    code = 70
    try:
        faulthandler.disable()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
        for name in ("tmp", "work"):
            (scratch / name).mkdir()
        tempfile.tempdir = str(scratch / "tmp")
        os.chdir(scratch / "work")
        seconds, seed, steered = how
        seeds = target.seeds()
        for payload in seeds:  # libraries are loaded before the bounds are put on
            with suppress(Exception):
                target.read(payload, scratch / "work")
        bounds = guard or Guard(())
        bounds.allowed = (*bounds.allowed, scratch)
        bounds.install()
        seen: set[str] = set()
        done = 0

        def one(payload: bytes) -> None:
            nonlocal done
            done += 1
            shared.begin(done, payload)
            finding = tried(target.name, target.read, payload, scratch / "work", bounds)
            if finding is not None and finding.key not in seen:
                seen.add(finding.key)
                with notes.open("a") as stream:
                    stream.write(json.dumps({"finding": asdict(finding), "payload": payload.hex()}) + "\n")

        rng = random.Random(f"{target.name} {seed}")
        for payload in seeds:
            one(payload[:MAX_INPUT])
        if steered:
            _steered(target, one, scratch, seeds, rng, seconds)
        until = time.process_time() + seconds
        while time.process_time() < until and (most is None or done < most):
            one(mutated(rng.choice(seeds), rng, seeds, target.tokens, target.shapes))
        code = 0
    finally:
        os._exit(code)


def _steered(
    target: Target, one: Callable[[bytes], None], scratch: Path, seeds: list[bytes], rng: random.Random, seconds: float
) -> None:
    """The same inputs as food for libFuzzer, which keeps those that reach new lines of Python. Does not return."""
    import atheris

    corpus = scratch / "corpus"
    corpus.mkdir()
    for number, payload in enumerate(seeds):
        (corpus / str(number)).write_bytes(payload[:MAX_INPUT])
    for function in _functions():
        try:
            atheris.instrument_func(function)
        except Exception:  # what has no bytecode that can be changed
            continue

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        if rng.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return mutated(data, rng, seeds, target.tokens, target.shapes)[:most]

    until = time.process_time() + seconds

    def entry(data: bytes) -> None:
        one(data)
        if time.process_time() > until:
            os._exit(0)

    options = [
        f"-max_len={MAX_INPUT}",
        "-timeout=100000",
        "-rss_limit_mb=0",
        "-verbosity=0",
        f"-seed={rng.getrandbits(31)}",
    ]
    options += [
        "-handle_segv=0",
        "-handle_bus=0",
        "-handle_abrt=0",
        "-handle_fpe=0",
        "-detect_leaks=0",
        "-len_control=0",
    ]
    atheris.Setup(["fuzz", *options, str(corpus)], entry, custom_mutator=mutate)
    atheris.Fuzz()


def _functions() -> list[Any]:
    """Functions and methods of the modules that readers are made of."""
    found: dict[int, Any] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith(PREFIXES):
            continue
        for thing in list(vars(module).values()):
            inside = list(vars(thing).values()) if isinstance(thing, type) else [thing]
            for each in inside:
                function = getattr(each, "__func__", each)
                if type(function).__name__ == "function" and str(function.__module__).startswith(PREFIXES):
                    found[id(function)] = function
    return list(found.values())
