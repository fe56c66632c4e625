"""Reference statistics that projects publish: where they are, what of, and the protocol that made them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from harness.base import Frozen, UsageError, digest_file, read_yaml
from harness.benchmark import protocols

TABLE = Path(__file__).with_name("registered.yaml")


class Published(Frozen):
    """One published file, or a family of them whose names a pattern `file` describes.

    `sha256` is there where its makers, or independent people, have published one; a file with another is refused then.
    """

    file: str
    url: str
    protocol: str
    images: str
    source: str
    sha256: str | None = None


class _Table(Frozen):
    files: dict[str, Published]


@cache
def published() -> Mapping[str, Published]:
    """Every entry by its name, the more particular before the more general."""
    document = read_yaml(TABLE)
    table = document.check(_Table, {"files": document.value})
    if problems := document.lines():
        raise UsageError(problems)
    assert table is not None
    for one in table.files.values():
        protocols.load(one.protocol)
    return table.files


def of_file(path: Path) -> Published | None:
    """The entry that a file is called by; None for a name that nobody publishes.

    Raises UsageError for a file of a published name that has another SHA-256 than the published one.
    """
    if "_clip_" in path.name:  # of clean-fid's, in features of CLIP
        return None
    found = next((one for one in published().values() if fnmatchcase(path.name, one.file)), None)
    if found is None or found.sha256 is None or not path.is_file():
        return found
    if (own := digest_file(path)) != found.sha256:
        raise UsageError(
            f"{path} has the name of {found.url}, whose SHA-256 is {found.sha256}; this file has "
            f"{own}. Download it again, or rename it"
        )
    return found


def listed() -> list[str]:
    """A line for each entry: its name, protocol, the name of its file, and what it is of."""
    return [
        f"{name:<28} {one.protocol:<24} {one.file:<34} {one.images}\n{'':<28} {one.url}"
        for name, one in published().items()
    ]


def described(path: Path) -> list[str]:
    """What is published about a file of this name, and the SHA-256 that it has; nothing of other names."""
    one = of_file(path)
    if one is None:
        return []
    pin = "as published" if one.sha256 else "no published digest"
    return [
        f"registered {one.url}: protocol {one.protocol}; {one.images} ({one.source})",
        f"sha256     {digest_file(path)} ({pin})",
    ]
