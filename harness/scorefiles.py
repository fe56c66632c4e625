"""The files that `harness score` writes beside its results: told from a person's, and taken back where refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from harness import benchmark
from harness.errors import UsageError
from harness.store import write_atomically

MARK = b"# Written by `harness score`; another score with the same --out replaces it.\n"


def write(texts: Mapping[Path, bytes], bench: Path, claim: Callable[[], None]) -> None:
    """Write the files of a score and let the benchmark be read; where it or `claim` refuses, they are as before.

    Raises UsageError without the place in a file that the user neither wrote nor will find.
    """
    before = {path: path.read_bytes() if path.is_file() else None for path in texts}
    made = [folder for folder in (bench.parent, *bench.parent.parents) if not folder.exists()]
    try:
        for path, text in texts.items():
            write_atomically(path, text)
        benchmark.load(bench)
        claim()
    except UsageError as error:
        for path, old in before.items():
            path.unlink() if old is None else write_atomically(path, old)
        for folder in made:
            folder.rmdir()
        place = re.compile(rf"({'|'.join(re.escape(str(path)) for path in texts)})(:\d+)*: ")
        raise UsageError([place.sub("", problem) for problem in error.problems]) from None


def check_own(path: Path) -> None:
    """Raise UsageError where there is a file that no score wrote."""
    if path.is_file():
        with path.open("rb") as stream:
            if stream.readline() == MARK:
                return
    if os.path.lexists(path):
        raise UsageError(
            f"{path}: is there already, and not from a score; it would be replaced: move it, or give another --out"
        )


def as_yaml(value: Mapping[str, Any]) -> bytes:
    """A mapping as the bytes of a YAML file, its keys in their order."""
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe"), BytesIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(dict(value), text)
    return text.getvalue()
