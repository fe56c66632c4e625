"""Images that lie in memory scored as `harness score` scores the same images in files, to the bit."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness import benchmark
from harness.base import UsageError, counted
from harness.benchmark import Inside, from_folders
from harness.pipeline import (
    Executor,
    Failure,
    InlineExecutor,
    Pipeline,
    Plan,
    Silent,
    StorePlace,
    executor_of,
    keep_decoded,
    open_store,
    ownership,
    store_place,
)
from harness.run import run_benchmark
from harness.studies.live.kept import KeptImages, keep, named
from harness.studies.live.pixels import Layout, Pixels
from harness.studies.live.result import Scores


def score(
    real: Any,
    fake: Any,
    *,
    protocol: str | None = None,
    encoder: str | None = None,
    n: int | None = None,
    seed: int = 0,
    range: tuple[float, float] | None = None,
    layout: Layout | None = None,
    column: str | None = None,
    random_weights: bool = False,
    store: str | StorePlace | None = None,
    device: str = "auto",
    workers: int | None = None,
) -> Scores:
    """Scores of `fake` images against `real` ones, with confidence intervals.

    Equal to the bit to `harness score` on the same images in files.

    `real` and `fake` are arrays or tensors (n, H, W, C) or (n, C, H, W), lists of PIL images, iterables of images or
    batches, DataLoaders, Hugging Face Datasets, or paths. `{"name": images, …}` scores and ranks several fakes.
    Images are uint8, or floats with `range` (black, white), such as (0, 1) or (-1, 1). `layout` ("NHWC" or "NCHW")
    resolves an ambiguous shape; `column` names the image column of a table.

    `protocol` (default "clean") or `encoder` sets preprocessing, encoder and metrics. `random_weights` needs no
    download; scores then do not measure quality. `n` subsamples each set, with `seed`. `store` caches images and
    features (default `$HARNESS_STORE`, else `.harness`), so real images are encoded once. `workers` is the number of
    processes (default: this process, one thread); `device` is for encoders and metrics: auto, cpu, cuda, mps or xpu.

    Raises UsageError for ambiguous input (floats without a range, an ambiguous shape), NaN, and too few images.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> real = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    >>> harness.score(real, real // 2, encoder="digits_convnet")["fd"].value  # doctest: +SKIP
    12.3
    """
    place = store_place(store)
    root = open_store(place).root
    several: Mapping[str, Any] = fake if isinstance(fake, Mapping) else {_called(fake): fake}
    if not several:
        raise UsageError("fake: an empty mapping holds no set of images")
    pixels = {name: Pixels(name, range, layout, column) for name in ("real", *several)}
    sets = {"real": _placed(real, root, pixels["real"])}
    fakes = {name: _placed(images, root, pixels[name]) for name, images in several.items()}
    for name, one in {**sets, **fakes}.items():
        least = n or from_folders.LEAST
        if isinstance(one, KeptImages) and one.size < least:
            asked = f"fewer than n = {n}" if n else f"need at least {least}"
            raise UsageError(f"{name}: has {counted(one.size, 'image')}; {asked}")
    question = _Question(
        sets["real"],
        fakes,
        _Options(protocol, encoder, n, seed, random_weights, column, place, device, workers),
    )
    return question.answer()


@dataclass(frozen=True)
class _Options:
    protocol: str | None
    encoder: str | None
    n: int | None
    seed: int
    random_weights: bool
    column: str | None
    store: StorePlace
    device: str
    workers: int | None

    @property
    def executor(self) -> Executor:
        return InlineExecutor() if self.workers is None else executor_of(workers=self.workers)


@dataclass(frozen=True)
class _Question:
    """The sets of a score, each a path that the user gave or images kept in the store, and how they are scored."""

    real: Path | KeptImages
    fakes: Mapping[str, Path | KeptImages]
    options: _Options

    def answer(self) -> Scores:
        with tempfile.TemporaryDirectory() as folder:
            declared = self.declare(
                Path(folder) / "score", _path(self.real), [_path(one) for one in self.fakes.values()]
            )
            plan = Plan(benchmark.load(declared.bench), self.options.store, self.options.device)
            plan.check_place()
            with self.options.executor as executor:
                pipeline = Pipeline(plan, executor, _Heard())
                pipeline.identify()
                pipeline.check()
                pipeline.sample()
                pipeline.encode()
                pipeline.score()
                _raise(list(pipeline.failures.values()))
                ranked = pipeline.rank()
        return Scores(ranked.leaderboard, ranked.records, self._in_words(declared.notes), self.save)

    def declare(self, out: Path, real: Path, fakes: Sequence[Path], *, claimed: bool = False) -> from_folders.Declared:
        asked = self.options
        return from_folders.declare(
            real,
            fakes,
            out=out,
            protocol=asked.protocol,
            encoder=asked.encoder,
            n=asked.n,
            random_weights=asked.random_weights,
            seed=asked.seed,
            inside=Inside((asked.column,) if asked.column and isinstance(self.real, Path) else ()),
            claim=ownership.claim if claimed else None,
            read=partial(keep_decoded, open_store(asked.store)),
            names=list(self.fakes),
        )

    def save(self, out: Path) -> None:
        """Bring the images beside `out`, declare the benchmark of them, and run it: all is in the store already."""
        folder = out.with_name(f"{out.name}.images")
        real = _beside(self.real, folder, "real")
        fakes = [_beside(one, folder, f"fake-{name}") for name, one in self.fakes.items()]
        declared = self.declare(out, real, fakes, claimed=True)
        asked = self.options
        run_benchmark(
            declared.bench, out=out, store=asked.store, device=asked.device, executor=asked.executor, tracking=False
        )

    def _in_words(self, notes: Sequence[str]) -> tuple[str, ...]:
        """Notes that name sets as the caller does."""
        for name, one in {"real": self.real, **self.fakes}.items():
            notes = [note.replace(str(one.path), name) if isinstance(one, KeptImages) else note for note in notes]
        return tuple(notes)


class _Heard(Silent):
    """A Progress that hands on warnings alone."""

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings_: Sequence[str]) -> None:
        """Warn of what a unit warned of."""
        for words in warnings_:
            warnings.warn(f"{unit}: {words}", stacklevel=2)


def _called(fake: Any) -> str:
    return Path(fake).name.partition(".")[0] or "fake" if isinstance(fake, str | Path) else "fake"


def _placed(images: Any, store: Path, pixels: Pixels) -> Path | KeptImages:
    return named(images) if isinstance(images, str | Path) else keep(pixels.parts(images), store, pixels.name)


def _path(one: Path | KeptImages) -> Path:
    return one.path if isinstance(one, KeptImages) else one


def _beside(one: Path | KeptImages, folder: Path, name: str) -> Path:
    """A set's path: that of kept images is a link, or a copy, in the folder beside OUT."""
    if isinstance(one, Path):
        return one
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{one.path.suffix}"
    path.unlink(missing_ok=True)
    try:
        os.link(one.path, path)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(one.path, path)
    return path


def _raise(failures: Sequence[Failure]) -> None:
    """Raise what failed: the user's to mend, or else a fault with its traceback."""
    if faults := [one for one in failures if not one.usage]:
        raise RuntimeError(faults[0].detail or faults[0].reason)
    if failures:
        raise UsageError(list(dict.fromkeys(one.reason for one in failures)))
