"""Scores a model while it trains: images in batches, from one or more processes; equal to `harness score` offline.

The reference is encoded once and cached in the store. Generated images are encoded batch by batch; only their features
are kept, of at most `n` images, until `reset`.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import benchmark
from harness.base import UsageError, counted, derive_seed, digest
from harness.benchmark import from_folders
from harness.encoders import refuse_unsteady
from harness.images import ImageSet, joined, preprocessing
from harness.pipeline import (
    Plan,
    StorePlace,
    keep_decoded,
    one_thread_here,
    open_store,
    order_of_files,
    plain,
    real_side,
    rows_of,
    score_rows,
    store_place,
    target_of,
)
from harness.studies.live.kept import keep, named
from harness.studies.live.pixels import Layout, Pixels
from harness.studies.live.result import Estimates
from harness.uncertainty import SeedMember, combine

State = Mapping[str, Any]


class Monitor:
    """Scores a model's images against `reference` during training. The same images in files get the same scores.

    `reference` is a folder or anything else that `harness.score` accepts as real images; it is encoded once and cached
    in `store`. `protocol`, `encoder`, `seed`, `range`, `layout`, `random_weights`, `store` and `device` are those of
    `harness.score`. Each evaluation uses `n` images (default: as many as the reference), since FD depends on n.
    `every` is the number of training steps between two evaluations, for `due`.

    One process: `evaluate(sample)`; or `update(images)` until `left` is 0, then `compute()` and `reset()`.
    Several processes: each makes its share of the `n` images, and `compute` gathers through torch.distributed. Without
    torch.distributed, set `share` (rank, number of processes) and pass the others' `state()` to `merge`.

    Raises UsageError for an unusable reference, before training starts.

    >>> monitor = harness.Monitor("cifar10/train", n=10_000, every=5_000)  # doctest: +SKIP
    >>> if monitor.due(step):  # doctest: +SKIP
    ...     print(monitor.evaluate(lambda k: model.sample(k)))
    """

    _count: int
    _pixels: Pixels
    _places: list[NDArray[np.int64]]
    _waiting: list[ImageSet]  # less than a batch
    _features: dict[str, list[NDArray[np.float32]]]
    _others: list[State]

    def __init__(
        self,
        reference: Any,
        *,
        protocol: str | None = None,
        encoder: str | None = None,
        n: int | None = None,
        every: int | None = None,
        seed: int = 0,
        range: tuple[float, float] | None = None,
        layout: Layout | None = None,
        random_weights: bool = False,
        store: str | StorePlace | None = None,
        device: str = "auto",
        share: tuple[int, int] | None = None,
    ) -> None:
        if every is not None and every < 1:
            raise UsageError(f"every={every}: must be at least 1")
        if share is not None and not 0 <= share[0] < share[1]:
            raise UsageError(f"share={share}: (rank, number of processes) needs 0 <= rank < number")
        self.every = every
        self._seed = seed
        self._given_share = share
        self._images = partial(Pixels, "update", range, layout)
        place = store_place(store)
        kept_in = open_store(place)
        if isinstance(reference, str | Path):
            path = named(reference)
        else:
            path = keep(Pixels("reference", range, layout).parts(reference), kept_in.root, "reference").path
        self._folder = tempfile.TemporaryDirectory()  # of the declaration, as long as it is asked
        declared = from_folders.declare(
            path,
            [path],
            out=Path(self._folder.name) / "monitor",
            protocol=protocol,
            encoder=encoder,
            n=None,
            random_weights=random_weights,
            seed=seed,
            read=partial(keep_decoded, kept_in),
            names=["model"],
            n_fake=n,
        )
        loaded = benchmark.load(declared.bench)
        self.n = n or loaded.n_real
        self.notes = declared.notes
        self._plan = plan = Plan(loaded.model_copy(update={"n_fake": self.n}), place, device)
        plan.check_place()
        self._encoders = {}
        for name in loaded.encoders:
            with one_thread_here():
                if self._rank == 0:
                    real_side(plan, name)
                self._encoders[name] = plan.encoder(name)
        self._steady: set[str] = set()
        self._last: int | None = None
        self.reset()

    # ---------------------------------------------------------------- this process's share

    @property
    def _rank(self) -> int:
        return self._share[0]

    @property
    def _share(self) -> tuple[int, int]:
        if self._given_share is not None:
            return self._given_share
        distributed = _distributed()
        return (distributed.get_rank(), distributed.get_world_size()) if distributed else (0, 1)

    @property
    def left(self) -> int:
        """Number of images that this process still has to add."""
        rank, processes = self._share
        return max(0, len(range(rank, self.n, processes)) - self._count)

    @property
    def batch_size(self) -> int:
        """Number of images encoded at once; batches of this size use the least memory."""
        return int(self._plan.benchmark.batch_size)

    def due(self, step: int) -> bool:
        """Whether to evaluate at this step: once at each multiple of `every`, never at step 0 or without `every`."""
        if self.every is None or step <= 0 or step % self.every or step == self._last:
            return False
        self._last = step
        return True

    # ---------------------------------------------------------------- images in

    def update(self, images: Any, *, index: Sequence[int] | None = None) -> None:
        """Add a batch of images in any form that `harness.score` accepts; images beyond this share are dropped.

        `index` gives their positions among the `n` images, to match files image by image. By default process r of w
        fills positions r, r + w, r + 2 w … in order of arrival.
        """
        batch = self._pixels.batch(images)
        rank, processes = self._share
        if index is None:
            places = rank + processes * (self._count + np.arange(min(len(batch), self.left)))
        else:
            places = np.asarray(index, np.int64)
            if places.shape != (len(batch),):
                raise UsageError(
                    f"index: {places.shape} for {counted(len(batch), 'image')}; expected one index per image"
                )
            if len(places) and (places.min() < 0 or places.max() >= self.n):
                raise UsageError(f"index: must be 0 to {self.n - 1} (n = {self.n}); found {places.max()}")
        batch = batch[: len(places)]
        if not len(batch):
            return
        self._count += len(batch)
        self._places.append(places.astype(np.int64))
        self._waiting.append(batch)
        if sum(len(one) for one in self._waiting) >= self.batch_size:
            waiting = joined(self._waiting)
            whole = len(waiting) // self.batch_size * self.batch_size
            for first in range(0, whole, self.batch_size):
                self._encode(waiting[first : first + self.batch_size], self._features)
            self._waiting = [joined([waiting[whole:]])] if whole < len(waiting) else []

    def _encode(self, images: ImageSet, into: dict[str, list[NDArray[np.float32]]]) -> None:
        with one_thread_here():
            for name, encoder in self._encoders.items():
                seen = preprocessing.apply(self._plan.benchmark.recipe(name), images)
                rows = rows_of(encoder, seen, f"encoder {name}", sum(map(len, into[name])))
                if name not in self._steady:
                    refuse_unsteady(encoder, seen, rows, name)
                    self._steady.add(name)
                into[name].append(rows)

    def reset(self) -> None:
        """Drop all added images; keep the reference."""
        self._count = 0
        self._pixels = self._images()
        self._places, self._waiting, self._others = [], [], []
        self._features = {name: [] for name in self._encoders}

    def evaluate(self, sample: Callable[[int], Any]) -> Estimates:
        """Estimates of `n` new images: calls `sample(k)`, which returns up to k images, until there are enough.

        The RNGs of Python, NumPy and torch start from the same seed in every evaluation, so steps are compared under
        the same noise. They are restored afterwards, so evaluating does not change the training.
        """
        self.reset()
        try:
            with _own_randomness(derive_seed(self._seed, "monitor", self._rank)):
                while before := self.left:
                    self.update(sample(min(before, self.batch_size)))
                    if self.left == before:
                        raise UsageError("sample(k): gave no image")
            return self.compute()
        finally:
            self.reset()

    # ---------------------------------------------------------------- numbers out

    def state(self) -> State:
        """Features of this process, for `merge` in another: float32 (m, d) by encoder, and positions int64 (m,)."""
        features = {name: list(own) for name, own in self._features.items()}
        if self._waiting:
            self._encode(joined(self._waiting), features)
        return {
            "key": self._key,
            "places": np.concatenate([np.zeros(0, np.int64), *self._places]),
            "features": {name: np.concatenate(own) if own else None for name, own in features.items()},
        }

    def merge(self, states: Iterable[State]) -> Monitor:
        """Add the `state()` of other processes, in any order. Returns this monitor.

        Raises UsageError for states with another protocol, reference or `n`.
        """
        taken = list(states)
        for one in taken:
            if one["key"] != self._key:
                raise UsageError("merge: a state of another encoder, preprocessing or n; create all monitors alike")
        self._others += taken
        return self

    def compute(self) -> Estimates:
        """Estimates of the `n` images with intervals, equal to `harness score` on the same images.

        Equal to the bit if features do not depend on the batch, as on a CPU. Under torch.distributed all processes must
        call it, and all get the same result. Raises UsageError if there are fewer than `n` images.
        """
        states = [self.state(), *self._others]
        distributed = None if self._given_share is not None else _distributed()
        if distributed is None or distributed.get_world_size() == 1:
            return self._estimates(states)
        gathered: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(gathered, states)
        answer: list[Any] = [None]
        if self._rank == 0:
            try:
                answer = [self._estimates([one for own in gathered for one in own])]
            except Exception as problem:  # the others would wait for it for ever
                answer = [problem]
        distributed.broadcast_object_list(answer, src=0)
        if isinstance(answer[0], Exception):
            raise answer[0]
        found: Estimates = answer[0]
        return found

    def _estimates(self, states: Sequence[State]) -> Estimates:
        held = [one for one in states if len(one["places"])]
        places = np.concatenate([np.zeros(0, np.int64), *(one["places"] for one in held)])
        if len(places) != self.n:
            raise UsageError(f"{counted(len(places), 'image')} of n = {self.n}: scores at another n are not comparable")
        if len(np.unique(places)) != self.n:
            raise UsageError("some images have the same index; set `share` or `index` so that processes do not overlap")
        plan, (source,) = self._plan, self._plan.fakes
        # In the order in which a run takes files: sums and splits are then the very same.
        order = np.argsort(places)[order_of_files(plan, self.n)]
        found, arrows = {}, {}
        asked = plan.benchmark.interval
        for encoder in self._encoders:
            rows = np.concatenate([one["features"][encoder] for one in held])[order]
            with one_thread_here():
                analyses = score_rows(plan, source, encoder, rows)
            for metric, analysis in analyses.items():
                several = sum(metric in plan.benchmark.metrics_of(one) for one in self._encoders) > 1
                name = f"{metric}:{encoder}" if several else metric
                member = SeedMember(source.training_seed, source.sampling_seed, analysis)
                found[name] = combine(
                    [member], level=asked.level, target=target_of(plan, metric), reference=asked.reference
                ).estimate
                arrows[name] = "↓" if plan.benchmark.lower_is_better(metric) else "↑"
        drawn = any(map(plan.benchmark.is_random, self._encoders))
        note = f"encoder {', '.join(self._encoders)}" + (" (random weights: not a measure of quality)" if drawn else "")
        return Estimates(found, arrows, note)

    @property
    def _key(self) -> str:
        plan = self._plan
        parts = {
            name: [plain(plan.identity("encoders", name)), preprocessing.recipe_digest(plan.benchmark.recipe(name))]
            for name in self._encoders
        }
        return digest({"encoders": parts, "n": self.n, "seed": self._seed, "batch_size": self.batch_size})


def _distributed() -> Any:
    """torch.distributed where it is initialised in this process, else None."""
    module = sys.modules.get("torch.distributed")
    return module if module is not None and module.is_available() and module.is_initialized() else None


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Random numbers drawn in the block depend on the seed alone; those after it are as if there had been no block."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what a user's code may draw from
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
