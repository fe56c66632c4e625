"""Generators: whatever turns seeds into images, one file each; the smallest is a plain function `sample(seeds)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.generators.contract import Generator, PlacedGenerator, Pool, TrainedGenerator, image_rng, quantised
    from harness.generators.labels import GROUPINGS, GROUPS_FORMAT, offered
    from harness.generators.latents import Network
    from harness.generators.table import GENERATORS
    from harness.generators.trained import HasLikelihood, KeptModel, Likelihood

__getattr__ = door(__name__)
