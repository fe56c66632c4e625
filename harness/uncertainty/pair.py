"""Two feature sets as every analysis takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.metrics.features import Rows
from harness.uncertainty.units import Units


@dataclass(frozen=True)
class Pair:
    """Rows (m, d) and (n, d), which of them belong together, and the seed of whatever is drawn on each side."""

    real: Rows
    fake: Rows
    units_real: Units
    units_fake: Units
    real_seed: int
    fake_seed: int

    @property
    def clustered(self) -> bool:
        """Whether rows of either side were declared to come in clusters."""
        return self.units_real.clustered or self.units_fake.clustered

    def sizes(self) -> dict[str, Any]:
        """Those fields of an Analysis that say how large the sets are, by name."""
        return {
            "n_real": len(self.real),
            "n_fake": len(self.fake),
            "d": self.real.shape[1],
            "units_real": self.units_real.count,
            "units_fake": self.units_fake.count,
            "effective_real": self.units_real.effective,
            "effective_fake": self.units_fake.effective,
        }
