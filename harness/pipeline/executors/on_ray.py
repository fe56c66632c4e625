"""Units over a Ray cluster: one actor a worker, which keeps the encoder that it loaded.

Ray places and starts workers; what is sent again after a death, and how often, is for `outcomes` to say, so Ray's own
retries are off. Nothing large passes through the driver: units and outcomes are a few kilobytes, all else is stored.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from harness.base import UsageError, printable
from harness.pipeline.executors import fit
from harness.pipeline.executors.local import ALLOCATION, compute_on_one_thread
from harness.pipeline.executors.ray_answer import problem_at
from harness.pipeline.executors.work import Asked, WorkerDied

ADDRESS = "RAY_ADDRESS"
PASSED_ON = ("HARNESS_DATA", "HARNESS_WEIGHTS", "HARNESS_WEIGHTS_MIRROR")  # of this process's environment
PATIENCE = 60.0  # seconds without any ready worker until it is said
LOOK = 0.5
STARTS = 3  # tries at a cluster of this machine, and at a worker that ends while it starts
PROBES = "probes"  # folder of the store: a file that every worker must find there

Unit = TypeVar("Unit")
Result = TypeVar("Result")


def _ray() -> Any:
    return import_module("ray")  # no part of every installation, and 2 s to import


class WaitingForWorkersWarning(UserWarning):
    """No worker of the cluster is ready."""


class RayExecutor:
    """Runs units in actors of a Ray cluster: that at an address, that of `$RAY_ADDRESS`, or one of this machine alone.

    Each worker takes `asked.cpus` (1) and `asked.gpus` (1 where the cluster has any and the device is not the CPU).
    There are `asked.workers` of them, by default as many as find room when the run starts.
    """

    def __init__(self, asked: Asked, address: str = "") -> None:
        self.asked = asked
        self.address = address or os.environ.get(ADDRESS, "").strip()
        self._units: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._actors: dict[int, Any] = {}  # those that are ready, by the number of their thread
        self._refused: UsageError | None = None
        self._workers = asked.workers or 1
        self._ours = False
        self._probe: Path | None = None

    @classmethod
    def of(cls, asked: Asked, address: str = "") -> RayExecutor:
        """An executor of the cluster at `ray://HOST:PORT`. Raises UsageError where Ray is not installed."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            _ray()
        except ImportError:
            raise UsageError("--executor ray needs Ray: pip install 'generative-image-harness[ray]'") from None
        return cls(asked, address)

    @property
    def width(self) -> int:
        """One unit a worker: a death then says whose it was."""
        return self._workers

    def __enter__(self) -> RayExecutor:
        ray = _ray()
        self._ours = not ray.is_initialized()
        if self._ours:
            self._connect()
        try:
            self._workers = self.asked.workers or self._room()
            if self.asked.shared is not None:
                self._probe = self.asked.shared / PROBES / uuid.uuid4().hex
                self._probe.parent.mkdir(parents=True, exist_ok=True)
                self._probe.touch()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ray = _ray()
        self._closing.set()
        for _thread in self._threads:
            self._units.put(None)
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            for actor in list(self._actors.values()):
                ray.kill(actor)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._probe is not None:
            self._probe.unlink(missing_ok=True)
        if self._ours:
            ray.shutdown()

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        """`work(unit)` in the next free worker; workers start with the first units."""
        future: Future[Result] = Future()
        if self._refused is not None:
            future.set_exception(self._refused)
            return future
        self._units.put(_Waiting(future, work, unit))
        self._drain()  # where workers were refused meanwhile
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=self._serve, args=(len(self._threads),), daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    # ---------------------------------------------------------------- the cluster

    def _connect(self) -> None:
        ray = _ray()
        told: dict[str, Any] = {"address": self.address}
        if self.address in ("", "local"):
            # Of this machine's cores no more than there are to share.
            cpus = self.asked.cpus or 1
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            told = {
                "address": "local",
                "num_cpus": max(1, int(self.asked.workers * cpus) if self.asked.workers else cores),
                "include_dashboard": False,
            }
        elif problem := problem_at(self.address):
            raise UsageError(f"--executor ray: {problem}")
        for left in reversed(range(STARTS)):
            try:
                ray.init(
                    **told,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    runtime_env={"env_vars": self._environment()},
                )
            except Exception as error:  # Ray has a class for few of them, and a plain Exception for a slow start
                if left and "timed out during startup" in str(error):  # a busy machine takes more than Ray's 30 s
                    ray.shutdown()
                    continue
                where = self.address or "of this machine"
                raise UsageError(f"--executor ray: no way to the cluster {where}: {without_tokens(error)}") from None
            return

    def _environment(self) -> dict[str, str]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**ALLOCATION, **threads, **passed}

    def _needs(self) -> dict[str, float]:
        ray = _ray()
        gpus = self.asked.gpus
        if gpus is None:
            gpus = 1.0 if self.asked.device != "cpu" and ray.cluster_resources().get("GPU") else 0.0
        return {"CPU": self.asked.cpus if self.asked.cpus is not None else 1.0, "GPU": gpus}

    def _room(self) -> int:
        """How many workers the nodes have room for. Raises UsageError where it is none."""
        ray = _ray()
        needs = {name: n for name, n in self._needs().items() if n}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(min((int(node.get(name, 0.0) // n) for name, n in needs.items()), default=1) for node in nodes)
        if room < 1:
            asks = " and ".join(f"{n:g} {name}" for name, n in needs.items())
            raise UsageError(
                f"--executor ray: a worker asks for {asks}, which none of {len(nodes)} nodes has; "
                "lower --cpus-per-worker or --gpus-per-worker, or set --workers to wait for more nodes"
            )
        return room

    # ---------------------------------------------------------------- one worker, one thread here

    def _serve(self, number: int) -> None:
        """Keep a worker of the cluster alive and give it one unit after the other."""
        ray = _ray()
        actor: Any = None
        while True:
            if actor is None and (actor := self._started(number)) is None:
                break
            if (waiting := self._units.get()) is None:
                break
            future = waiting.future
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(ray.get(actor.run.remote(waiting.work, waiting.unit)))
            except ray.exceptions.RayActorError as error:
                actor = None
                self._actors.pop(number, None)
                future.set_exception(death_of(error))
            except ray.exceptions.RayTaskError as error:
                future.set_exception(error.cause if isinstance(error.cause, BaseException) else error)
            except BaseException as error:
                actor = None
                self._actors.pop(number, None)
                future.set_exception(UsageError(f"--executor ray: the cluster is gone: {without_tokens(error)}"))
        if actor is not None:
            with suppress(Exception):
                ray.kill(actor)
        self._drain()

    def _started(self, number: int) -> Any:
        """A worker that is ready and computes what this process would; None where the run ends or none can."""
        ray = _ray()
        needs, asked, deaths = self._needs(), time.monotonic(), 0
        worker = ray.remote(Worker)
        while not self._closing.is_set() and self._refused is None:
            actor = worker.options(num_cpus=needs["CPU"], num_gpus=needs["GPU"], max_restarts=0).remote()
            said = actor.about.remote(None if self._probe is None else str(self._probe))
            try:
                while not self._closing.is_set() and not ray.wait([said], timeout=LOOK)[0]:
                    if number == 0 and not self._actors and time.monotonic() - asked > PATIENCE:
                        asks = " and ".join(f"{n:g} {name}" for name, n in needs.items() if n)
                        warnings.warn(
                            f"no Ray worker is ready after {PATIENCE:.0f} s: each asks for {asks}; waiting",
                            WaitingForWorkersWarning,
                            2,
                        )
                        asked = time.monotonic() + 10 * PATIENCE
                if self._closing.is_set():
                    break
                host, versions, sees_store = ray.get(said)
            except ray.exceptions.RayActorError as error:
                death = death_of(error)
                deaths += not death.blameless
                if deaths >= STARTS or "creation task" in str(error):
                    self._refuse(UsageError(f"--executor ray: no worker starts: {without_tokens(error)}"))
                    break
                continue
            except Exception as error:
                self._refuse(UsageError(f"--executor ray: no worker starts: {without_tokens(error)}"))
                break
            if problem := fit.misfit(versions, sees_store, where=host, shared=self.asked.shared):
                self._refuse(UsageError(f"--executor ray: {problem}"))
                break
            self._actors[number] = actor
            return actor
        return None

    def _refuse(self, problem: UsageError) -> None:
        self._refused = problem
        self._drain()

    def _drain(self) -> None:
        """Where no worker can be had, units that wait for one must not wait for ever."""
        if self._refused is None:
            return
        with suppress(queue.Empty):
            while True:
                waiting = self._units.get_nowait()
                if waiting is not None:
                    waiting.future.set_exception(self._refused)


class _Waiting:
    """A unit on its way to a worker."""

    def __init__(self, future: Future[Any], work: Callable[[Any], Any], unit: Any) -> None:
        self.future, self.work, self.unit = future, work, unit


class Worker:
    """What runs on the cluster: one process that computes on one thread."""

    def __init__(self) -> None:
        compute_on_one_thread()

    def about(self, probe: str | None) -> tuple[str, fit.Versions, bool]:
        """The machine's name, its versions, and whether it sees the store."""
        import platform

        return platform.node(), fit.versions(), probe is None or os.path.exists(probe)

    def run(self, work: Callable[[Any], Any], unit: Any) -> Any:
        """`work(unit)`."""
        return work(unit)


def death_of(error: Exception) -> WorkerDied:
    """Why a worker ended, in a few words, and whether the unit can have had a part in it."""
    told = str(error)
    if "node has died" in told or "node was terminated" in told or "preempt" in told:
        return WorkerDied("its node went away", blameless=True)
    if "memory" in told and "OOM" in told and "node running low on memory" in told:
        return WorkerDied("Ray ended its worker, since the node was running out of memory")
    pid, place = re.search(r"pid: (\d+)", told), re.search(r"ip: (\S+)", told)
    where = f" {pid[1]} on {place[1]}" if pid and place else ""
    detail = re.search(r"Worker exit type: (\w+)", told)
    return WorkerDied(f"its worker{where} ended" + (f" ({detail[1]})" if detail else ""))


def without_tokens(error: BaseException) -> str:
    """The first sentence of an error of Ray's in one line, without anything that is secret here."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = " ".join(lines[:4]) or type(error).__name__
    for secret in _secrets():
        words = words.replace(secret, "…")
    return printable(words[:400])


def _secrets() -> Iterable[str]:
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        yield token
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    with suppress(OSError, UnicodeDecodeError):
        if token := path.read_text(encoding="utf-8").strip():
            yield token
