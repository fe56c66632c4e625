"""Gate: has a generator of one run become worse than in another? For continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.gate.judging import judge
    from harness.studies.gate.words import markdown, text

__getattr__ = door(__name__)
