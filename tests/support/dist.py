"""Wheel and sdist whose bytes hang on the commit alone: `python -m tests.support.dist [FOLDER]`, `make dist`.

Built from a copy of what git tracks, without leftovers of earlier builds; times are those of the commit
(SOURCE_DATE_EPOCH), owners and modes are set, and gzip's own time is left out.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import os, sys
from setuptools import build_meta
os.chdir(sys.argv[1])
getattr(build_meta, f"build_{sys.argv[3]}")(sys.argv[2])
"""


def epoch() -> int:
    """SOURCE_DATE_EPOCH, else the time of the commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(told.stdout)


def build(folder: Path) -> list[Path]:
    """The wheel and the sdist of this checkout, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = epoch()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment), "PYTHONHASHSEED": "0", "TZ": "UTC"}
    with tempfile.TemporaryDirectory() as temporary:
        copy, made = Path(temporary) / "source", Path(temporary) / "made"
        made.mkdir()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in files.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, copy / name)
                (copy / name).chmod(0o644)
        for kind in ("wheel", "sdist"):  # each by itself, as build front ends do
            (made / kind).mkdir()
            command = [sys.executable, "-c", BUILD, copy, made / kind, kind]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return [_settled(path, folder / path.name, moment) for path in sorted(made.glob("*/*"))]


def _settled(path: Path, target: Path, moment: int) -> Path:
    if path.suffix == ".whl":  # its times are SOURCE_DATE_EPOCH already
        return Path(shutil.copyfile(path, target))
    with tarfile.open(path) as archive, io.BytesIO() as plain:
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as again:
            for entry in sorted(archive.getmembers(), key=lambda one: one.name):
                entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = moment, 0, 0, "", ""
                entry.mode, entry.pax_headers = (0o755 if entry.isdir() else 0o644), {}
                again.addfile(entry, archive.extractfile(entry) if entry.isfile() else None)
        with target.open("wb") as stream, gzip.GzipFile("", "wb", 9, stream, mtime=0) as packed:
            packed.write(plain.getvalue())
    return target


if __name__ == "__main__":
    for made in build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()):
        print(made)
