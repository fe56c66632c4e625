"""What a trained generator may offer besides its images: its model, to be kept and shared, and a likelihood.

A file of its own: what a generator hangs on is in `contract.py`, and an offer more there would move the keys of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from harness.generators.contract import TrainedGenerator

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class KeptModel(TrainedGenerator, Protocol):
    """A generator whose fit is kept: one model serves every cell that differs only in how it is sampled.

    The parameters that only sampling reads are named by `Component.sampling`. A generator is always restored before it
    samples, also right after its fit, so what `state` leaves out is missed at once.
    """

    def state(self) -> Mapping[str, np.ndarray]:
        """All that sampling needs after `fit`, as arrays: weights, and the image shape as integers."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the place of `fit`: the same samples bit for bit."""
        ...


@dataclass(frozen=True)
class Likelihood:
    """Negative log-likelihood of held-out images in bits per dimension, (n,), lower is better; of uint8 levels.

    kind    "exact"; "bound", an upper one; "ode", by integrating the probability-flow ODE, exact up to its solver
    words   in one line what was computed: the dequantisation, the steps, an exact or an estimated trace
    """

    bits_per_dim: np.ndarray
    kind: Literal["exact", "bound", "ode"]
    words: str


@runtime_checkable
class HasLikelihood(Protocol):
    """A fitted generator that tells how likely images are under it."""

    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Of uint8 (n, H, W, C) with their labels, if they have any; the same images give the same numbers."""
        ...
