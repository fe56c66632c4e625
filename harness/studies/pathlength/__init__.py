"""Perceptual path length of generators that are networks with a latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.pathlength.compute import Asked, measured, text

__getattr__ = door(__name__)
