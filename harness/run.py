"""One invocation: a benchmark's stages in order, then what it leaves in OUT, then MLflow."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from harness import benchmark as declaration
from harness.base import Record, UsageError, digest, digest_file, read_records, to_lines, write_atomically
from harness.images import joined
from harness.pipeline import (
    Engine,
    Failure,
    FakeSet,
    ImageSource,
    Leaderboard,
    Pipeline,
    Plan,
    Progress,
    declared,
    name_of,
    provenance,
    read_images,
)
from harness.pipeline import results as outfolder
from harness.report import contact_sheet, drop_findings, image_grid, write_plots, write_report

RECEIPT = ".complete.json"
MARKER = ".benchmark"  # names the benchmark whose results a folder holds
BESIDE = ("run.json", "report.html")
GRID = 64  # images


@dataclass(frozen=True)
class Result:
    """What a run made and where it lies.

    failures  a line for every cell that failed; `usage` says that one of them is the user's to mend
    cached    nothing had to be computed or written
    tracked   where MLflow has it; None when not asked for or out of reach (`untracked` then says why)
    """

    out: Path
    leaderboard: Leaderboard
    failures: tuple[str, ...]
    usage: bool
    cached: bool
    seconds: float
    tracked: str | None = None
    untracked: str | None = None

    @property
    def records(self) -> list[Record]:
        """Every Record of the run."""
        return read_records(self.out / "records.jsonl")


class Quiet:
    """A Progress that says nothing."""

    def begin(self, stage: str, units: int, already: int) -> None:
        """Say nothing."""

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


def default_store() -> Path:
    """`$HARNESS_STORE`, else `.harness` in the current folder."""
    return Path(os.environ.get("HARNESS_STORE") or ".harness").absolute()


def default_workers() -> int:
    """One process a core, eight at most: each holds its own encoder."""
    return max(1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def run_benchmark(
    path: str | Path,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    tracking: bool = True,
    tracking_uri: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run every stage of a benchmark, write OUT (default `results/<name>`) and log it to MLflow.

    Only `path` decides the numbers. Raises UsageError for a declaration or reference data that cannot be used; a cell
    that fails becomes a failed Record and the others go on.
    """
    start = time.perf_counter()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    plan = Plan(declaration.load(Path(path)), Path(store).absolute() if store else default_store(), device)
    folder = Path(out) if out else Path("results") / plan.benchmark.name
    claim(folder, plan.benchmark.name)
    usable(plan)
    outfolder.warn_of_replacing(folder, declared(plan))
    with Engine(workers or default_workers()) as engine:
        pipeline = Pipeline(plan, engine, progress or Quiet())
        pipeline.sample()
        pipeline.encode()
        pipeline.score()
    with outfolder.writing(folder):
        result = _finish(folder, plan, pipeline, start, began)
        tracked, untracked = _track(folder, tracking_uri) if tracking else (None, None)
    return replace(result, tracked=tracked, untracked=untracked)


def _finish(folder: Path, plan: Plan, pipeline: Pipeline, start: float, began: str) -> Result:
    """What the run made, brought into OUT unless OUT holds it already; nothing is tracked yet."""
    lock = resolved(plan, pipeline)
    failed = bool(pipeline.failures or pipeline.numerics_failures)  # what failed is tried again
    cached = not failed and _is_complete(folder, lock["run_key"])
    if cached:
        board = Leaderboard.from_json((folder / "leaderboard.json").read_text(encoding="ascii"))
    else:
        board = _write(folder, plan, pipeline, lock)
    write_report(folder)  # a cached run too: a study may have added a finding
    seconds = time.perf_counter() - start
    if not cached:
        about = {"run_key": lock["run_key"], "time": began, "seconds": round(seconds, 3)}
        about["machine"] = provenance.machine()
        write_atomically(folder / "run.json", (json.dumps(about, indent=1) + "\n").encode("ascii"))
        if not failed:
            _write_receipt(folder, lock["run_key"])
    return Result(
        out=folder,
        leaderboard=board,
        failures=tuple(_failure_lines(pipeline.failures)),
        usage=any(failure.usage for failure in pipeline.failures.values()),
        cached=cached,
        seconds=seconds,
    )


def resolved(plan: Plan, pipeline: Pipeline) -> dict[str, Any]:
    """Everything the numbers rest on, with every default filled in; `run_key` is the digest of all the rest."""
    images = {name_of(fake): entry.facts for fake in plan.fakes if (entry := plan.images(fake))}
    lock = {
        **declared(plan),
        "image_sets": {name: facts["content"] for name, facts in images.items()},
        "failed": {f"{name_of(fake)} under {encoder}": f.reason for (fake, encoder), f in pipeline.failures.items()},
        "software": provenance.software(),
    }
    # The commit says where the code lies; what it does is in the digests of its sources.
    software = {name: value for name, value in provenance.software().items() if name != "commit"}
    return {"run_key": digest(lock | {"software": software}), **lock}


def _write(folder: Path, plan: Plan, pipeline: Pipeline, lock: Mapping[str, Any]) -> Leaderboard:
    from ruamel.yaml import YAML

    earlier = _receipt(folder).get("files", {})
    (folder / RECEIPT).unlink(missing_ok=True)
    for name in earlier:  # of an earlier declaration, or damaged
        if name.startswith(("grids/", "plots/", f"{outfolder.FOLDER}/")):
            (folder / name).unlink(missing_ok=True)
    drop_findings(folder, keep=(lock["run_key"], outfolder.declared_key(lock)))  # of records that go now
    ranked = pipeline.rank()
    board = ranked.leaderboard
    write_atomically(folder / "records.jsonl", to_lines(ranked.records))
    outfolder.write(folder, ranked.members)
    write_atomically(folder / "leaderboard.json", board.to_json().encode("ascii"))
    write_atomically(folder / "leaderboard.csv", board.to_csv().encode())
    write_atomically(folder / "leaderboard.md", board.to_markdown().encode())
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = BytesIO()
    yaml.dump(dict(lock), text)
    write_atomically(folder / "benchmark.lock.yaml", text.getvalue())
    details = [f"{name_of(f)} under {e}\n{x.detail or x.reason}\n" for (f, e), x in pipeline.failures.items()]
    if details:
        write_atomically(folder / "failures.log", "\n".join(details).encode())
    else:
        (folder / "failures.log").unlink(missing_ok=True)
    _write_grids(folder / "grids", plan)
    write_plots(folder / "plots", list(ranked.records), json.loads(board.to_json()))
    return board


def _write_grids(folder: Path, plan: Plan) -> None:
    """The first images of the reference and of each generator's first image set, and a sheet with a row of each."""
    sources: dict[str, ImageSource] = {"reference": plan.reference}
    for fake in plan.fakes:
        if plan.images(fake) is not None:
            sources.setdefault(fake.generator, fake)
    shown = {}
    for name, source in sources.items():
        chunks = []
        for images in read_images(plan, source, plan.benchmark.batch_size):
            chunks.append(images)
            if sum(map(len, chunks)) >= GRID:
                break
        shown[name] = joined(chunks)[:GRID]
    pictures = {name: image_grid(images) for name, images in shown.items()}
    pictures["_all"] = contact_sheet(shown)
    for name, picture in pictures.items():
        payload = BytesIO()
        picture.save(payload, "PNG")
        write_atomically(folder / f"{name}.png", payload.getvalue())


def _files(folder: Path) -> dict[str, str]:
    # run.json tells of the time and the machine, report.html also of studies that came later: neither is the result.
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in BESIDE
    }


def _write_receipt(folder: Path, run_key: str) -> None:
    receipt = {"run_key": run_key, "files": _files(folder)}
    write_atomically(folder / RECEIPT, json.dumps(receipt).encode("ascii"))


def _is_complete(folder: Path, run_key: str) -> bool:
    """Whether OUT holds this very result, every file as it was written."""
    try:
        receipt = _receipt(folder)
        files = _files(folder)
        return bool(receipt["run_key"] == run_key) and all(files.get(n) == d for n, d in receipt["files"].items())
    except (OSError, KeyError):
        return False


def _receipt(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECEIPT).read_text(encoding="ascii"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def claim(folder: Path, benchmark: str) -> None:
    """Mark a new or empty folder as this benchmark's; refuse one that holds anything else."""
    marker = folder / MARKER
    try:
        if marker.is_file():
            owner = marker.read_text(encoding="utf-8").strip()
            if owner != benchmark:
                raise UsageError(f"{folder} holds the results of benchmark '{owner}'; give another folder with --out")
            return
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not a run's; give a new or empty folder with --out")
        write_atomically(marker, f"{benchmark}\n".encode())
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder} is a file, or lies below one; give a folder with --out") from None


def usable(plan: Plan) -> None:
    """Raise UsageError for a store that cannot be a folder and for a device that no library knows by that name."""
    if not re.fullmatch(r"auto|cpu|(cuda|mps|xpu)(:\d+)?", plan.device):
        raise UsageError(f"--device {plan.device}: unknown; say auto, cpu, cuda, cuda:1, mps or xpu")
    try:
        plan.store_root.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError):
        raise UsageError(f"the store {plan.store_root} cannot be made; give another folder with --store") from None


def _track(folder: Path, uri: str | None) -> tuple[str | None, str | None]:
    """Where MLflow has the run, or why it has not."""
    from harness.report import TrackingUnavailable, track

    try:
        sent = track(folder, uri)
    except TrackingUnavailable as problem:
        return None, f"{problem}; the results are in {folder}: `harness track {folder}` sends them later"
    return sent.url if sent.uri.startswith("http") else f"`make ui`, then {sent.url}", None


def _failure_lines(failures: Mapping[tuple[FakeSet, str], Failure]) -> list[str]:
    """One line a reason, naming every cell that it cost."""
    cells: dict[str, list[str]] = {}
    for (fake, encoder), failure in failures.items():
        cells.setdefault(failure.reason, []).append(f"{name_of(fake)} under {encoder}")
    return [
        f"{named[0]}{f' and {len(named) - 1} more cells' if len(named) > 1 else ''}: {reason}"
        for reason, named in cells.items()
    ]


def check_out(folder: Path) -> None:
    """Raise UsageError where OUT is not a run's folder."""
    if not (folder / "records.jsonl").is_file():
        raise UsageError(f"{folder} holds no run: there is no records.jsonl in it")
