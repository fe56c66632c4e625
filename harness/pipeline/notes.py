"""What a reader must see beside the metrics: flags of a generator, notes where bias is most of a value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from harness.base import named
from harness.metrics import facts_of
from harness.pipeline.rows import Row, copies_reference
from harness.uncertainty import UNBIASED, SeedMember

# Images nearer to a training image than that one's own neighbour: flagged when this much likelier than for unseen ones.
COPY_EXCESS = 0.1
# From this share of repeated images on, a set is told by how few it has.
COLLAPSE = 0.5
MOST = 0.5  # of a value, from which the bias is most of it
SCARCE = 2.0  # rows per feature column; below, a covariance is of deficient rank or nearly so, and FD mostly bias

# Encoder → metric → generator → its image sets' analyses.
Members = Mapping[str, Mapping[str, Mapping[str, Sequence[SeedMember]]]]


def flags(observations: Mapping[str, Any], same: Sequence[str] = (), *, n: int | None = None) -> tuple[str, ...]:
    """What a reader must see beside the metrics, in words; `same` names the generators that gave the same images.

    With `n`, the images of a set, a set that repeats itself more than not is told by its distinct images.
    """
    said = [f"same images as {named(same)}"] if same else []
    repeats = observations.get("repeats", 0)
    if n is not None and repeats > COLLAPSE:
        distinct = max(round((1 - repeats) * n), 1)
        said.append(f"{distinct:,} distinct image{'s' if distinct > 1 else ''} of {n:,}")
    elif repeats > 0:
        said.append(f"{_share(repeats)} repeated images")
    if (copied := observations.get("reference_copies", 0)) > 0:
        void = "distances are meaningless, so it has no rank"
        what = void if copies_reference(observations) else "they lower its distances"
        said.append(f"{_share(copied)} exact copies of reference images: {what}")
    copies = observations.get("training_copies", 0.0)
    if copies > 0:
        said.append(f"{_share(copies)} exact copies of training images")
    near, unseen = observations.get("near_copies", 0.0), observations.get("near_copies_unseen", 0.0)
    if near > max(copies, unseen) + COPY_EXCESS:
        said.append(f"{_share(near)} near a training image (held-out real: {_share(unseen)})")
    return tuple(said)


def without_interval(rows: Sequence[Row], ranking: str) -> list[str]:
    """A sentence for each reason why values of the leaderboard have no interval."""
    found: dict[str, dict[str, None]] = {}
    unranked = False
    for row in rows:
        for metric, estimate in row.metrics.items():
            if not estimate.has_interval:
                found.setdefault(estimate.method.removeprefix("none: "), {})[f"{metric} of {row.generator}"] = None
                unranked |= metric == ranking and row.rank is not None
    said = [f"no interval for {named(names)}: {reason}" for reason, names in found.items()]
    if unranked:
        said.append(
            "generators without an interval are ranked by value alone: never counted as better, "
            "and as worse than any that beats them beyond its own noise"
        )
    return said


def without_value(rows: Sequence[Row], metrics_of: Callable[[str], Collection[str]]) -> list[str]:
    """A sentence for each reason why generators that have other values lack some; `metrics_of` an encoder's metrics."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.status == "ok" and row.reason:
            left = [name for name in metrics_of(row.encoder) if name not in row.metrics]
            found.setdefault((named(left), row.encoder, row.reason), []).append(row.generator)
    return [f"no {left} of {named(of)} under {encoder}: {reason}" for (left, encoder, reason), of in found.items()]


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


def pool_notes(pools: Mapping[str, tuple[int | None, int]], *, seeds: int) -> list[str]:
    """A sentence for all generators whose images are too few for every sampling seed; the table's seeds say the rest.

    `pools` has each generator's number of images, None where it has no end, and its number of sampling seeds.
    """
    alike: dict[int, list[str]] = {}
    for name, (size, enough) in pools.items():
        if enough < seeds:
            alike.setdefault(enough, []).append(f"{name} ({size:,})" if size is not None else name)
    return [
        f"enough images for only {enough} of {seeds} sampling seeds: {named(names)}" for enough, names in alike.items()
    ]


def bias_notes(members: Members) -> list[str]:
    """A sentence for each encoder and metric some of whose values are mostly bias of both sets' finite sizes.

    By the estimated bias where the analyses have one (of FD from 20 rows per column on; docs/statistics.md), naming the
    generators; else, of a metric whose bias grows with the columns, by the rows per column. Only metrics whose values
    are shown with their bias (T_N) belong here: T_inf takes it off.
    """
    notes = []
    for encoder, metrics in members.items():
        for metric, groups in metrics.items():
            shares = {generator: _bias_share(group) for generator, group in groups.items()}
            if biased := {g: share for g, share in shares.items() if share is not None and share > MOST}:
                told = named(f"{generator} {min(share, 1.0):.0%}" for generator, share in biased.items())
                notes.append(
                    f"{metric} under {encoder} is mostly finite-sample bias for: {told}; `interval: {{target: "
                    "T_inf}` removes it"
                )
            rows = [r for g, group in groups.items() if shares[g] is None and (r := _scarce(g, group))]
            if rows:
                n, d, images = min(rows)
                notes.append(
                    f"{metric} under {encoder} uses {images} for {d} features ({n / d:.2g} per feature): "
                    f"below {SCARCE:g} it may be mostly finite-sample bias; compare only at these sizes, "
                    "use more images, or use kd, which is unbiased"
                )
    return notes


def _bias_share(group: Sequence[SeedMember]) -> float | None:
    """The bias of both sides as a share of the value, each the mean over image sets; None where it is not known."""
    analyses = [member.analysis for member in group]
    bias = 0.0
    for a in analyses:
        if isinstance(a.bias, str) or a.bias == UNBIASED:
            return None
        bias += a.bias.real + a.bias.fake
    value = sum(a.value for a in analyses)
    return bias / value if value > 0 else None


def _scarce(generator: str, group: Sequence[SeedMember]) -> tuple[float, int, str] | None:
    """Images of the smaller side, columns, and those images in words, where there are fewer than SCARCE a column.

    Counted are distinct images, which bound the rank of a covariance, or as many as declared clusters are worth.
    """
    found = []
    for a in (member.analysis for member in group):
        if facts_of(a.use).columns is None:
            continue
        for whose, n, units, effective in (
            ("the reference", a.n_real, a.units_real, a.effective_real),
            (generator, a.n_fake, a.units_fake, a.effective_fake),
        ):
            worth = effective if a.clustered else float(units)
            if worth < SCARCE * a.d:
                few = f" (worth {worth:.0f} independent images)" if a.clustered and worth < n else ""
                images = f"{n:,} images of {whose}{few}"
                if not a.clustered and units < n:
                    images = f"{units:,} distinct image{'s' if units > 1 else ''} of {whose} (of {n:,})"
                found.append((worth, a.d, images))
    return min(found, default=None)
