"""Two image sets whose images belong together one by one: their influences unit against unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty.analysis import Analysis, NoInterval
from harness.uncertainty.sampling_units import Index, first_seen
from harness.uncertainty.seeds import SeedMember


def aligned(
    first: Sequence[SeedMember], second: Sequence[SeedMember], partners: Sequence[Index] | None = None
) -> tuple[list[SeedMember], list[SeedMember]]:
    """The members with unit i of both made of the same images, set by set, so that influences can be differenced.

    `partners` has for each set of `first` the image of `second` that belongs to each of its images; without it that is
    the one in the same place. Where images repeat on one side only, what their partners are is one unit too.

    Members that cannot match, in number or in images, are returned as they are. Raises UsageError for images that
    repeat on one side only where these come in clusters or strata.
    """
    if len(first) != len(second):
        return list(first), list(second)
    pairs = [
        _aligned(one.analysis, two.analysis, None if partners is None else partners[number])
        for number, (one, two) in enumerate(zip(first, second, strict=True))
    ]
    return (
        [replace(member, analysis=left) for member, (left, _) in zip(first, pairs, strict=True)],
        [replace(member, analysis=right) for member, (_, right) in zip(second, pairs, strict=True)],
    )


def _aligned(left: Analysis, right: Analysis, partners: Index | None) -> tuple[Analysis, Analysis]:
    if left.n_fake != right.n_fake:
        return left, right
    ours, theirs = _units(left), _units(right)
    if partners is not None:
        theirs = theirs[partners]
    joint = _joined(ours, theirs)
    sides = ((left, ours), (right, theirs))
    return _regrouped(*sides[0], joint), _regrouped(*sides[1], joint)


def _units(analysis: Analysis) -> Index:
    """The unit of each fake row."""
    if analysis.unit_of_fake is None:
        return np.arange(analysis.n_fake, dtype=np.intp)
    return analysis.unit_of_fake.astype(np.intp)


def _joined(ours: Index, theirs: Index) -> Index:
    """The unit of each image where two that are one unit on either side are one: 0, 1, … in order of appearance."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = int(ours.max()) + 1, int(theirs.max()) + 1
    edges = coo_matrix((np.ones(len(ours)), (ours, left + theirs)), shape=(left + right, left + right))
    _, component = connected_components(edges, directed=False)
    return first_seen(component[ours].tolist())[0]


def _regrouped(analysis: Analysis, units: Index, joint: Index) -> Analysis:
    """The analysis with `joint` as the unit of each row: its own units (`units`) in that order, or joined."""
    form = analysis.form
    if isinstance(form, NoInterval) or form.influence_fake is None:
        return analysis
    influence = form.influence_fake
    of = np.empty(len(influence), np.intp)  # the joint unit of each own one
    of[units] = joint
    count = int(joint.max()) + 1
    if count == len(influence) and np.array_equal(of, np.arange(count)):
        return analysis

    def moved(labels: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
        if labels is None:
            return None
        if count < len(labels):
            raise UsageError(
                "`paired` sets repeat different images, and come in clusters or strata: compare them unpaired"
            )
        there = np.empty(count)
        there[of] = labels
        return there

    # Influence of a unit is scaled by units over rows (`Units.total`): fewer units, as much larger sums.
    summed = np.bincount(of, weights=influence, minlength=count) * (count / len(influence))
    return replace(
        analysis,
        form=replace(form, influence_fake=np.asarray(summed, np.float64)),
        units_fake=count,
        strata_fake=moved(analysis.strata_fake),
        clusters_fake=moved(analysis.clusters_fake),
        unit_of_fake=joint.astype(np.float64),
    )
