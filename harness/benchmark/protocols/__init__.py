"""Published pipelines as data: a protocol fixes every fact that decides a number and says where each is from.

`NAME.yaml` beside this file are facts about a published implementation, `effects.yaml` what a difference does to a
number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.benchmark.protocols.catalogue import INPUT_PARTS, Difference, Protocol, differences, load, names
    from harness.benchmark.protocols.metric_conventions import conventions
    from harness.benchmark.protocols.words import described, told_apart

__getattr__ = door(__name__)
