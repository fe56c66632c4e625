"""The GPUs of this machine that workers may have, each one of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(device: str, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What `$CUDA_VISIBLE_DEVICES` would be for a worker of each GPU; none where `device` names one, or is no GPU.

    Of processes that torchrun started side by side, each takes its own part of them.
    """
    if device not in ("auto", "cuda"):
        return ()
    told = environ.get(VISIBLE)
    if told is None:
        found = tuple(map(str, range(_count())))
    else:
        names = [name.strip() for name in told.split(",")]
        found = tuple(names[: names.index("-1")] if "-1" in names else filter(None, names))
    rank, beside = (environ.get(name, "") for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    if rank.isdecimal() and beside.isdecimal() and int(rank) < int(beside):
        return found[int(rank) :: int(beside)] or found
    return found


def _count() -> int:
    """How many GPUs the driver shows here; asked of a program, since PyTorch takes seconds to import."""
    if (program := shutil.which("nvidia-smi")) is None:
        return 0
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())
