"""Mixtures of round Gaussians, one centred on each fake, whose widths are fitted to training rows (Jiralerspong 2023).

Two published fits differ in where they start, how long they go, and in a further Gaussian that takes training rows far
from every fake. Both are Adam's steps on log variances, stopped after a fixed number: part of the convention, since
widths that have not settled decide the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.uncertainty import Rows, Vector

Floats = npt.NDArray[np.float32]
BLOCK = 2**19  # distances that are worked on at a time, so that they stay in the cache
KEPT = 2**29  # distances that are kept from step to step; more are computed again at each
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # Adam's


@dataclass(frozen=True)
class Fit:
    """How widths are fitted.

    steps     passes over the training rows
    batch     training rows a step; all at once where there are no more
    slower    step from which Adam's rate is a tenth; None: never
    near      start at the distance to the nearest training row, not at variance 1
    far       a Gaussian about the training mean takes rows that no fake is near to
    smallest  log variance
    """

    steps: int
    batch: int
    slower: int | None
    near: bool
    far: bool
    smallest: float
    rate: float = 0.5
    largest: float = 20.0


# marcojira/fld 2024 and, with the paper's first version, layer6ai-labs/dgm-eval.
FLD = Fit(steps=50, batch=10_000, slower=None, near=True, far=True, smallest=-40.0)
FLS = Fit(steps=100, batch=2**62, slower=50, near=False, far=False, smallest=-100.0)
FAR = 0.81  # of the squared distance to the training mean


@dataclass(frozen=True)
class Mixture:
    """Equal weights on Gaussians at `centres` (n, d), each of one variance in every direction, `log_variances` (n,)."""

    centres: Rows
    log_variances: Vector

    def surprises(self, rows: Rows) -> Vector:
        """-log density of each row in nats a column (m,)."""
        return np.asarray(np.concatenate([-_log_sum(each) for each in self._logs(rows)]) / rows.shape[1])

    def shares(self, rows: Rows) -> Vector:
        """How much of the rows each Gaussian accounts for (n,): mean posterior weight, 1/n where all do alike."""
        total = np.zeros(len(self.centres))
        for each in self._logs(rows):
            total += np.exp(each - _log_sum(each)[:, None]).sum(axis=0)
        return np.asarray(total / len(rows))

    def peaks(self, rows: Rows) -> Vector:
        """log of the sum over rows of each Gaussian's density at them (n,)."""
        found = np.full(len(self.centres), -np.inf)
        for each in self._logs(rows):
            found = np.logaddexp(found, _log_sum(np.ascontiguousarray(each.T)))
        return found

    def _logs(self, rows: Rows) -> Iterator[npt.NDArray[np.float64]]:
        """log of weight times density of each Gaussian at some rows, (some, n), in the order of the rows."""
        d = rows.shape[1]
        constant = -d / 2.0 * (self.log_variances + np.log(2.0 * np.pi)) - np.log(len(self.centres))
        scale = -0.5 * np.exp(-self.log_variances)
        for squared in _squared(rows, self.centres):
            yield squared * scale + constant


def fitted(centres: Rows, rows: Rows, how: Fit, rng: np.random.Generator) -> Mixture:
    """The mixture at `centres` whose widths give training `rows` a high likelihood, as far as the fit goes."""
    d = rows.shape[1]
    order = rng.permutation(len(rows)) if len(rows) > how.batch else np.arange(len(rows))
    batches = [rows[order[start : start + how.batch]] for start in range(0, len(rows), how.batch)]
    held = [_Squared(batch, centres, keep=len(rows) * len(centres) <= KEPT) for batch in batches]
    widths = np.zeros(len(centres) + how.far)  # the last is that of the far Gaussian
    if how.near:
        nearest = np.min([each.nearest() for each in held], axis=0)
        widths[: len(centres)] = np.log((nearest + 1e-3) / d)
    if how.far:
        middle = rows.mean(axis=0, dtype=np.float64)
        away = [FAR * ((batch - middle) ** 2).sum(axis=1, dtype=np.float64) for batch in batches]
    first, second = np.zeros(len(widths)), np.zeros(len(widths))
    step = 0
    for turn in range(how.steps):
        rate = how.rate * (0.1 if how.slower is not None and turn >= how.slower else 1.0)
        for number, squared in enumerate(held):
            step += 1
            slope = squared.slope(widths, away[number] if how.far else None)
            first = FIRST * first + (1.0 - FIRST) * slope
            second = SECOND * second + (1.0 - SECOND) * slope**2
            unbiased = np.sqrt(second / (1.0 - SECOND**step)) + TINY
            widths = widths - rate * first / (1.0 - FIRST**step) / unbiased
            widths[: len(centres)] = widths[: len(centres)].clip(how.smallest, how.largest)
    return Mixture(centres, widths[: len(centres)])


class _Squared:
    """Squared distances of training rows to the centres, block by block, and what a step of the fit asks of them."""

    def __init__(self, rows: Rows, centres: Rows, *, keep: bool) -> None:
        self._rows, self._centres = rows, centres
        self._kept = [block.astype(np.float32) for block in _squared(rows, centres)] if keep else None

    def _blocks(self) -> Iterator[Floats]:
        if self._kept is not None:
            return iter(self._kept)
        return (block.astype(np.float32) for block in _squared(self._rows, self._centres))

    def nearest(self) -> Vector:
        """Squared distance from each centre to its nearest row (n,)."""
        return np.asarray(np.min([block.min(axis=0) for block in self._blocks()], axis=0), np.float64)

    def slope(self, widths: Vector, away: Vector | None) -> Vector:
        """The derivative of the mean surprise, in nats a column, in each log variance."""
        n, d = self._centres.shape
        own = widths[:n]
        scale = (-0.5 * np.exp(-own)).astype(np.float32)
        constant = (-d / 2.0 * own - np.log(n)).astype(np.float32)
        taken, pulled = np.zeros(n), np.zeros(n)
        far_taken = far_pulled = 0.0
        start = 0
        for squared in self._blocks():
            logs = squared * scale
            logs += constant
            top = logs.max(axis=1)
            if away is not None:
                here = away[start : start + len(squared)]
                far = -0.5 * here * np.exp(-widths[n]) - d / 2.0 * widths[n]
                top = np.maximum(top, far.astype(np.float32))
            logs -= top[:, None]
            weights = np.exp(logs, out=logs)
            total = weights.sum(axis=1, dtype=np.float64)
            if away is not None:
                at_far = np.exp(far - top)
                total += at_far
                far_taken += float((at_far / total).sum())
                far_pulled += float((at_far / total) @ here)
            share = (1.0 / total).astype(np.float32)
            taken += share @ weights
            weights *= squared
            pulled += share @ weights
            start += len(squared)
        slope = d / 2.0 * taken - 0.5 * np.exp(-own) * pulled
        if away is not None:
            slope = np.append(slope, d / 2.0 * far_taken - 0.5 * np.exp(-widths[n]) * far_pulled)
        return np.asarray(slope / (len(self._rows) * d))


def _squared(rows: Rows, centres: Rows) -> Iterator[npt.NDArray[np.float64]]:
    """Squared distances (some, n) of some rows at a time."""
    # Double precision: in single a copy would lie as far off as the rounding of its norm.
    middle = centres.mean(axis=0, dtype=np.float64)
    points = centres - middle
    lengths = (points**2).sum(axis=1)
    each = max(1, BLOCK // len(centres))
    for start in range(0, len(rows), each):
        some = rows[start : start + each] - middle
        found = (some**2).sum(axis=1)[:, None] + lengths - 2.0 * (some @ points.T)
        yield np.maximum(found, 0.0, out=found)


def _log_sum(logs: npt.NDArray[np.float64]) -> Vector:
    top = logs.max(axis=1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))
