"""Where work runs: this machine's processes. The results never depend on how many there are."""

from harness.pipeline.executors.local import Engine, Failure

__all__ = ["Engine", "Failure"]
