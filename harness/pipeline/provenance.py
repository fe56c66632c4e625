"""What made a number: versions, commit, machine. Facts only; nothing here imports what it describes."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "torchvision", "pillow", "clean-fid", "safetensors")


@cache
def version() -> str:
    """The installed version of the harness."""
    return metadata.version("generative-image-harness")


@cache
def library_versions() -> dict[str, str]:
    """Installed version of each of `LIBRARIES`; "absent" where there is none."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def code_commit() -> str:
    """The commit of the harness's own checkout, "-dirty" appended where it has changes; "installed" outside one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "installed"
    git = ["git", "-C", str(root)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", "harness", "datasets.yaml"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


def software() -> dict[str, object]:
    """The part of provenance that a second run on the same machine repeats to the letter."""
    return {
        "harness": version(),
        "commit": code_commit(),
        "python": platform.python_version(),
        "libraries": library_versions(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def machine() -> dict[str, object]:
    """The part that differs between runs and machines; it goes to run.json and never into a Record."""
    return {"host": platform.node(), "platform": platform.platform(), "cores": os.cpu_count(), "pid": os.getpid()}
