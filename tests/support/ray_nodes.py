"""A Ray cluster of several nodes on this machine, each a raylet with processes of its own, as Ray tests itself."""

from __future__ import annotations

import os
from typing import Any

TRIES = 3  # a busy machine does not start a node in the time that Ray gives it


class Nodes:
    """A head and `count - 1` others, one CPU each."""

    def __init__(self, count: int, cpus: int = 1) -> None:
        self.count, self.cpus = count, cpus
        self._others: list[Any] = []

    def __enter__(self) -> Nodes:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": self.cpus, "include_dashboard": False}
        self._cluster = _tried(lambda: Cluster(initialize_head=True, head_node_args=head))
        for _ in range(self.count - 1):
            self.add_one()
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()

    @property
    def address(self) -> str:
        """What `RAY_ADDRESS` must be."""
        return str(self._cluster.address)

    def add_one(self) -> None:
        """Start another node."""
        self._others.append(_tried(lambda: self._cluster.add_node(num_cpus=self.cpus)))

    def kill_one(self) -> None:
        """End a node that is not the head, with all of its processes, without a word to the cluster."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)


def _tried(start: Any) -> Any:
    for left in reversed(range(TRIES)):
        try:
            return start()
        except Exception:
            if not left:
                raise
