"""Published pipelines as data: a protocol fixes every fact that decides a number and says where each is from.

`protocols/NAME.yaml` are facts about a published implementation, `effects.yaml` what a difference does to a number.
"""

from harness.protocols.catalogue import Difference, Protocol, differences, load, names
from harness.protocols.conventions import conventions

__all__ = ["Difference", "Protocol", "conventions", "differences", "load", "names"]
