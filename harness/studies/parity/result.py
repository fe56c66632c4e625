"""What parity found: one row a peer, with both values of each quantity and how far the features are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FEATURES = 1e-5  # of the largest feature: two orders of the same float32 sums
MOMENTS = 1e-6  # of the squared length of a row of features: what FID adds up
# The same where a covariance has no full rank: up to 2,048 eigenvalues of the peers' product that should be 0 come out
# as 2^-52 of the largest, and the root of each is 1.5e-8.
SINGULAR = 3e-5
KERNEL = 1e-5  # of the kernel's mean, which KID is a difference of


@dataclass(frozen=True)
class Quantity:
    """One quantity as the peer and as we computed it; `allowed` is how much rounding alone may move it.

    `theirs` is None where the peer's own code failed at it, and then nothing is compared.
    """

    theirs: float | None
    ours: float
    allowed: float

    @property
    def difference(self) -> float | None:
        """Ours minus theirs."""
        return None if self.theirs is None else self.ours - self.theirs

    @property
    def agrees(self) -> bool | None:
        """Whether no more than rounding lies between the two."""
        return None if self.difference is None else bool(abs(self.difference) <= self.allowed)


@dataclass(frozen=True)
class Side:
    """A peer beside ours on the same images.

    features  the largest difference between two features, over the largest feature; None where the peer read other
              files, so that no rows are of the same images
    singular  fewer images than features: the peers' square root of a product of covariances then loses digits itself
    failed    by quantity, what the peer's own code raised
    """

    peer: str
    version: str
    protocol: str
    n_real: int
    n_fake: int
    read: tuple[int, int]
    features: float | None
    quantities: Mapping[str, Quantity]
    seconds_theirs: float
    seconds_ours: float
    singular: bool
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether features and every quantity that the peer could compute agree to rounding."""
        alike = self.features is not None and self.features <= FEATURES
        return alike and all(one.agrees is not False for one in self.quantities.values())


@dataclass(frozen=True)
class Parity:
    """Every peer that ran, and of each that did not, why; `random` says that the weights were drawn, not trained."""

    real: str
    fake: str
    device: str
    threads: int
    random: bool
    sides: tuple[Side, ...]
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everything that ran agrees."""
        return all(side.agrees for side in self.sides)

    def to_json(self) -> dict[str, Any]:
        """Every field, with differences and verdicts beside the values."""
        told = asdict(self)
        for entry, side in zip(told["sides"], self.sides, strict=True):
            entry["agrees"] = side.agrees
            for name, one in side.quantities.items():
                entry["quantities"][name] |= {"difference": one.difference, "agrees": one.agrees}
        return {**told, "agrees": self.agrees}
