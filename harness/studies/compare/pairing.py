"""Which image of one set belongs with which of another: by file name where there are names, else by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.base import UsageError
from harness.images import as_people_count, partner_keys
from harness.studies.compare.result import Question
from harness.studies.scored import Scored
from harness.uncertainty import Index, SeedMember

SHOWN = 3  # names in one sentence
Names = Mapping[int, Sequence[str]]  # sampling seed → the file name of each image, in the order of the set


def partners(
    run: Scored, question: Question, first: Sequence[SeedMember], second: Sequence[SeedMember]
) -> list[Index] | None:
    """For each image set of `first` the place in the set of `second` of each image's partner; None: the same place.

    Raises UsageError, naming the first, where images of files do not pair, or only one side has names.
    """
    one, two = (run.file_names.get(name, {}) for name in (question.first, question.second))
    if not one and not two:
        return None
    if not one or not two:
        named, bare = (question.first, question.second) if one else (question.second, question.first)
        raise UsageError(
            f"`--paired`: the images of {named} have file names but those of {bare} have none, so "
            "they cannot be paired; score both from files, or compare unpaired"
        )
    if len(first) != len(second):
        return None  # `difference` refuses them
    sets = [
        (one[ours.sampling_seed or 0], two[theirs.sampling_seed or 0])
        for ours, theirs in zip(first, second, strict=True)
    ]
    return [by_name(*names, called=(question.first, question.second)) for names in sets]


def by_name(first: Sequence[str], second: Sequence[str], *, called: tuple[str, str]) -> Index:
    """For each image of `first` the position of its partner in `second`, intp (n,).

    Names that are equal belong together; where not all are, names are told as a person tells them (`partner_keys`).
    `called` are the names of both sets for messages. Raises UsageError, naming the first, where any image is without a
    partner or two of a set are not told apart.
    """
    places = {name: place for place, name in enumerate(second)}
    if set(first) == set(places):
        return np.array([places[name] for name in first], np.intp)
    left, right = (_keys(names, who) for names, who in zip((first, second), called, strict=True))
    alone = [_alone(left, right), _alone(right, left)]
    if any(alone):
        lacking = [
            f"{_some(names)} of {who} ({len(names)} of {len(own)})"
            for names, who, own in zip(alone, called, (left, right), strict=True)
            if names
        ]
        raise UsageError(
            "`--paired` pairs images by file name, but some have no partner: "
            f"{'; '.join(lacking)}. Score only common files, or compare unpaired"
        )
    return np.array([right[key][0] for key in left], np.intp)


def _keys(names: Sequence[str], who: str) -> dict[str, tuple[int, str]]:
    """Place and name of each image by what its name is told as."""
    keys: dict[str, tuple[int, str]] = {}
    for place, (name, key) in enumerate(zip(names, partner_keys(names), strict=True)):
        if key in keys:
            raise UsageError(
                f"`--paired` pairs images by file name, and {keys[key][1]} and {name} of {who} would "
                "have the same partner; rename one, or compare unpaired"
            )
        keys[key] = (place, name)
    return keys


def _alone(own: Mapping[str, tuple[int, str]], other: Mapping[str, tuple[int, str]]) -> list[str]:
    names = [name for key, (_, name) in own.items() if key not in other]
    return [names[place] for place in as_people_count(names)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
