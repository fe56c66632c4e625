"""Published numbers as data, computed again here: does this installation reproduce what a protocol's authors print?

`selftest/PROTOCOL.yaml` hold the values that need nothing but public images, each with its tolerance and its source.
"""

from harness.selftest.catalogue import Case, Selftest, load, names
from harness.selftest.compute import Outcome, run

__all__ = ["Case", "Outcome", "Selftest", "load", "names", "run"]
