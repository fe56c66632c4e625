"""How the rows of one side were drawn: independently, in clusters, with a fixed number of each label, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.base import derive_seed
from harness.uncertainty.features import Rows
from harness.uncertainty.sampling_units import Units, Vector, units
from harness.uncertainty.strata import stratified


@dataclass(frozen=True)
class Design:
    """A label per row, or None, of two kinds.

    clusters  rows with one label are not independent: the prompt, the class list, the video that an image came from.
              Clusters, not rows, are then what varies
    strata    the number of rows with each label was fixed beforehand (class-balanced generation): what varies is then
              what lies within strata. Clusters may lie within strata
    """

    clusters: npt.ArrayLike | None = None
    strata: npt.ArrayLike | None = None

    def units(self, rows: Rows, side: Literal["real", "fake"]) -> Units:
        """The independent units of these rows (n, d), and their strata.

        Raises UsageError for labels that are not one a row, strata with fewer than two units or units across strata.
        """
        return stratified(units(rows, self.clusters, f"clusters_{side}"), self.strata, f"strata_{side}")

    def cluster_numbers(self, of: Units) -> Vector | None:
        """A number below 2**53 for the cluster of each unit, derived from its label; None without clusters."""
        if self.clusters is None:
            return None
        names = np.asarray(self.clusters)[of.first].tolist()
        return np.array([derive_seed("cluster", str(name)) >> 10 for name in names], np.float64)


INDEPENDENT = Design()
