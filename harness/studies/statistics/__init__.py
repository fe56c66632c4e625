"""Reference statistics: made from images, kept in the peers' npz with the protocol that made them, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.statistics.make import Encoded, encode
    from harness.studies.statistics.npz import (
        Statistics,
        admitted,
        holds_statistics,
        of_features,
        read,
        refuse_other,
        refuse_other_making,
        write,
    )

__getattr__ = door(__name__)
