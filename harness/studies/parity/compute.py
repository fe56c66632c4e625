"""Runs the peers and ours on the same two folders, one after the other, and holds them against each other."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from harness.base import UsageError
from harness.benchmark import from_folders, protocols
from harness.encoders import weights, write_random_inception
from harness.images import open_images
from harness.metrics import frechet_distance, kid_subsets
from harness.studies.parity import programs
from harness.studies.parity.result import KERNEL, MOMENTS, SINGULAR, Parity, Quantity, Side
from harness.studies.statistics import encode
from harness.uncertainty import Rows

LEAST = 8


def side_by_side(
    real: Path,
    fake: Path,
    *,
    peers: Sequence[str] = programs.NAMES,
    n: int | None = None,
    random_weights: bool = False,
    device: str = "auto",
    hear: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Each peer's own program and ours on the images of two folders, with the same weight file.

    `n` takes the first n files of each folder by name. A peer that is not installed, whose weights are not here, or
    that fails on these images is in `absent` with the reason. `hear` is told before each step, which may take long.

    Raises UsageError for what is not a folder of images, and folders with fewer than 8 of them.
    """
    import torch

    sizes = [_size(path) for path in (real, fake)]
    if n is not None and n > min(sizes):
        raise UsageError(f"--n {n}: {real} and {fake} hold {sizes[0]} and {sizes[1]} images")
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    sides: list[Side] = []
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        folders = (real, fake) if n is None else tuple(_first(path, n, Path(made)) for path in (real, fake))
        for name in peers:
            if (why := programs.why_not(name)) is not None:
                absent[name] = why
                continue
            try:
                file = _weights(name, Path(made), drawn=random_weights)
                task = programs.Task(folders[0].absolute(), folders[1].absolute(), file, device)
                sides.append(_side(name, task, drawn=random_weights, hear=hear))
            except UsageError as problem:
                absent[name] = "; ".join(problem.problems)
    return Parity(str(real), str(fake), device, torch.get_num_threads(), random_weights, tuple(sides), absent)


def _side(name: str, task: programs.Task, *, drawn: bool, hear: Callable[[str], None]) -> Side:
    program = programs.PROGRAMS[name]
    hear(f"{name} {programs.release(name)} …")
    try:
        with _quiet():
            for module in program.modules:
                import_module(module)
            begun = time.perf_counter()
            told = program.run(task)
    except UsageError:
        raise
    except Exception as problem:  # whatever the peer's own code does of these images is what is reported
        raise UsageError(f"its own program failed: {programs.reason(problem)}") from problem
    theirs = time.perf_counter() - begun
    hear(f"ours, protocol {program.protocol} …")
    begun = time.perf_counter()
    real, fake = _ours(task, program.protocol, drawn=drawn)
    values = {"FID": frechet_distance(real, fake)}
    size = min(programs.SUBSET_SIZE, len(real), len(fake))
    if "KID" in told.values or "KID" in told.failed:
        values["KID"] = kid_subsets(real, fake, subsets=programs.SUBSETS, subset_size=size, seed=programs.SEED)
    ours = time.perf_counter() - begun
    same = told.real.shape == real.shape and told.fake.shape == fake.shape
    singular = min(len(real), len(fake)) <= real.shape[1]
    allowed = {"FID": (SINGULAR if singular else MOMENTS) * _squared_length(real, fake)}
    allowed["KID"] = KERNEL * _kernel_mean(real, fake)
    return Side(
        peer=name,
        version=programs.release(name),
        protocol=program.protocol,
        n_real=len(real),
        n_fake=len(fake),
        read=(len(told.real), len(told.fake)),
        features=max(_relative(told.real, real), _relative(told.fake, fake)) if same else None,
        quantities={key: Quantity(told.values.get(key), value, allowed[key]) for key, value in values.items()},
        failed=told.failed,
        seconds_theirs=theirs,
        seconds_ours=ours,
        singular=singular,
    )


def _ours(task: programs.Task, protocol: str, *, drawn: bool) -> tuple[Rows, Rows]:
    """Our features of both folders, from no store: what lies in one already would cost no time."""
    whole = protocols.load(protocol)
    with tempfile.TemporaryDirectory() as store:
        rows = partial(encode, random_weights=drawn, store=Path(store), device=task.device)
        return rows(task.real, whole).rows, rows(task.fake, whole).rows


def _weights(name: str, folder: Path, *, drawn: bool) -> Path:
    """The registered file that ours reads under the peer's protocol, or random weights in a file of the same form."""
    protocol = protocols.load(programs.PROGRAMS[name].protocol)
    registered = from_folders.weight_file(protocol)
    assert registered is not None
    if not drawn:
        return weights.locate(registered)
    path = folder / registered
    if not path.exists():
        write_random_inception(path)
    return path


def _first(path: Path, n: int, made: Path) -> Path:
    """A folder of links to the first n image files, by their names."""
    folder = made / f"first-{len(list(made.iterdir()))}"
    folder.mkdir()
    names = open_images("folder", {"path": str(path)}).names
    assert names is not None
    for number, name in enumerate(names[:n]):
        (folder / f"{number:06d}{Path(name).suffix.lower()}").symlink_to((path / name).absolute())
    return folder


def _size(path: Path) -> int:
    if not path.is_dir():
        raise UsageError(f"{path}: is not a folder; parity compares folders of image files")
    size = open_images("folder", {"path": str(path)}).size
    if size < LEAST:
        raise UsageError(f"{path}: has {size} images; need at least {LEAST}")
    return size


def _relative(theirs: Rows, ours: Rows) -> float:
    return float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), np.finfo(np.float32).tiny))


def _squared_length(real: Rows, fake: Rows) -> float:
    """The mean squared length of a row of either set, added: what FID's means and traces add up to."""
    return float(sum(np.square(rows.astype(np.float64)).sum(1).mean() for rows in (real, fake)))


def _kernel_mean(real: Rows, fake: Rows) -> float:
    """The mean of the cubic kernel over pairs of rows, of at most 1,000 a set: what KID is a difference of."""
    rows = np.concatenate([real[:1000], fake[:1000]]).astype(np.float64)
    return float(np.mean((rows @ rows.T / rows.shape[1] + 1) ** 3))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The peers' bars and warnings are no part of a table."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
