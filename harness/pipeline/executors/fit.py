"""Whether a worker elsewhere would compute what this process would: same code, same libraries, same store."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path

from harness.pipeline import provenance

Versions = dict[str, str]


@cache
def versions() -> Versions:
    """The versions of what decides a number, and the digest of the harness's own sources."""
    return {"harness": provenance.version(), "Python": platform.python_version(), **provenance.library_versions()} | {
        "the harness's code": _sources()
    }


def _sources() -> str:
    root = Path(__file__).resolve().parents[2]
    content = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return content.hexdigest()[:12]


def misfit(theirs: Versions, sees_store: bool, *, where: str, shared: Path | None) -> str | None:
    """Why a worker cannot take part, in a line; None where it can."""
    ours = versions()
    if unlike := [
        f"{name} {theirs.get(name, 'absent')} (here {ours[name]})" for name in ours if ours[name] != theirs.get(name)
    ]:
        return f"a worker on {where} has {', '.join(unlike)}: install the same versions on every machine"
    if shared is not None and not sees_store:
        return (
            f"a worker on {where} cannot see the store {shared}; set --store or $HARNESS_STORE to "
            "a folder that all machines share under the same path"
        )
    return None
