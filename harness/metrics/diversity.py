"""Metrics of the fake set alone, each exp of an entropy, with their influence functions: Inception score and Vendi.

Both are functionals of the distribution of one row, so that the derivative in a row's weight is at hand. The real set
is checked and otherwise unread. Neither sees copies of training images, nor images that look like nothing real.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Matrix, Rows, Vector, checked, positive_integer, with_defaults

Influence = tuple[Vector, Vector]
Part = npt.NDArray[np.intp]


def log_probabilities(logits: Rows) -> Matrix:
    """Logarithms of the softmax of each row, float64 (n, classes)."""
    rows = np.asarray(logits, np.float64)
    rows = rows - rows.max(axis=1, keepdims=True)
    return np.asarray(rows - np.log(np.exp(rows).sum(axis=1, keepdims=True)))


def divergences(log_p: Matrix) -> Vector:
    """KL(p(y|x) || p(y)) of each row in nats (n,), p(y) being the mean over these rows."""
    p = np.exp(log_p)
    mean = p.mean(axis=0)
    # A class that underflows in every row has p = 0 there and adds nothing; 0 times -inf would say otherwise.
    return np.asarray((p * (log_p - np.log(np.where(mean > 0, mean, 1.0)))).sum(axis=1))


class InceptionScore:
    """exp of the mean KL(p(y|x) || p(y)) over parts of the fake logits, averaged over parts, in [1, classes].

    Higher is better (Salimans et al. 2016). Rows are logits: of `inception`, layer `logits_unbiased` as torch-fidelity
    and ADM read them, or `logits`. torch-fidelity: 10 `splits` in the order of RandomState(`shuffle`).permutation(n);
    ADM (guided-diffusion/evaluations): parts of `split_size` 5,000 in file order, the last as long as it is, `shuffle`
    None. `classes` vouches for an encoder that nobody knows: its rows are that many logits.

    It falls with the size of a part. Raises UsageError for fewer than two rows a part or another width than `classes`.
    """

    def __call__(
        self,
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        splits: int = 10,
        split_size: int | None = None,
        shuffle: int | None = 2020,
        classes: int | None = None,
    ) -> float:
        """The score of `fake`."""
        found = self._of_parts(real, fake, splits=splits, split_size=split_size, shuffle=shuffle, classes=classes)
        return float(np.mean([np.exp(kl.mean()) for _, kl in found]))

    def influence(self, real: npt.ArrayLike, fake: npt.ArrayLike, **parameters: Any) -> Influence:
        """Zeros (m,), and n times the derivative in each fake row's weight (n,); parameters are those of the score.

        The mean KL is H(p(y)) - E H(p(y|x)), whose derivative at a row is KL(p(y|x) || p(y)) less its mean; exp
        multiplies it by the part's score, and the mean over parts by n over the part's rows and the number of parts.
        """
        parts = list(self._of_parts(real, fake, **with_defaults(type(self).__call__, parameters)))
        n = len(np.asarray(fake))
        found = np.empty(n)
        for part, kl in parts:
            found[part] = n / (len(parts) * len(part)) * np.exp(kl.mean()) * (kl - kl.mean())
        return np.zeros(len(np.asarray(real))), found

    @staticmethod
    def _of_parts(
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        splits: int,
        split_size: int | None,
        shuffle: int | None,
        classes: int | None,
    ) -> Iterator[tuple[Part, Vector]]:
        """The rows of each part and their divergences."""
        _, rows = checked(real, fake)
        if classes is not None and rows.shape[1] != positive_integer("classes", classes):
            raise UsageError(
                f"`classes` is {classes} and `fake` has {rows.shape[1]} columns: each column must be a class's logit"
            )
        log_p = log_probabilities(rows)
        return ((part, divergences(log_p[part])) for part in _parts(len(rows), splits, split_size, shuffle))


def _parts(n: int, splits: int, split_size: int | None, shuffle: int | None) -> Iterator[Part]:
    if split_size is None:
        count = positive_integer("splits", splits)
        ends = [i * n // count for i in range(count + 1)]
    else:
        ends = [*range(0, n, positive_integer("split_size", split_size)), n]
    if min(np.diff(ends)) < 2:
        raise UsageError(
            f"`fake` has {n} rows, which leave a part with fewer than two ("
            + (f"`splits` is {splits}" if split_size is None else f"`split_size` is {split_size}")
            + "); one image alone scores 1 whatever it shows"
        )
    # The peers' own generator and call, for their order.
    order = np.arange(n) if shuffle is None else np.random.RandomState(shuffle).permutation(n)
    return (order[start:stop] for start, stop in pairwise(ends))


class Vendi:
    """exp of the von Neumann entropy of the fake rows' cosine similarities over n, in [1, min(n, d)]; higher is better.

    The effective number of different images (Friedman & Dieng 2023, q = 1): of n rows in k orthogonal directions, k.
    It rises with n. Raises UsageError for a row of zeros, which has no direction.
    """

    def __call__(self, real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
        """The score of `fake`."""
        return float(np.exp(self._entropies(real, fake).mean()))

    def influence(self, real: npt.ArrayLike, fake: npt.ArrayLike) -> Influence:
        """Zeros (m,), and n times the derivative in each fake row's weight (n,)."""
        return self.value_and_influence(real, fake)[1:]

    def value_and_influence(self, real: npt.ArrayLike, fake: npt.ArrayLike) -> tuple[float, Vector, Vector]:
        """The score and its influences, from one decomposition."""
        each = self._entropies(real, fake)
        score = float(np.exp(each.mean()))
        return score, np.zeros(len(np.asarray(real))), np.asarray(score * (each - each.mean()))

    @staticmethod
    def _entropies(real: npt.ArrayLike, fake: npt.ArrayLike) -> Vector:
        """-xᵀ log(ρ) x of each row (n,), ρ the mean of x xᵀ: their mean is ρ's entropy, -tr ρ log ρ."""
        _, given = checked(real, fake)
        rows: Any = np.asarray(given, np.float64)
        length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
        if not length.all():
            raise UsageError(f"`fake` has a row of zeros (row {int((length == 0).argmax())}), which has no direction")
        rows = rows / length
        n, d = rows.shape
        values, vectors = np.linalg.eigh(rows.T @ rows / n if d <= n else rows @ rows.T / n)
        # Squares of each row's coordinates along ρ's eigenvectors; directions that rounding alone made are left out.
        squares = (rows @ vectors) ** 2 if d <= n else n * np.maximum(values, 0.0) * vectors**2
        kept = values > max(n, d) * np.finfo(np.float64).eps * values.max()
        return np.asarray(-squares[:, kept] @ np.log(values[kept]))


inception_score = InceptionScore()
vendi = Vendi()
