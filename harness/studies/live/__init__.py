"""Images that no file holds yet: scored in memory, during training, and as checkpoints appear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.live import adapters
    from harness.studies.live.monitor import Monitor
    from harness.studies.live.result import Estimates, Scores
    from harness.studies.live.scoring import score
    from harness.studies.live.watching import Seen, Watcher

__getattr__ = door(__name__)
