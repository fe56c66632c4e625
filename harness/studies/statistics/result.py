"""A Fréchet distance to stored statistics, and what was assumed of the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.base import Estimate


@dataclass(frozen=True)
class Distance:
    """FD under a protocol, with an estimate of its interval where the generated images were there.

    `silent` are the files that do not say how they were made, of which `protocol` was assumed; a size is None where a
    file does not say; `random`: the weights were drawn, not trained.
    """

    protocol: str
    silent: tuple[Path, ...]
    value: float
    n_real: int | None
    n_fake: int | None
    random: bool
    estimate: Estimate | None = None
