"""Whose code a benchmark runs: what would be imported, and whether the user has said that it may be.

A YAML file reads like data, yet `use: module:thing` is code. What lies beside the YAML, or in the project that the user
stands in with it, is the user's to run: it is shown once for a folder, on a terminal with a question. Anything else
that is installed (`subprocess:Popen` would do) needs the user's word: `--trust-code`, or `$HARNESS_TRUST_CODE`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base import Component, UsageError, local_path, scheme_of
from harness.benchmark import registry, source
from harness.benchmark.model import Benchmark

VARIABLE = "HARNESS_TRUST_CODE"  # 1: all; 0: none; or modules by name, with commas between
NETWORKS = ("torchscript", "onnx", "inception_nvidia")  # components whose file is a program itself


class CodeWarning(UserWarning):
    """What of a benchmark's own code runs, said before it first does."""


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that runs: which entry names it, as what, where its source lies; `beside` the user's YAML or not."""

    entry: str
    target: str
    file: Path
    beside: bool

    def __str__(self) -> str:
        return f"{self.entry}: {self.target} of {self.file}"


def code_of(benchmark: Benchmark) -> tuple[Code, ...]:
    """Everything of a benchmark that is not the harness's own code, nor a plug-in that somebody installed for it."""
    return tuple(_code(benchmark))


def check(benchmark: Benchmark) -> None:
    """Raise UsageError where the benchmark would run code that the user has not allowed; show it where it is new.

    Nothing is imported. A benchmark without code of its own passes at once.
    """
    runs = [one for one in code_of(benchmark) if one.target not in _named]
    said = os.environ.get(VARIABLE, "").strip()
    if not runs or said == "1":
        return
    if said == "0":
        raise UsageError([f"{one}: not allowed: ${VARIABLE} is 0" for one in runs])
    allowed = {name.strip() for name in said.split(",") if name.strip()}
    strange = [one for one in runs if not one.beside and one.target.split(":")[0].split(".")[0] not in allowed]
    own = [one for one in runs if one.beside]
    where = str(benchmark.folder.resolve())
    new = bool(own) and where not in _known()
    if strange or new:
        shown = [f"the benchmark in {benchmark.folder} runs code:", *(f"  {one}" for one in (*strange, *own))]
        if _asks:
            if not _asks[-1]("\n".join([*shown, "Run it?"])):
                raise UsageError(f"the code of {benchmark.folder} was not run")
        elif strange:
            modules = ",".join(dict.fromkeys(one.target.split(":")[0].split(".")[0] for one in strange))
            raise UsageError(
                [
                    f"{one}: is neither beside the YAML nor in your project; to allow it, use --trust-code or "
                    f"{VARIABLE}={modules}"
                    for one in strange
                ]
            )
        else:
            told = "; ".join(line.strip() for line in shown[1:])
            warnings.warn(f"{shown[0]} {told} (shown once per folder)", CodeWarning, 3)
        _remember(where)


def named_by_user(*targets: str) -> None:
    """Take `module:thing` of a command line for allowed: who types it means it."""
    _named.update(targets)


def ask_by(ask: Callable[[str], bool] | None) -> None:
    """Let `ask` put the question to a person; None, as at first, for none to be asked."""
    _asks[:] = [] if ask is None else [ask]


_named: set[str] = set()
_asks: list[Callable[[str], bool]] = []


def _code(benchmark: Benchmark) -> Iterator[Code]:
    for kind in ("generators", "encoders", "metrics"):
        for name, entry in getattr(benchmark, kind).items():
            yield from _of(f"{kind[:-1]} {name}", entry.component, entry.parameters, benchmark.folder)
    data = benchmark.data
    yield from _of(f"dataset {data.name}", data.component, data.parameters, data.folder)


def _of(entry: str, component: Component, parameters: Mapping[str, Any], folder: Path) -> Iterator[Code]:
    targets = [component.target] if component.origin == "module" else []
    for target in (*targets, *component.modules(parameters).values()):
        file = registry.file_of(target, folder)
        yield Code(entry, target, file, _beside(file, folder))
    if component.name in NETWORKS and component.origin == "built-in":
        for path in component.paths(parameters).values():
            # Named by its path in a YAML that the user named: shown, since a network's file is a program too.
            # What comes from elsewhere may be another program tomorrow.
            yield Code(entry, component.name, Path(local_path(folder, path)), scheme_of(path) is None)


def _beside(file: Path, folder: Path) -> bool:
    """Whether a source lies below the YAML's folder, or below the current one together with the YAML."""
    file, folder, here = file.resolve(), folder.resolve(), Path.cwd().resolve()
    if source.is_installed(file):
        return False
    return file.is_relative_to(folder) or (file.is_relative_to(here) and folder.is_relative_to(here))


def _list() -> Path:
    """Folders whose code was shown: of the user's own home, where no benchmark that was unpacked can put itself."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "harness" / "code-shown"


def _known() -> set[str]:
    try:
        return set(_list().read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    except (OSError, RuntimeError):  # no home at all
        return set()


def _remember(folder: str) -> None:
    try:
        _list().parent.mkdir(parents=True, exist_ok=True)
        with _list().open("a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(f"{folder}\n")
    except (OSError, RuntimeError):
        pass  # shown again next time
