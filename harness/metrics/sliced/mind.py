"""Monge Inception Distance (Berthet et al. 2026, arXiv:2605.06797): sliced W₂² in the unit of an isotropic FD."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.sliced.draws import TorchDraws
from harness.metrics.sliced.transport import Sliced, sliced
from harness.uncertainty import Rows, Vector, checked, positive_integer


class Mind:
    """3 d times the mean over random directions of the squared W₂ of projections, at least 0; lower is better.

    Unit: the features' squared. Definition and draws are torch-fidelity's (0.5, `metric_mind.py`): of sets of unlike
    size the larger is cut to a random part first, directions are unit rows of torch.randn(directions, d), all from one
    generator of `seed`. Its expectation falls as the sets grow; two draws of one distribution do not score 0.

    It cannot see differences that cancel in every one-dimensional projection's quantiles, of which there are none for
    infinitely many directions; with a thousand in 2,048 columns a shift in one column counts as 1 / d of its square.
    With influences 3 s of CPU at 10,000 × 2,048 a side, one thread. Raises UsageError for bad features or `directions`.
    """

    def __call__(self, real: npt.ArrayLike, fake: npt.ArrayLike, *, directions: int = 1000, seed: int = 2020) -> float:
        """The distance."""
        return self._of(real, fake, directions, seed, influence=False)[0]

    def influence(
        self, real: npt.ArrayLike, fake: npt.ArrayLike, *, directions: int = 1000, seed: int = 2020
    ) -> tuple[Vector, Vector]:
        """Kantorovich potentials of each row, averaged over directions; rows cut off have none."""
        _, of_real, of_fake = self.value_and_influence(real, fake, directions=directions, seed=seed)
        return of_real, of_fake

    def value_and_influence(
        self, real: npt.ArrayLike, fake: npt.ArrayLike, *, directions: int = 1000, seed: int = 2020
    ) -> tuple[float, Vector, Vector]:
        """The distance and its potentials, from the same projections."""
        return self._of(real, fake, directions, seed, influence=True)

    @staticmethod
    def _of(
        real: npt.ArrayLike, fake: npt.ArrayLike, directions: int, seed: int, *, influence: bool
    ) -> tuple[float, Vector, Vector]:
        count = max(positive_integer("directions", directions), 1)
        sides: list[Rows] = [rows.astype(np.float32) for rows in checked(real, fake)]
        draws = TorchDraws(seed)
        least = min(len(rows) for rows in sides)
        kept = [draws.permutation(len(rows))[:least] if len(rows) > least else np.arange(least) for rows in sides]
        d = sides[0].shape[1]
        # PyTorch draws fewer than 16 numbers in another way; so many more directions are drawn then, and left out.
        found = draws.normal(max(count, -(-16 // d)), d)[:count]
        length = np.sqrt((found * found).sum(axis=1, keepdims=True))
        one: Sliced = sliced(
            sides[0][kept[0]], sides[1][kept[1]], found / np.maximum(length, 1e-12), influence=influence
        )
        spread = []
        for rows, part, own in zip(sides, kept, (one.influence_real, one.influence_fake), strict=True):
            whole = np.zeros(len(rows))
            whole[part] = 3.0 * d * own * len(rows) / least
            spread.append(whole)
        return 3.0 * d * one.value, spread[0], spread[1]


mind = Mind()
