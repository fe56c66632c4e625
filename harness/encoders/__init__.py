"""Encoders: images to features, one file each; their facts, weight files and the networks in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.encoders import weights
    from harness.encoders.arithmetic import drawn, exact, one_thread
    from harness.encoders.checkpoints import read_checkpoint
    from harness.encoders.contract import Encoder
    from harness.encoders.judges.contract import RECIPE, Judge, JudgeFacts
    from harness.encoders.judges.table import JUDGE_SETS, JUDGES, judges_named, made
    from harness.encoders.judges.towers import too_long
    from harness.encoders.lpips import LPIPS
    from harness.encoders.networkfiles import fill, load_onnx, load_torchscript, needs
    from harness.encoders.random_files import write_random_inception
    from harness.encoders.steady import refuse_unsteady
    from harness.encoders.table import ENCODERS

__getattr__ = door(__name__)
