"""By class: every metric for each label apart, so that a class that fails shows while the total is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.classes.compute import by_class
    from harness.studies.classes.words import finding, text

__getattr__ = door(__name__)
