"""How fast a generator makes images, noted while it makes them anyway."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

Made = TypeVar("Made", bound=Any)


class Pace:
    """Seconds over the batches of one image set: of CPU, summed over threads, or by the clock on another device.

    The first batch, which waits for imports and warms caches, counts only where there is no other.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._batches: list[tuple[int, float]] = []

    def timed(self, work: Callable[[], Made]) -> Made:
        """What `work` makes: a batch of images."""
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        began = clock()
        made = work()
        self._batches.append((len(made), clock() - began))
        return made

    def facts(self) -> dict[str, Any]:
        """Images a second, and of which clock."""
        counted = self._batches[1:] or self._batches
        images, seconds = sum(n for n, _ in counted), sum(took for _, took in counted)
        if seconds <= 0:
            return {}
        clock = "CPU seconds, all threads" if self.device == "cpu" else f"seconds on {self.device}"
        return {"images_per_second": float(f"{images / seconds:.4g}"), "clock": clock}
