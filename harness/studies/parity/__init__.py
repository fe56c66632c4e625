"""Parity: the peers' own programs and ours on a user's own images, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.parity.compute import side_by_side
    from harness.studies.parity.programs import NAMES, asked
    from harness.studies.parity.result import Parity
    from harness.studies.parity.words import remarks, text

__getattr__ = door(__name__)
