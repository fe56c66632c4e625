"""Builds a site: reads the runs, makes the pages, copies the reports that were kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.base import UsageError, write_atomically
from harness.report.site import pages
from harness.report.site.boards import boards, places

MARK = ".harness-site"


def write_site(outs: Iterable[Path], folder: Path, *, title: str = "Results") -> int:
    """Write `folder/index.html` and a page for each run; returns how many runs there are.

    An earlier site is replaced. Raises UsageError for a folder of other things, and where no run is found.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise UsageError(f"{folder}: holds files that are not a site's; give another --out")
    held = places(outs)
    texts: dict[str, bytes] = {"index.html": pages.index(title, held, boards(held)).encode("utf-8"), MARK: b""}
    for place in held:
        texts[f"{place.folder}/index.html"] = pages.run_page(place).encode("utf-8")
        if place.has_report:
            texts[f"{place.folder}/report.html"] = (place.run.out / "report.html").read_bytes()
    for old in [*folder.rglob("index.html"), *folder.glob("runs/*/report.html")] if folder.exists() else ():
        if old.relative_to(folder).as_posix() not in texts:
            old.unlink()
    for name, content in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return len(held)
