"""Which images of a set belong together: what a generator says about its labels and prompts.

    def groups(self, seeds, places):
        return {"clusters": [self.prompt_of(seed) for seed in seeds]}

It is asked once a set, before its images are made (after `fit`), and depends on nothing but its arguments; a pool is
given indices for seeds, as in `sample`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.base import UsageError

GROUPINGS = ("clusters", "strata")
GROUPS_FORMAT = 1  # of what is said here of the built-in ones; part of the key of those sets


def offered(made: Any, seeds: Sequence[int], places: Sequence[int]) -> dict[str, list[int | str]]:
    """The labels of a set's images by kind, one a seed; empty where images are independent draws.

    `clusters`: images with one label vary together (a prompt, a video). `strata`: how many images have each label was
    fixed beforehand (balanced classes). Raises UsageError for a `groups` that gives anything else.
    """
    own = getattr(made, "groups", None)
    return _checked(own(seeds, places), len(seeds)) if callable(own) else {}


def _checked(given: Any, n: int) -> dict[str, list[int | str]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or set(given) - set(GROUPINGS):
        what = f"keys {', '.join(map(str, given))}" if isinstance(given, Mapping) else f"a {type(given).__name__}"
        raise UsageError(
            f"groups(seeds, places) gave {what}; it must give a mapping of clusters, strata or both to labels, or None"
        )
    import numpy as np

    found: dict[str, list[int | str]] = {}
    for kind, labels in given.items():
        listed = np.asarray(labels).tolist() if not isinstance(labels, list | tuple) else list(labels)
        plain = [label.item() if isinstance(label, np.generic) else label for label in listed]
        if len(plain) != n:
            raise UsageError(f"groups(seeds, places) gave {len(plain)} {kind} for {n} seeds; it must give a label each")
        wrong = next((label for label in plain if isinstance(label, bool) or not isinstance(label, int | str)), None)
        if wrong is not None or None in plain:
            raise UsageError(f"groups(seeds, places) gave {kind} such as {wrong!r}; labels are whole numbers or texts")
        found[kind] = plain
    return found
