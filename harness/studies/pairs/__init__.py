"""Images beside the ones they should be, paired by file name: PSNR, SSIM and LPIPS with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.pairs.compute import MEASURES, Asked, scored_pairs
    from harness.studies.pairs.words import report, written

__getattr__ = door(__name__)
