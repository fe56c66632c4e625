"""Objects of a bucket: whole bytes under a name, got, put, removed. S3, Google Cloud Storage, Azure, through fsspec.

Credentials are the provider's own business: its environment variables, its files, the role of the machine. They are no
part of an address and are written nowhere.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from harness.base.errors import UsageError

# Scheme → the package that speaks it and the extra that brings it; `memory` is of this process, for tries.
SCHEMES = {
    "s3": ("s3fs", "remote"),
    "gs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "memory": ("fsspec", "remote"),
}
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
CONFLICTS = 4  # times that a put is repeated where the server saw another one of that name under way
Found = TypeVar("Found")


def scheme_of(text: str) -> str | None:
    """The scheme of an address, `s3` of `s3://bucket/name`; None of a path."""
    found = _URL.fullmatch(text)
    return found[1] if found else None


@dataclass(frozen=True)
class Listed:
    """What a listing says of an object: its bytes and when it was put, in seconds since 1970."""

    bytes: int
    changed: float


@dataclass(frozen=True)
class Bucket:
    """The objects below an address such as `s3://bucket/prefix`. Picklable; safe for many processes at once.

    Every method raises UsageError for what the user can mend (a bucket that is not there, no credentials, a package
    that is not installed) and OSError where the server cannot be reached or fails.
    """

    url: str

    def __post_init__(self) -> None:
        scheme = scheme_of(self.url)
        if scheme not in SCHEMES:
            raise UsageError(f"{self.url}: unknown storage; use {', '.join(f'{s}://…' for s in SCHEMES)}")
        place = self.url.split("://", 1)[1]
        if "@" in place.partition("/")[0]:
            raise UsageError(
                f"{scheme}://…: an address must not contain credentials; set them in the provider's environment "
                "variables or files"
            )
        if not place.strip("/") and scheme != "memory":
            raise UsageError(f"{self.url}: no bucket given; use {scheme}://BUCKET/PREFIX")
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def get(self, name: str) -> bytes | None:
        """The bytes of an object; None where there is none of that name."""

        def ask(files: Any, path: str) -> bytes | None:
            try:
                return bytes(files.cat_file(path))
            except FileNotFoundError as problem:
                if "bucket" in str(problem).lower() and "does not exist" in str(problem):
                    raise
                return None

        return self._asked(ask, name)

    def get_many(self, names: Sequence[str]) -> dict[str, bytes]:
        """The bytes of several objects, asked for at once, by name; those that are not there are left out."""

        def ask(files: Any, path: str) -> dict[str, bytes]:
            if not names:
                return {}
            root = path.rstrip("/")
            found: dict[str, Any] = files.cat([f"{root}/{name}" for name in names], on_error="return")
            bad = [one for one in found.values() if isinstance(one, Exception)]
            if worse := next((one for one in bad if not isinstance(one, FileNotFoundError)), None):
                raise worse
            whole = {str(where): bytes(one) for where, one in found.items() if not isinstance(one, Exception)}
            return {name: whole[at] for name in names if (at := f"{root}/{name}") in whole}

        return self._asked(ask, "")

    def size(self, name: str) -> int | None:
        """The bytes that an object has; None where there is none of that name."""

        def ask(files: Any, path: str) -> int | None:
            try:
                return int(files.info(path)["size"])
            except FileNotFoundError:
                return None

        return self._asked(ask, name)

    def create(self, name: str, payload: bytes) -> bool:
        """Put an object unless there is one of that name; whether it was put. The first of two at once wins.

        A server that knows no conditional writes (S3's If-None-Match) is asked first and written to then: between the
        two another one may come, and the last wins.
        """

        def ask(files: Any, path: str) -> bool:
            for pause in (*(0.2 * 2**k for k in range(CONFLICTS)), None):
                try:
                    files.pipe_file(path, payload, mode="create")
                    return True
                except FileExistsError:
                    return False
                except Exception as problem:
                    code = _code(problem)
                    if code == "PreconditionFailed":
                        return False
                    if code == "ConditionalRequestConflict" and pause is not None:
                        time.sleep(pause)
                        continue
                    if code not in ("NotImplemented", "InvalidArgument"):
                        raise
                    if files.exists(path):
                        return False
                    files.pipe_file(path, payload)
                    return True
            raise AssertionError("the last round returns or raises")

        return self._asked(ask, name)

    def replace(self, name: str, payload: bytes) -> None:
        """Put an object, whatever is there."""
        self._asked(lambda files, path: files.pipe_file(path, payload), name)

    def remove(self, name: str) -> None:
        """Remove an object, if there is one."""

        def ask(files: Any, path: str) -> None:
            try:
                files.rm_file(path)
            except FileNotFoundError:
                return

        self._asked(ask, name)

    def fetch(self, name: str, path: Path) -> None:
        """Bring an object to a file, of any size, whose folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._asked(lambda files, where: files.get_file(where, str(path)), name)

    def names(self, below: str = "") -> list[str]:
        """The names of all objects below the address, or below a folder of it, sorted; a request for each 1,000."""
        return sorted(self.objects(below))

    def objects(self, below: str = "") -> dict[str, Listed]:
        """As `names`, with what the listing says of each object."""

        def ask(files: Any, path: str) -> dict[str, Listed]:
            root = path.rstrip("/") + "/"
            listed = files.find(f"{root}{below}".rstrip("/") + "/", detail=True)
            return {
                name.removeprefix(root): Listed(int(facts["size"]), _changed(facts))
                for name, facts in listed.items()
                if name.startswith(root)
            }

        return self._asked(ask, "")

    def _asked(self, ask: Callable[[Any, str], Found], name: str) -> Found:
        files, root = _file_system(self.url)
        where = f"{self.url}/{name}" if name else self.url
        try:
            return ask(files, f"{root}/{name}")
        except UsageError:
            raise
        except FileNotFoundError:
            raise UsageError(f"{self.url}: no such bucket; create it first") from None
        except PermissionError as problem:
            raise UsageError(f"{where}: not allowed ({_first_line(problem)}); {_CREDENTIALS}") from None
        except Exception as problem:
            if type(problem).__name__ in _NO_CREDENTIALS or _code(problem) in _REFUSED:
                raise UsageError(f"{where}: {_first_line(problem)}; {_CREDENTIALS}") from None
            raise OSError(errno.EIO, f"{type(problem).__name__}: {_first_line(problem)}", where) from problem


_CREDENTIALS = (
    "credentials are read from the provider's environment variables and files (for S3 AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_ENDPOINT_URL for a server other than Amazon's)"
)
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound")
_REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
# An object in one piece: s3fs asks for its size first otherwise, and for a listing where there is none.
# And as many connections as `get_many` can use (botocore has 10).
_ONE_REQUEST: dict[str, dict[str, Any]] = {"s3": {"max_concurrency": 1, "config_kwargs": {"max_pool_connections": 50}}}
_opened: dict[tuple[int, str], tuple[Any, str]] = {}


def _file_system(url: str) -> tuple[Any, str]:
    """fsspec's object for an address and the path below it; one a process: connections do not survive a fork."""
    key = (os.getpid(), url)
    if key not in _opened:
        scheme = str(scheme_of(url))
        package, extra = SCHEMES[scheme]
        if scheme == "gs":  # read when gcsfs is imported; with it each request begins with a look at the bucket's type
            os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        try:
            import fsspec

            # What is listed must be what is there: other processes put and remove all the time.
            fresh = {"use_listings_cache": False, "skip_instance_cache": True}
            made = fsspec.filesystem(scheme, **({} if scheme == "memory" else fresh), **_ONE_REQUEST.get(scheme, {}))
        except ImportError:
            raise UsageError(
                f"{scheme}:// needs the package {package}: pip install 'generative-image-harness[{extra}]'"
            ) from None
        _opened[key] = made, str(made._strip_protocol(url)).rstrip("/")
    return _opened[key]


def _changed(facts: dict[str, Any]) -> float:
    """When an object was put, as each provider's listing has it; now where it says nothing: nothing looks old then."""
    found = next(
        (facts[key] for key in ("LastModified", "last_modified", "updated", "created") if facts.get(key)), None
    )
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    return found.timestamp() if isinstance(found, datetime) else time.time()


def _code(problem: BaseException) -> str:
    """The server's word for what is wrong, such as `PreconditionFailed`; "" where it has none."""
    for one in (problem, problem.__cause__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
    return ""


def _first_line(problem: BaseException) -> str:
    return next(iter(str(problem).splitlines()), "") or type(problem).__name__
