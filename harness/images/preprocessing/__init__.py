"""Preprocessing: what a recipe says (`recipes`, `steps`), and what it does to images (`applying`, `resizers`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.images.preprocessing.applying import apply, libraries, recipe_digest, rgb

__getattr__ = door(__name__)
