"""Computes a published value with this installation: the same images, layers and subsets, and a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError, derive_seed
from harness.benchmark import protocols
from harness.metrics import Moments, coverage, density, distance, moments, moments_of_covariance, precision, recall
from harness.pipeline import StorePlace
from harness.studies.selftest import material
from harness.studies.selftest.catalogue import Case, FileSet, GaussianSet, NormalSet, Selftest, TorchvisionSet
from harness.studies.selftest.published import Spread, inception_score, subset_kernel_distance
from harness.studies.selftest.result import Outcome
from harness.studies.statistics.admission import admitted
from harness.studies.statistics.make import encode_layer, runnable
from harness.studies.statistics.npz import holds_statistics, read
from harness.uncertainty import Rows

BALLS = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
LOGITS, SPATIAL = "logits_unbiased", "sfid"


def run(
    declared: Selftest, *, folder: Path | None = None, store: StorePlace | None = None, device: str = "auto"
) -> Iterator[Outcome]:
    """Each case's outcome, in the order of the file; `folder` holds the data (`$HARNESS_DATA`).

    Data or weights that are not here make a case `not run`, with what to place where; nothing is downloaded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        sets = _Sets(declared, folder or material.default_folder(), Path(scratch), store, device)
        for case in declared.cases:
            if missing := sets.missing(case):
                yield Outcome(case, None, missing)
                continue
            try:
                ours = _value(case, sets)
            except UsageError as problem:
                yield Outcome(case, None, problem.problems)
            else:
                yield Outcome(case, ours)


class _Sets:
    """The rows and moments of the declared sets, each made once."""

    def __init__(self, declared: Selftest, folder: Path, scratch: Path, store: StorePlace | None, device: str) -> None:
        self.declared, self.folder, self.scratch = declared, folder, scratch
        self.protocol = protocols.load(declared.protocol)
        self.encode = partial(encode_layer, random_weights=declared.random_weights, store=store, device=device)
        self.random = declared.random_weights
        self.kept: dict[tuple[str, str | None], Rows] = {}

    def missing(self, case: Case) -> tuple[str, ...]:
        """Everything that a case needs and that is not here, so that all of it can be fetched at once."""
        found: list[str] = []
        images = False
        for name in (case.real, case.fake):
            given = self.declared.sets[name] if name else None
            if not isinstance(given, FileSet | TorchvisionSet):
                continue
            try:
                path = material.locate(given, self.folder, self.scratch)
            except UsageError as problem:
                found += problem.problems
                images = True
            else:
                images |= not (case.metric in ("fd", "sfid") and holds_statistics(path))
        if images:
            try:
                runnable(self.protocol, random_weights=self.random)
            except UsageError as problem:
                found += problem.problems
        return tuple(dict.fromkeys(found))

    def rows(self, name: str, layer: str | None = None) -> Rows:
        """Features (n, d) of a set at a layer of the protocol's encoder."""
        if (name, layer) not in self.kept:
            given = self.declared.sets[name]
            if isinstance(given, NormalSet):
                made: Rows = np.random.default_rng(given.seed).normal(size=(given.n, given.d))
            else:
                assert not isinstance(given, GaussianSet)  # the declaration was refused
                path = material.locate(given, self.folder, self.scratch)
                made = self.encode(path, self.protocol, layer=layer)
            self.kept[name, layer] = made
        return self.kept[name, layer]

    def moments(self, name: str, layer: str | None = None) -> Moments:
        """Mean and covariance of a set: as its file of statistics has them, else of its features."""
        given = self.declared.sets[name]
        if isinstance(given, GaussianSet):
            return moments_of_covariance(0, np.full(given.d, given.mean), np.eye(given.d))
        if isinstance(given, FileSet):
            path = material.locate(given, self.folder, self.scratch)
            if holds_statistics(path):
                held = read(path, mu="mu_s", sigma="sigma_s") if layer == SPATIAL else read(path)
                # The declaration says whose protocol a peer's file is of; a file of ours says it itself.
                admitted(path, held, protocol=self.protocol.name, assumed=None if held.made else self.protocol.name)
                if held.made and held.made.random != self.random:
                    raise UsageError(f"{path} was made with {'random' if held.made.random else 'trained'} weights")
                return held.moments()
        return moments(self.rows(name, layer))


def _value(case: Case, sets: _Sets) -> float:
    told: dict[str, Any] = dict(case.parameters)
    if case.metric in ("is", "is_spread"):
        logits = sets.rows(case.fake, LOGITS)
        seed = told.get("order_seed")
        order = None if seed is None else np.random.RandomState(seed).permutation(len(logits))
        return _part(inception_score(logits, splits=told["splits"], order=order), case)
    assert case.real is not None  # the declaration was refused
    if case.metric in ("fd", "sfid"):
        layer = SPATIAL if case.metric == "sfid" else None
        real, fake = sets.moments(case.real, layer), sets.moments(case.fake, layer)
        if len(real.mean) != len(fake.mean):
            raise UsageError(f"{case.real} has {len(real.mean)} features and {case.fake} {len(fake.mean)}")
        return distance(real, fake)
    real_rows, fake_rows = sets.rows(case.real), sets.rows(case.fake)
    if case.metric in BALLS:
        kept = [_some(rows, told.get("n"), role) for role, rows in (("real", real_rows), ("fake", fake_rows))]
        return float(BALLS[case.metric](*kept, k=told["k"], closed=told["closed"]))
    return _part(_kernel(real_rows, fake_rows, told["subsets"], told["subset_size"], told["seed"]), case)


def _kernel(real: Rows, fake: Rows, subsets: int, size: int, seed: int) -> Spread:
    """As torch-fidelity draws: one RandomState, for each subset the fake rows before the real ones."""
    if size > min(len(real), len(fake)):
        raise UsageError(f"subsets of {size} rows from {len(real)} real and {len(fake)} fake")
    rng = np.random.RandomState(seed)
    drawn = [
        (rng.choice(len(fake), size, replace=False), rng.choice(len(real), size, replace=False)) for _ in range(subsets)
    ]
    return subset_kernel_distance(real, fake, [(of_real, of_fake) for of_fake, of_real in drawn])


def _some(rows: Rows, n: int | None, role: str) -> Rows:
    """A draw of n rows; a peer's own is unseeded, so that no seed could repeat it."""
    if n is None or n >= len(rows):
        return rows
    rng = np.random.default_rng(derive_seed(0, "selftest", role))
    return rows[np.sort(rng.permutation(len(rows))[:n])]


def _part(found: Spread, case: Case) -> float:
    return found.spread if case.metric.endswith("_spread") else found.mean
