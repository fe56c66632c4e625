"""The command in a process forked from one that has imported everything already: the imports are half of a small run.

`Warm.harness` gives what `subprocess.run([python, "-m", "harness.cli.main", …])` gives. Its workers are forked too,
where those of a user's run are spawned; what is about processes (kills, two runs at once, executors) starts real ones.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LIBRARIES = (
    "numpy",
    "pandas",
    "PIL.GifImagePlugin",
    "PIL.Image",
    "PIL.ImageFont",
    "safetensors.torch",
    "scipy.linalg",
    "scipy.special",
    "scipy.stats",
    "torch",
    "torchvision",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "harness.cli.main",
    "harness.cli.run",
    "harness.run",
    "harness.pipeline.stages",
    "harness.images.preprocessing.applying",
    "harness.metrics.analyses",
    "harness.metrics.frechet.influence",
    "harness.metrics.kernel.influence",
    "harness.metrics.manifold.intervals",
    "harness.metrics.manifold.values",
    "harness.report.figures.forest",
    "harness.report.html.page",
)


class Warm:
    """A process that has imported the libraries, and runs commands in forks of itself, one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def harness(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float = 300,
        terminal: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """The command's exit code (negative: the signal that ended it) and what it wrote; stdout may be a terminal."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm"],
                cwd=ROOT,
                env={**os.environ, **PINNED},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder) / name for name in ("out", "err")]
            screen = Screen() if terminal else None
            places = [screen.name if screen else str(said[0]), str(said[1])]
            asked = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env), "said": places}
            self._process.stdin.write(json.dumps({**asked, "timeout": timeout}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            out = screen.shown() if screen else said[0].read_text(encoding="utf-8")
            err = said[1].read_text(encoding="utf-8")
        code = int(answer)
        return subprocess.CompletedProcess(["harness", *arguments], code, out, err)

    def close(self) -> None:
        """End the process; nothing of it runs by now."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


class Screen:
    """A terminal that nobody looks at: what is written to `name` is read as text without colours."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        self.name = os.ttyname(self._slave)
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def shown(self) -> str:
        """All of it, once the command has ended."""
        os.close(self._slave)
        self._reader.join(10)
        os.close(self._master)
        text = b"".join(self._parts).decode("utf-8").replace("\r\n", "\n")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the last writer has gone
            while part := os.read(self._master, 65536):
                self._parts.append(part)


def _served() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    _read_sources()
    _draw()
    answers = os.dup(1)
    os.dup2(2, 1)  # a stray print is no answer
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_ran(asked))
        os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())


def _read_sources() -> None:
    """The harness's own files, read once for all commands: each is told by its size and time of change."""
    from harness.benchmark import registry

    for kind in ("generators", "encoders", "metrics"):
        for component in registry.describe(kind):
            registry.code(kind, component.name, ROOT)


def _draw() -> None:
    """A first figure, which costs matplotlib its fonts and the documentation of its classes."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().set_title("a")
    figure.savefig(io.BytesIO(), format="png")
    FigureCanvasSVG(figure).print_svg(io.BytesIO())


def _ran(asked: dict[str, Any]) -> int:
    """The exit code of a command, in this very process, which is a fork."""
    import multiprocessing
    import signal
    from concurrent.futures import ProcessPoolExecutor

    from harness.cli.main import main
    from harness.pipeline.executors import local

    def pool(workers: int, gpus: Sequence[str] = ()) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), local._prepare_worker, (os.getpid(),))

    local._pool = pool
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in zip((1, 2), asked["said"], strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    signal.alarm(int(asked["timeout"]))
    sys.path[0] = ""  # as `python -m` has it
    code: object = 0
    try:
        main(asked["arguments"], "harness")
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(code, str):
        print(code, file=sys.stderr, flush=True)
        return 1
    return 0 if code is None else int(code)


if __name__ == "__main__":
    _served()
