"""Is a control of unseen real images what it should be: another random sample of what the reference is one of?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.base import Record


@dataclass(frozen=True)
class Unlike:
    """A set of real images that is not exchangeable with the reference: its kernel distance is above 0 beyond noise."""

    generator: str
    encoder: str
    metric: str
    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """What was found, and what follows."""
        return (
            f"{self.generator} is not exchangeable with the reference ({self.metric} {self.value:.3g} "
            f"[{self.low:.3g}, {self.high:.3g}] under {self.encoder}, where random halves of one "
            f"set have 0): the split is not random, so {self.generator} is not used for comparison"
        )


def unlike_reference(records: Sequence[Record], generator: str, encoder: str) -> Unlike | None:
    """Whether a control of real images differs from the reference, by its KD; None where nothing speaks against it.

    The test is the run's own interval for KD with the reference counted as random, so that both sets are samples: where
    they are two of one population the expected KD is 0, and the interval lies above it in at most half of 1 - level of
    runs. Without KD among the metrics nothing is known, which is None too.
    """
    for record in records:
        estimate = record.estimate
        if (
            (record.level, record.cell.generator, record.cell.encoder) == ("generator", generator, encoder)
            and record.parameters.get("use") == "kd"
            and estimate is not None
            and estimate.reference == "random"
        ):
            low, high = estimate.ends
            if not (estimate.has_interval and low > 0):
                return None  # the first kernel that the benchmark names, as everywhere
            return Unlike(generator, encoder, record.metric, estimate.value, low, high)
    return None
