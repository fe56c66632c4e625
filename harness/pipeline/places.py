"""Where a store lies: a folder, or a bucket with a folder of this machine before it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.base import Bucket, UsageError, cache_folder, digest, scheme_of
from harness.pipeline.store import Store

DEFAULT_BYTES = 20 * 10**9
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
CACHE, SIZE = "HARNESS_STORE_CACHE", "HARNESS_STORE_CACHE_SIZE"


@dataclass(frozen=True)
class BucketPlace:
    """A store in a bucket. `cache` (None: in the user's cache folder, wherever it is opened) holds at most `bytes`."""

    url: str
    cache: Path | None = None
    bytes: int = DEFAULT_BYTES

    def __str__(self) -> str:
        return self.url

    @property
    def folder(self) -> Path:
        """The folder of this machine that holds what was last used of the bucket."""
        return (self.cache or cache_folder(CACHE, "stores")) / digest(self.url)[:16]


StorePlace = Path | BucketPlace


def default_store() -> StorePlace:
    """`$HARNESS_STORE`, else `.harness` in the current folder."""
    return store_place(os.environ.get("HARNESS_STORE") or ".harness")


def store_place(given: str | StorePlace | None, cache: Path | None = None, size: str | None = None) -> StorePlace:
    """Where a store lies that the user names by a path or an address; None is the default.

    `cache` and `size` are the local folder and its bound ("50GB"), of a bucket only.
    """
    if given is None:
        given = os.environ.get("HARNESS_STORE") or ".harness"
    if isinstance(given, BucketPlace):
        return given
    scheme = scheme_of(str(given))
    if scheme == "file":
        given = str(given).removeprefix("file://").removeprefix("localhost")
        scheme = None
    if scheme is None:
        if cache is not None or size is not None:
            raise UsageError("--store-cache and --store-cache-size need a --store in a bucket, such as s3://…")
        return Path(given).absolute()
    held = size or os.environ.get(SIZE)
    limit = DEFAULT_BYTES if held is None else bytes_of(held)
    return BucketPlace(Bucket(str(given)).url, None if cache is None else cache.absolute(), limit)


def bytes_of(text: str) -> int:
    """A size as people write it, `50GB` or `800 MB` or `1000000`, in bytes. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if found is None or float(found[1]) <= 0:
        raise UsageError(f"{text!r} is not a size; use a number above 0 with a unit, such as 50GB or 800MB")
    return int(float(found[1]) * UNITS[found[2]])


def open_store(place: StorePlace) -> Store:
    """The store at a place; nothing is read or written yet."""
    if isinstance(place, BucketPlace):
        from harness.pipeline.bucket_store import BucketStore  # not for a folder

        return BucketStore(place)
    return Store(place)
