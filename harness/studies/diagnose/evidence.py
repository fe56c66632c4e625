"""What a diagnosis of one generator rests on: each metric against held-out real images, all its tests read together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from harness.base import Estimate, Record, Reference, Target, p_text
from harness.uncertainty import Combined, SeedMember, combine, difference, holm, why_no_interval

Groups = Mapping[str, Mapping[str, Sequence[SeedMember]]]  # metric → generator → its image sets
LEAST_P = 1e-6  # an interval is not trusted further out than this


@dataclass(frozen=True)
class Evidence:
    """One metric of a generator minus what it is for real images: `gap`, its plain interval, and two p-values.

    `real` is the value of held-out real images, or of a perfect generator in theory. `p_holm` counts all tests of
    the generator; `side` is -1 or 1 where the gap is beyond noise in that reading, else 0. `unseen` is the gap below
    which none of that many tests finds it (None where not known). `conservative` intervals may hide a gap; `weak` says
    what else makes the numbers less than they seem.
    """

    metric: str
    use: str
    value: float
    real: float
    gap: float
    low: float
    high: float
    p: float
    p_holm: float = 1.0
    side: int = 0
    unseen: float | None = None
    conservative: bool = False
    weak: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The numbers as a sentence ends in them."""
        return (
            f"{self.metric} {plain(self.value, 3)} against {plain(self.real, 3)}, difference "
            f"{'+' if self.gap >= 0 else ''}{plain(self.gap, 2)} [{plain(self.low, 2)}, {plain(self.high, 2)}], "
            f"p {p_text(self.p_holm)}"
        )


def plain(value: float, digits: int) -> str:
    """A number to so many digits, in full where it is large: 114 and not 1.1e+02."""
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e9 else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Copies:
    """Facts about the images themselves, as counts of `images`; `unseen` likewise of real images nobody trained on.

    `p` and `p_holm` are one-sided, by what they test: "near" copies of training images likelier than among `unseen`
    real images, exact copies in "training" likelier than in the `holdout`, or without one than near copies among the
    unseen. A test that cannot be made is not there.
    """

    images: int
    repeats: int = 0
    reference: int = 0
    training: int = 0
    near: int | None = None
    unseen_images: int = 0
    unseen_near: int = 0
    holdout_images: int = 0
    holdout_training: int = 0
    p: Mapping[str, float] = field(default_factory=dict)
    p_holm: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """All that is known of one generator under one encoder. `against` names the reference point, None for theory.

    `void` says that it gives back so much of the reference that what its metrics say means nothing.
    """

    generator: str
    encoder: str
    level: float
    against: str | None
    metrics: Mapping[str, Evidence]  # by what they use: fd, kd, precision, recall, density, coverage
    copies: Copies | None = None
    notes: tuple[str, ...] = ()
    void: bool = False


def against_holdout(
    groups: Groups,
    generator: str,
    holdout: str,
    *,
    level: float,
    reference: Reference,
    targets: Mapping[str, Target],
    others: int = 0,
) -> tuple[list[Evidence], tuple[str, ...]]:
    """Each metric of a generator minus the holdout's, paired through the reference set, and notes of the comparisons.

    A metric named several times (several k) is tested once, the first, so that the family stays small. Generators that
    show images of the holdout's own split share them with it; they are taken as independent, which is the wider.
    `others` are the tests that will be read together with these.
    """
    found: dict[str, Evidence] = {}
    notes: dict[str, None] = {}
    family = others + len({m[generator][0].analysis.use for m in groups.values() if m.get(generator)} & set(NULLS))
    for metric, members in groups.items():
        if generator not in members or holdout not in members or not members[generator]:
            continue
        use = members[generator][0].analysis.use
        if use in found or use not in NULLS:
            continue
        if (why := why_no_interval(members[generator], members[holdout])) is not None:
            notes[f"{metric} has no interval, so it says nothing here: {why}"] = None
            continue
        target = targets.get(metric, "T_N")
        gap = difference(members[generator], members[holdout], level=level, reference=reference, target=target)
        values = [
            combine(members[name], level=level, reference=reference, target=target).estimate
            for name in (generator, holdout)
        ]
        found[use] = Evidence(
            metric,
            use,
            values[0].value,
            values[1].value,
            gap.value,
            gap.low,
            gap.high,
            gap.p,
            unseen=gap.needed((1.0 - level) / (2 * family)),
            conservative=any(v.conservative for v in values),
            weak=_weak(values),
        )
        notes |= dict.fromkeys(f"{metric}: {note}" if "sign turns" in note else note for note in gap.notes)
    return list(found.values()), tuple(notes)


def against_theory(
    groups: Groups, generator: str, *, level: float, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Evidence], tuple[str, ...]]:
    """KD, density and coverage of a generator minus what a perfect one has on average; no other metric has a known one.

    The known values are expectations over both sets: intervals count the reference as random whatever the benchmark
    prints, since one reference may well lie off its expectation, and KD is that of T_inf, which fixed counts of classes
    do not move. The notes name the metrics that are left out because nothing is known for clusters.

    The p-value is one minus the level of the widest interval that leaves the known value out.
    """
    found: dict[str, Evidence] = {}
    unknown: list[str] = []
    alone: list[str] = []
    for metric, members in groups.items():
        if not members.get(generator):
            continue
        analysis = members[generator][0].analysis
        known = NULLS.get(analysis.use)
        if known is None or analysis.use in found:
            continue
        if analysis.use in ALONE and any(member.analysis.clustered for member in members[generator]):
            unknown.append(metric)
            continue
        if (why := why_no_interval(members[generator])) is not None:
            alone.append(f"{metric} has no interval, so it says nothing here: {why}")
            continue
        null = known(analysis.n_real, analysis.n_fake, int(parameters.get(metric, {}).get("k", 5)))
        target: Target = "T_inf" if analysis.use == "kd" else "T_N"
        at = partial(combine, members[generator], reference="random", target=target)
        shown = at(level=level).estimate
        found[analysis.use] = Evidence(
            metric,
            analysis.use,
            shown.value,
            null,
            shown.value - null,
            shown.ends[0] - null,
            shown.ends[1] - null,
            _p_of(at, null),
            conservative=shown.conservative,
            weak=_weak([shown]),
        )
    told = f"no theory says what {' and '.join(unknown)} of a perfect generator would be where images come in clusters"
    return list(found.values()), (*alone, *([told] if unknown else []))


# Naeem et al. 2020 (arXiv:2002.09797), section 3.3: expectations for equal, continuous distributions. Precision and
# recall have none that is free of the distribution; nor has FD at finite n.
NULLS: dict[str, Callable[[int, int, int], float] | None] = {
    "fd": None,
    "kd": lambda m, n, k: 0.0,  # the U-statistic is unbiased at T_inf; at T_N not where class counts are fixed
    "precision": None,
    "recall": None,
    "density": lambda m, n, k: 1.0,
    "coverage": lambda m, n, k: perfect_coverage(m, n, k),
}

ALONE = ("kd", "coverage")  # what is known of them is known for images that are alike by chance only


def perfect_coverage(n_real: int, n_fake: int, k: int) -> float:
    """Expected coverage of a generator that draws from the real distribution itself, in [0, 1].

    A real row goes uncovered if its k nearest others, of n_real - 1 real and n_fake fake ones, are all real.
    """
    i = np.arange(1, k + 1)
    return float(1.0 - np.prod((n_real - i) / (n_real + n_fake - i)))


def together(
    evidence: Sequence[Evidence], copies: Copies | None, *, level: float
) -> tuple[dict[str, Evidence], Copies | None]:
    """The tests of one generator with Holm's p-values over all of them, and the sides that they leave."""
    others = copies.p if copies is not None else {}
    adjusted = holm([*(e.p for e in evidence), *others.values()])
    read = {
        e.use: replace(e, p_holm=p, side=int(np.sign(e.gap)) if p <= 1.0 - level else 0)
        for e, p in zip(evidence, adjusted, strict=False)
    }
    if copies is not None:
        copies = replace(copies, p_holm=dict(zip(others, adjusted[len(evidence) :], strict=True)))
    return read, copies


def counted(records: Sequence[Record], generator: str, encoder: str, holdout: str | None) -> Copies | None:
    """What the records of a run say of a generator's images, its sets pooled; None where they say nothing."""
    own = _observed(records, generator, encoder)
    if not own:
        return None
    base = _observed(records, holdout, encoder) if holdout is not None and holdout != generator else []

    def total(name: str, of: Sequence[tuple[Mapping[str, float], int, int]]) -> int:
        return sum(round(seen.get(name, 0.0) * n) for seen, n, _ in of)

    trained = all("near_copies" in seen for seen, _, _ in own)
    n, m = sum(n for _, n, _ in own), own[0][2]
    found = Copies(
        images=n,
        repeats=total("repeats", own),
        reference=total("reference_copies", own),
        training=total("training_copies", own),
        near=total("near_copies", own) if trained else None,
        unseen_images=m if trained else 0,
        unseen_near=round(own[0][0]["near_copies_unseen"] * m) if trained else 0,
        holdout_images=sum(n for _, n, _ in base),
        holdout_training=total("training_copies", base),
    )
    tests: dict[str, float] = {}
    fresh = 1.0 - found.repeats / n  # a repeated image is no further witness
    if found.near is not None:
        tests["near"] = likelier(round(found.near * fresh), round(n * fresh), found.unseen_near, m)
    if found.training and found.holdout_images:
        tests["training"] = likelier(
            round(found.training * fresh), round(n * fresh), found.holdout_training, found.holdout_images
        )
    elif found.training and found.near is not None:
        # Exact copies are near ones too, so this many held-out real images at the most are copies.
        tests["training"] = likelier(round(found.training * fresh), round(n * fresh), found.unseen_near, m)
    return replace(found, p=tests)


def _observed(
    records: Sequence[Record], generator: str | None, encoder: str
) -> list[tuple[Mapping[str, float], int, int]]:
    """Of each image set: its observations, its number of images, and that of the reference."""
    return [
        (record.observations, record.estimate.n_fake, record.estimate.n_real)
        for record in records
        if (record.level, record.cell.generator, record.cell.encoder) == ("cell", generator, encoder)
        and record.estimate is not None
        and "repeats" in record.observations
        and record.estimate.reference == "fixed"
    ]


def likelier(count: int, n: int, other: int, m: int) -> float:
    """Fisher's exact one-sided p, in (0, 1]: is a share of count in n larger than one of other in m by chance?

    Several checkpoints pooled scatter less than one binomial share would, so pooling errs on the wide side.
    """
    from scipy.special import gammaln, logsumexp

    def choose(a: Any, b: Any) -> Any:
        return gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)

    total = count + other
    x = np.arange(count, min(n, total) + 1)
    return float(min(1.0, np.exp(logsumexp(choose(n, x) + choose(m, total - x)) - choose(n + m, total))))


def _p_of(at: Callable[..., Combined], null: float) -> float:
    low, high = np.log(LEAST_P), 0.0  # of p; bisected on a logarithmic scale
    for _ in range(24):
        middle = (low + high) / 2
        shown = at(level=1.0 - float(np.exp(middle))).estimate
        if shown.ends[0] <= null <= shown.ends[1]:
            low = middle
        else:
            high = middle
    return float(np.exp(high))


def _weak(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for e in estimates for note in e.notes))
