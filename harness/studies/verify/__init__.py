"""Verify: are the numbers in OUT those that its own files give, and those that its lock gives when computed again?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.verify.bundle import bundle_schema, verify_bundle, write_bundle
    from harness.studies.verify.recomputed import Again, sampled
    from harness.studies.verify.result import Drift, Verified, compared
    from harness.studies.verify.stored import from_files
    from harness.studies.verify.words import text

__getattr__ = door(__name__)
