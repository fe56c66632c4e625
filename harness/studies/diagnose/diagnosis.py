"""Evidence read into sentences: fidelity against diversity, copies, shifts. Pure; each sentence ends in its numbers.

The rules follow what the metrics count. Recall and coverage both count real images that fakes reach; recall by balls
around fakes, which shrink when fakes crowd, coverage by balls around reals, which do not. Where whole regions of the
real images are missing, both lose the same share; where fakes crowd within the regions that they reach, recall loses
more. Precision counts fakes in any real ball, density in how many: a few wide balls around outlying reals fill
precision, but not density (Naeem et al. 2020, arXiv:2002.09797).
"""

from __future__ import annotations

from harness.studies.diagnose.evidence import Case, Evidence
from harness.studies.diagnose.findings import TITLES, Diagnosis, Finding, finding, of_copies, side_of, some, titled

VOID = "its distances mean nothing, so nothing else is said of it"
FIDELITY = ("other kind", "other or margin", "low fidelity", "mixed fidelity", "low density", "outlier reals")
DIVERSITY = ("mode collapse", "over-smoothing", "less diverse", "uneven")
NOISE = 0.8  # share of real images' precision and density that is lost where images are none of this kind
ALL = 0.9  # the same of one of them alone, and of recall and coverage where no real image is reached
MOSTLY = 0.5  # share of recall's loss that coverage must be shown to lose before missing regions are called the cause


def diagnose(case: Case) -> Diagnosis:
    """Every finding that the evidence carries, the gravest first; "nothing" where there is none.

    Of the reference point itself only facts about its images are said.
    """
    if case.against == case.generator:
        facts = tuple(of_copies(case))
        words = ["the reference point, held-out real images", *(TITLES[f.kind] for f in facts)]
        return Diagnosis(case.generator, "; ".join(words), facts, case.notes)
    if case.void:
        found = of_copies(case)
        return Diagnosis(case.generator, "; ".join([*(TITLES[f.kind] for f in found), VOID]), tuple(found), case.notes)
    if other := _other_kind(case):
        # What fails like noise says nothing of modes or proportions.
        found = [*of_copies(case), other]
    else:
        found = [*of_copies(case), *_fidelity(case), *_diversity(case), *_distance(case)]
    if all(f.kind in ("repeats", "copies", "few copies") for f in found):
        found += _nothing(case)
    order = list(TITLES)
    found.sort(key=lambda f: order.index(f.kind))
    verdict = "; ".join(titled(f, case) for f in found if f.kind != "unreached" or len(found) == 1)
    if _faithful(case) and any(f.kind in DIVERSITY for f in found) and not any(f.kind in FIDELITY for f in found):
        verdict = f"no less faithful than real as far as can be told; {verdict}"
    return Diagnosis(case.generator, verdict, tuple(found), case.notes)


# -------------------------------------------------------------------- fidelity


def _other_kind(case: Case) -> Finding | None:
    """Said where precision and density are what they are for noise, in either of two ways.

    Under most encoders noise lies in no real ball. Under those that send whatever they do not know to one place, a
    wide ball around an outlying real image holds it: precision is then full, density a fraction, and no real image
    is reached (LeNet on MNIST, uniform noise: precision .96, density .22, recall 0, coverage .006).
    """
    p, r, d, c = (case.metrics.get(use) for use in ("precision", "recall", "density", "coverage"))
    if d is None or d.side >= 0:
        return None
    others = some(r, c, case.metrics.get("fd"), case.metrics.get("kd"))
    if _mostly_lost(d, ALL) if p is None else _mostly_lost(p, NOISE) and _mostly_lost(d, NOISE):
        shares = f"density loses {_percent(_loss(d))} of real images' value"
        if p is not None:
            shares += f", precision {_percent(_loss(p))}"
        words = (
            f"Hardly any of its images lies among the real ones, as of pure noise: {shares}. What recall, coverage and "
            "the distances say of modes or proportions means nothing here"
        )
        return finding("other kind", words, [*some(p, d), *others])
    reached = some(r, c)
    if c is not None and _loss(d)[0] >= MOSTLY and all(_mostly_lost(e, ALL) for e in reached):
        words = (
            f"Next to no real image has one of its images near (coverage loses {_percent(_loss(c))} of real images' "
            f"value), and its images lie in few real balls each (density loses {_percent(_loss(d))}): so do noise and "
            "other images in the wide ball around one outlying real image, which fills precision, and copies of a few "
            "real images at the margin; these metrics cannot tell which"
        )
        return finding("other or margin", words, [*some(p, d), *others])
    return None


def _fidelity(case: Case) -> list[Finding]:
    p, r, d = (case.metrics.get(use) for use in ("precision", "recall", "density"))
    if p is not None and p.side < 0:
        if d is not None and d.side >= 0:
            words = (
                "More of its images than of unseen real ones lie outside the real images, while on average they lie at "
                "least as deep in them, as far as can be told: a part fails, not all"
            )
            return [finding("mixed fidelity", words, [p, d])]
        words = "More of its images lie outside the real ones"
        if r is None or r.side <= 0:
            return [finding("low fidelity", words, some(p, d))]
        words += ", and recall above real is no merit here: the balls around images far off are wide"
        return [finding("low fidelity", words, some(p, d, r))]
    if d is None or d.side >= 0:
        return []
    if p is None:
        return [finding("low density", "Its images lie where fewer real ones are, or none", [d])]
    precision, density = _loss(p), _loss(d)
    shares = f"precision loses {_percent(precision)} of real images' value, density {_percent(density)}"
    if precision[1] < density[0]:
        words = (
            f"{shares}: its images lie in real balls, but in few each, at the margins or in the wide balls around "
            "outlying real images, which these metrics cannot tell apart"
        )
        return [finding("outlier reals", words, [p, d])]
    words = f"Density says that its images lie outside the real ones, which precision does not contradict: {shares}"
    return [finding("low density", words, [p, d])]


def _faithful(case: Case) -> bool | None:
    """Whether fidelity is not below real, by precision (else density); None where neither was measured."""
    side = side_of(case.metrics.get("precision"))
    if side is None:
        side = side_of(case.metrics.get("density"))
    return None if side is None else side >= 0


# -------------------------------------------------------------------- diversity


def _diversity(case: Case) -> list[Finding]:
    p, r, d, c = (case.metrics.get(use) for use in ("precision", "recall", "density", "coverage"))
    lost = [e for e in some(r, c) if e.side < 0]
    if not lost:
        return []
    faithful = _faithful(case)
    if faithful is None:
        words = (
            "It reaches fewer real images than it should; without precision or density nothing says whether "
            "for want of diversity or of fidelity"
        )
        return [finding("unreached", words, lost)]
    fidelity = some(p, d)
    # Images outside the real ones reach none: only what is lost beyond the largest such share that the data allow is
    # diversity. That share need not be beyond noise itself, or a density too noisy to tell would pass for a good one.
    explained = _left_open(fidelity)
    if max(_loss(e)[0] for e in lost) <= explained:
        words = (
            f"It reaches fewer real images than it should, but a loss of fidelity, of up to {explained:.0%} by these "
            "numbers, may account for that: it says nothing about modes"
        )
        return [finding("unreached", words, [*lost, *fidelity])]
    kind, words = _which_loss(r, d, c)
    start = (
        f"It reaches fewer real images than its loss of fidelity (at most {explained:.0%}) accounts for"
        if faithful is False or any(e.side < 0 for e in fidelity)
        else "Its images are as faithful as real ones as far as can be told, but reach fewer of them"
    )
    away = [e for e in some(case.metrics.get("fd")) if e.side > 0]
    if p is not None and p.side > 0:
        words += "; precision above real says that fidelity was bought with it, as truncation does"
    return [finding(kind, f"{start}: {words}", [*some(p, d, r, c), *away])]


def _which_loss(r: Evidence | None, d: Evidence | None, c: Evidence | None) -> tuple[str, str]:
    if r is None or c is None:
        return "less diverse", "to tell why takes recall and coverage both"
    recall, coverage = _loss(r), _loss(c)
    shares = f"recall loses {_percent(recall)} of real images' value, coverage {_percent(coverage)}"
    if recall[0] > coverage[1]:
        beside = "; coverage's own loss leaves room for missing regions beside that" if c.side < 0 else ""
        return "over-smoothing", (
            f"{shares}; missing regions would cost both the same, so part of the loss lies within regions that it does "
            "reach: over-smoothed, or collapsed onto a few prototypes, which these metrics cannot tell apart" + beside
        )
    if recall[1] < coverage[0]:
        return "uneven", (
            f"{shares}; missing regions would cost both the same, so part of the loss is in regions that hold few of "
            "its images: uneven proportions"
        )
    if d is not None and d.side == 0 and r.side < 0 and coverage[0] >= MOSTLY * recall[1]:
        return "mode collapse", (
            f"{shares}; both the same as far as can be told, as when whole regions are missing, and density within "
            "noise shows no crowding in the rest"
        )
    if d is None:
        why = "without density nothing says whether the rest is crowded"
    elif d.side > 0:
        why = "density above real says crowding, which may be all or beside missing regions"
    elif d.side < 0:
        why = "density below real leaves both open"
    else:
        why = "the intervals leave both missing regions and crowding open"
    return "less diverse", f"{shares}; {why}"


def _percent(loss: tuple[float, float]) -> str:
    return f"{loss[0]:.0%} to {loss[1]:.0%}"


def _loss(e: Evidence) -> tuple[float, float]:
    """The share of the real images' value that is lost, as an interval from the gap's plain one; 0 of nothing."""
    # The noise of `real` itself is in the gap with its full weight, in the share with less: the interval errs wide.
    return (-e.high / e.real, -e.low / e.real) if e.real > 0 else (0.0, 0.0)


def _mostly_lost(e: Evidence, share: float) -> bool:
    """Whether this share of the real images' value is lost as measured, and half of it for sure."""
    return e.side < 0 and e.real > 0 and -e.gap / e.real >= share and _loss(e)[0] >= MOSTLY


def _left_open(evidence: list[Evidence]) -> float:
    """The largest share, in [0, 1], that the intervals allow any of these metrics to have lost."""
    return min(1.0, max([0.0, *(_loss(e)[1] for e in evidence)]))


# -------------------------------------------------------------------- distance


def _distance(case: Case) -> list[Finding]:
    distances = some(case.metrics.get("fd"), case.metrics.get("kd"))
    found = []
    nearer = [e for e in distances if e.side < 0]
    if nearer:
        found.append(
            finding(
                "too good",
                "It is closer to the reference than held-out real images, or than it should be: look for reference "
                "images among those it was trained on",
                nearer,
            )
        )
    far = [e for e in distances if e.side > 0]
    p, r, d, c = (case.metrics.get(use) for use in ("precision", "recall", "density", "coverage"))
    balls = some(p, r, d, c)
    if any(e.side < 0 for e in balls):
        return found  # said above, by the metrics that can say what it is
    if d is not None and d.side > 0:
        words = "Its images lie in more real balls than real ones do: crowded where real images are dense"
        found.append(finding("crowding", words, [d, *some(r), *far]))
    elif far and p is not None and r is not None:
        found.append(
            finding(
                "shift",
                "The distance is beyond noise while its images are as faithful and reach as many real ones, as far as "
                "can be told: the mean, the spread or the proportions differ, which counts of neighbours may not see, "
                f"or images outside the real ones (at most {_left_open(some(p, d)):.0%}) or real ones unreached (at "
                f"most {_left_open(some(r, c)):.0%}), which the intervals leave open",
                [*far, *balls],
            )
        )
    elif far or any(e.side > 0 for e in balls):
        away = [*far, *(e for e in balls if e.side > 0)]
        found.append(finding("different", "It differs from real images; the metrics of this run do not tell how", away))
    return found


def _nothing(case: Case) -> list[Finding]:
    tested = list(case.metrics.values())
    if not tested:
        return [Finding("nothing", "No metric of this run can be tested here.", ())]
    missed = [f"{e.metric} {e.unseen:.2g}" for e in tested if e.unseen is not None]
    limit = f"; smaller differences than these pass unseen: {', '.join(missed)}" if missed else ""
    return [finding("nothing", f"Nothing beyond noise, which does not show that it equals real images{limit}", tested)]
