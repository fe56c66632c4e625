"""Published numbers as data, computed again here: does this installation reproduce what a protocol's authors print?

`selftest/PROTOCOL.yaml` hold the values that need nothing but public images, each with its tolerance and its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.selftest.catalogue import SUFFIXES, load
    from harness.studies.selftest.compute import run
    from harness.studies.selftest.result import tally
    from harness.studies.selftest.words import RANDOM, progress_words, text

__getattr__ = door(__name__)
