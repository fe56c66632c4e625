"""Generators that were run elsewhere and left files: a pool of images, taken by index and never drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.base import FILES, Component
from harness.images import Format, containers

if TYPE_CHECKING:
    from harness.images import ImageSet


def _pool(one: Format) -> Component:
    return Component(
        "generators",
        one.name,
        f"{__name__}:Files",
        one.generator,
        one.pool,
        libraries=FILES,
        pool="files",
        files=one.name,
        class_folders=one.class_folders,
        hangs_on=(one.home,),
    )


POOLS: tuple[Component, ...] = tuple(_pool(one) for one in containers().values() if one.pool is not None)


class Files:
    """A pool of images in files; there is no `fit`, for they are made already.

    `kind` is a container of `images/formats`, `parameters` are its own: path, array, column …
    """

    def __init__(self, kind: str, **parameters: Any) -> None:
        from harness.images import open_images

        self._source = open_images(kind, parameters)

    @property
    def size(self) -> int:
        """Images in the pool, counted from names and headers."""
        return self._source.size

    @property
    def names(self) -> tuple[str, ...] | None:
        """The file name of each image of the pool; None where images have places only, as in an array or a table."""
        return self._source.names

    def sample(self, indices: Sequence[int]) -> ImageSet:
        """The images at `indices`, uint8 (n, H, W, C), or a Mixed where the pool's sizes differ.

        Raises UsageError for files that cannot be used.
        """
        return self._source.read([int(index) for index in indices])
