"""A benchmark with a place for checkpoints, written out as one whose cells are the checkpoints there are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.base import UsageError, read_yaml, write_atomically
from harness.benchmark.written import as_yaml, relative_path

PLACE = "{checkpoint}"
MARK = b"# Written by `harness watch`, which replaces it when there are other checkpoints.\n"


def write_watched(bench: Path, checkpoints: Sequence[Path]) -> Path:
    """Write `<bench>.watched.yaml` beside a benchmark, and return it: a sweep over the checkpoints.

    One generator of the benchmark has the value `{checkpoint}` of a parameter, which each of them fills. Raises
    UsageError where none or several have, and where a file that no watch wrote would be replaced.
    """
    document = read_yaml(bench)
    if lines := document.lines():
        raise UsageError(lines)
    whole: dict[str, Any] = document.value
    name, parameter = placed(bench, whole)
    path = bench.with_name(f"{bench.stem}.watched.yaml")
    if path.exists() and not path.read_bytes().startswith(MARK):
        raise UsageError(f"{path}: exists and was not written by `harness watch`; move it, or it would be overwritten")
    generators = dict(whole["generators"])
    generators[name] = {key: value for key, value in generators[name].items() if key != parameter}
    sweep = dict(whole.get("sweep") or {})
    of_all = dict(sweep.get("generators") or {})
    of_all[name] = {**(of_all.get(name) or {}), parameter: [relative_path(one, bench.parent) for one in checkpoints]}
    write_atomically(
        path, MARK + as_yaml({**whole, "generators": generators, "sweep": {**sweep, "generators": of_all}})
    )
    return path


def placed(bench: Path, whole: Mapping[str, Any]) -> tuple[str, str]:
    """The generator and its parameter that stand for the checkpoint; UsageError where that is not clear."""
    generators = whole.get("generators")
    entries = generators.items() if isinstance(generators, Mapping) else ()
    found = [
        (str(name), str(parameter))
        for name, body in entries
        if isinstance(body, Mapping)
        for parameter, value in body.items()
        if value == PLACE
    ]
    if len(found) != 1:
        said = "no parameter of a generator" if not found else f"{len(found)} parameters of generators"
        raise UsageError(
            f"{bench}: {said} is '{PLACE}'; write it for the one that takes the checkpoint, file: '{PLACE}'"
        )
    return found[0]
