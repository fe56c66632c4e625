"""What a reader of a leaderboard must see beside the metrics of a generator."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

# Images nearer to a training image than that one's own neighbour: flagged when this much likelier than for unseen ones.
COPY_EXCESS = 0.1
# From this share of reference images on, a generator's distances say nothing about what it makes itself.
COPIED_SET = 0.1


def flags(observations: Mapping[str, Any], same: Sequence[str] = ()) -> tuple[str, ...]:
    """What a reader must see beside the metrics, in words; `same` names the generators that gave the same images."""
    said = [f"the same images as {', '.join(same)}"] if same else []
    if observations.get("repeats", 0) > 0:
        said.append(f"{_share(observations['repeats'])} repeated images")
    if (copied := observations.get("reference_copies", 0)) > 0:
        what = "its distances mean nothing" if copied >= COPIED_SET else "they pull its distances down"
        said.append(f"{_share(copied)} exact copies of reference images: {what}")
    copies = observations.get("training_copies", 0.0)
    if copies > 0:
        said.append(f"{_share(copies)} exact copies of training images")
    near, unseen = observations.get("near_copies", 0.0), observations.get("near_copies_unseen", 0.0)
    if near > max(copies, unseen) + COPY_EXCESS:
        said.append(f"{_share(near)} near a training image (unseen real: {_share(unseen)})")
    return tuple(said)


def twins(contents: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """The other generators whose image sets are the same, by the digests of each generator's sets; often none.

    Two such generators are one thing under two names: their tie shows nothing about either.
    """
    return {
        name: tuple(other for other, theirs in contents.items() if other != name and own and set(own) == set(theirs))
        for name, own in contents.items()
    }


def _share(share: float) -> str:
    """A share in percent; 0% is none at all and 100% every single one."""
    if 0 < share < 0.01:
        return f"{share:.1%}" if share >= 0.001 else "under 0.1%"
    return "over 99%" if 0.99 < share < 1 else f"{share:.0%}"
