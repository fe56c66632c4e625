"""A Ray cluster of several nodes on this machine, each a raylet with processes of its own, as Ray tests itself."""

from __future__ import annotations

import os
from pathlib import Path
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

    def kill_one(self, pid: int | None = None) -> bool:
        """End a node that is not the head, that of process `pid` if given, without a word to the cluster.

        Whether there is such a node.
        """
        for node in list(reversed(self._others)):
            if pid is None or pid in _children(node):
                self._others.remove(node)
                self._cluster.remove_node(node, allow_graceful=False)
                return True
        return False


def _children(node: Any) -> list[int]:
    raylet = node.all_processes["raylet"][0].process.pid
    return [int(pid) for pid in Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()]


def _tried(start: Any) -> Any:
    for left in reversed(range(TRIES)):
        try:
            return start()
        except Exception:
            if not left:
                raise
