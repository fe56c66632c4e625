"""Reference statistics: made from images, kept in the peers' npz with the protocol that made them, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.statistics.compute import distance_to
    from harness.studies.statistics.formats import FORMATS, PLAIN
    from harness.studies.statistics.make import encode, of_encoder
    from harness.studies.statistics.npz import read
    from harness.studies.statistics.peers import make_file
    from harness.studies.statistics.registered import listed, published
    from harness.studies.statistics.words import clean_words, distance_words, file_words

__getattr__ = door(__name__)
