"""What a run says of every class: values whose intervals hold for all classes at once, and the classes that fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.base import Estimate


@dataclass(frozen=True)
class ClassValue:
    """One metric of one class. `estimate` holds for all classes at once; None where the class has too few images.

    `gap` is the value minus that of held-out real images of the class, with its interval; None without them.
    """

    label: str
    estimate: Estimate | None
    gap: tuple[float, float, float] | None = None
    why: str = ""


@dataclass(frozen=True)
class MetricByClass:
    """A metric of one generator: every class, those shown to be worse, and the mean that counts classes alike.

    worse     classes that are worse than held-out real images of theirs, for all classes at once; without such images,
              those shown to be worse than the mean of the classes
    """

    metric: str
    lower_is_better: bool
    values: tuple[ClassValue, ...]
    worse: tuple[str, ...]
    mean: float
    half: float


@dataclass(frozen=True)
class Share:
    """How many of the images are of one class, real and fake; `off` says that they differ beyond noise, all at once."""

    label: str
    real: int
    fake: int
    off: bool


@dataclass(frozen=True)
class GeneratorByClass:
    """All that is known of one generator by class; `shares` are those of its first image set.

    `missing` names the classes of which it has next to no images, though the real ones have.
    """

    generator: str
    metrics: tuple[MetricByClass, ...]
    shares: tuple[Share, ...]
    labels: str
    missing: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether some class is missing, or worse beyond noise in some metric."""
        return bool(self.missing) or any(metric.worse for metric in self.metrics)


@dataclass(frozen=True)
class ByClass:
    """All generators under one encoder. `against` names the control of held-out real images, if there is one.

    `left_out` says of metrics why they have no values by class.
    """

    benchmark: str
    encoder: str
    level: float
    classes: tuple[str, ...]
    against: str | None
    generators: tuple[GeneratorByClass, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Every number."""
        return asdict(self)
