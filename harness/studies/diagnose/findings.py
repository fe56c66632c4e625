"""What a diagnosis can say: kinds of findings, sentences that end in their numbers, and facts about the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.base import decimals, p_text
from harness.studies.diagnose.evidence import Case, Evidence, plain

# What a verdict calls each kind, the gravest first.
TITLES = {
    "reference copies": "shows images of the reference set itself: its scores flatter it",
    "memorisation": "copies its training images",
    "copies": "holds exact copies of training images, whether more than unseen real ones is not known",
    "near copies": "nearer to training images than unseen real ones are",
    "unlike": "real images, and yet not exchangeable with the reference",
    "too good": "closer to the reference than held-out real images",
    "other kind": "not images of this kind: they lie as far from the real ones as noise does",
    "other or margin": "not images of this kind, or a few at their margin: next to no real image is reached",
    "low fidelity": "less faithful than real",
    "mixed fidelity": "part of the images less faithful than real",
    "mode collapse": "whole regions of the real images are missing (mode collapse)",
    "over-smoothing": "crowded within the regions it reaches (over-smoothing, or a few prototypes)",
    "less diverse": "less diverse than real; missing modes and over-smoothing cannot be told apart",
    "uneven": "thin in some regions of the real images",
    "outlier reals": "less faithful by density, which precision does not see",
    "low density": "less faithful than real by density",
    "crowding": "crowded where real images are dense",
    "shift": "away from real by distance, though as faithful and diverse as far as can be told",
    "repeats": "repeats its own images",
    "few copies": "some exact copies of training images, no more than unseen real ones as far as can be told",
    "unreached": "real images left unreached",
    "different": "differs from real beyond noise, in what way is not known",
    "nothing": "nothing found beyond noise",
}


# The same in a column of a table.
BRIEF = {
    "reference copies": "copies of reference images",
    "memorisation": "copies training images",
    "copies": "copies training images (as real may)",
    "near copies": "near training images too often",
    "unlike": "not exchangeable with the reference",
    "too good": "nearer than held-out real images",
    "other kind": "not images of this kind",
    "other or margin": "not of this kind, or at its margin",
    "low fidelity": "low fidelity",
    "mixed fidelity": "low fidelity of a part",
    "mode collapse": "modes are missing",
    "over-smoothing": "over-smoothed, or few prototypes",
    "less diverse": "low diversity, reason open",
    "uneven": "thin in some regions",
    "outlier reals": "low fidelity by density alone",
    "low density": "low fidelity by density",
    "crowding": "crowded where real images are dense",
    "shift": "shifted",
    "repeats": "repeats its own images",
    "few copies": "few training copies, as real has",
    "unreached": "low recall, from low fidelity or not",
    "different": "differs from real, how is open",
    "nothing": "nothing beyond noise",
}

# What the sentences of each kind rest on: metrics, and the known faults (`harness.studies.exam`) under which they must
# have done what they must, or the sentence says more than they can.
RESTS = {
    "other kind": (("precision", "noise"), ("density", "noise")),
    "low fidelity": (("precision", "noise"), ("precision", "mode invented"), ("precision", "modes dropped")),
    "low density": (("density", "noise"), ("density", "mode invented")),
    "mixed fidelity": (("precision", "noise"), ("density", "noise")),
    "mode collapse": (("recall", "modes dropped"), ("coverage", "modes dropped"), ("precision", "modes dropped")),
    "over-smoothing": (("recall", "narrow"), ("recall", "modes dropped"), ("coverage", "modes dropped")),
    "shift": (("fd", "wrong weights"), ("kd", "wrong weights"), ("precision", "wrong weights")),
}
DISTANCES = ("fd", "kd")
FAR = ("too good", "shift", "different")  # what distances say


@dataclass(frozen=True)
class Finding:
    """One sentence: its `kind` (a key of TITLES), the words with their numbers, and what it rests on."""

    kind: str
    sentence: str
    rests_on: tuple[str, ...]
    weak: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """A generator's verdict in one line, its findings, and notes on what the numbers speak about."""

    generator: str
    verdict: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def finding(kind: str, words: str, rests_on: Sequence[Evidence]) -> Finding:
    """A finding whose words end in the numbers of the evidence, with what makes that weak."""
    said: dict[str, list[str]] = {}
    for e in rests_on:
        for note in e.weak:
            said.setdefault(note, []).append(e.metric)
    weak = [f"{', '.join(metrics)}: {note}" for note, metrics in said.items()]
    if hiding := [e.metric for e in rests_on if e.conservative and e.side == 0]:
        weak.append(
            f"conservative intervals (they cover more often than they say) may hide a difference: {', '.join(hiding)}"
        )
    numbers = "; ".join(e.words for e in rests_on)
    return Finding(kind, f"{words} ({numbers}).", tuple(e.metric for e in rests_on), tuple(weak))


def titled(found: Finding, case: Case) -> str:
    """What a verdict calls a finding, with the size of its largest change where it rests on tested metrics."""
    if (most := strongest(found, case)) is None:
        return TITLES[found.kind]
    return f"{TITLES[found.kind]} ({most.metric} {plain(most.value, 3)} against {plain(most.real, 3)})"


def strongest(found: Finding, case: Case, *, lost: bool = False) -> Evidence | None:
    """The largest change that a finding rests on, of what is `lost` where anything is; None where nothing moved."""
    moved = [e for e in case.metrics.values() if e.metric in found.rests_on and e.side != 0]
    if lost:
        moved = [e for e in moved if e.side < 0 and e.use not in DISTANCES] or moved
    if not moved or found.kind == "nothing":
        return None
    distances = [e for e in moved if e.use in DISTANCES]
    return max(distances or moved, key=lambda e: abs(e.gap)) if found.kind in FAR else max(moved, key=_share)


def numbers_of(found: Finding, case: Case) -> str:
    """The few numbers of a finding that a table has room for; empty where it rests on none."""
    c, most = case.copies, strongest(found, case, lost=found.kind not in FAR)
    if c is not None and found.kind == "reference copies":
        return f"{c.reference / c.images:.1%} of its images"
    if c is not None and found.kind in ("memorisation", "copies", "few copies"):
        return f"{c.training / c.images:.1%} of its images"
    if c is not None and found.kind == "repeats":
        return f"{c.repeats / c.images:.1%} of its images"
    if c is not None and found.kind == "near copies" and c.near is not None and c.unseen_images:
        return f"{c.near / c.images:.1%} vs {c.unseen_near / c.unseen_images:.1%}"
    if most is None:
        return ""
    digits = decimals((most.high - most.low) / 2)
    return f"{most.metric} {most.value:.{digits}f} vs {most.real:.{digits}f}"


def _share(e: Evidence) -> float:
    """How much of the real images' value is lost or gained; distances, which have no whole, come last."""
    return -1.0 if e.use in DISTANCES or e.real <= 0 else abs(e.gap) / e.real


def some(*evidence: Evidence | None) -> list[Evidence]:
    """The evidence that there is."""
    return [e for e in evidence if e is not None]


def side_of(evidence: Evidence | None) -> int | None:
    """-1, 0 or 1; None where the metric was not measured."""
    return None if evidence is None else evidence.side


def of_copies(case: Case) -> list[Finding]:
    """What is said of the images themselves: copies of the reference and of training images, repeats."""
    c = case.copies
    if c is None:
        return []
    found = []
    if c.reference:
        found.append(
            Finding(
                "reference copies",
                "Images of the reference set itself are among its images, and each makes every score better than new "
                "images would "
                f"({c.reference} of {c.images} images, {c.reference / c.images:.1%}).",
                ("reference_copies",),
            )
        )
    if c.training:
        # Datasets hold some images twice: what held-out real images share with the training set is no memorisation.
        p = c.p_holm.get("training")
        words = "It holds exact copies of training images, "
        if p is not None and p <= 1.0 - case.level:
            kind, words = "memorisation", words + "which the distances reward"
        elif c.holdout_images:
            kind, words = "few copies", words + "not more beyond noise than held-out real images are"
        else:
            kind, words = "copies", words + "and the run does not say how many unseen real ones do"
        base = ""
        if c.holdout_images:
            base = f"; of held-out real images {c.holdout_training} of {c.holdout_images}"
        elif c.unseen_images:
            base = f"; of held-out real images at most the {c.unseen_near} of {c.unseen_images} that are near one"
        found.append(
            Finding(
                kind,
                f"{words} ({c.training} of {c.images} images, {c.training / c.images:.1%}{base}"
                f"{'' if p is None else f', one-sided p {p_text(p)}'}).",
                ("training_copies",),
            )
        )
    # Exact copies are near ones too: said once.
    if c.near is not None and c.p_holm.get("near", 1.0) <= 1.0 - case.level and c.near > 2 * c.training:
        dense = case.metrics.get("density")
        doubt = {
            1: "; density is above real too, and images crowded where real ones are dense look the same: these numbers "
            "cannot tell the two apart",
            None: "; images crowded where real ones are dense would look the same",
        }.get(side_of(dense), "")
        crowded = f"; {dense.words}" if dense is not None and dense.side > 0 else ""
        found.append(
            Finding(
                "near copies",
                "Its images lie as near to a training image as that one's own neighbour more often than unseen real "
                f"images do, in these checkpoints{doubt} ({c.near} of {c.images}, {c.near / c.images:.1%}, against "
                f"{c.unseen_near} of {c.unseen_images}, {c.unseen_near / c.unseen_images:.1%}, "
                f"one-sided p {p_text(c.p_holm['near'])}{crowded}).",
                ("near_copies", "near_copies_unseen", *(("density",) if crowded else ())),
            )
        )
    if c.repeats:
        found.append(
            Finding(
                "repeats",
                "It repeats its own images exactly; intervals count the copies of one as one "
                f"({c.repeats} of {c.images} images, {c.repeats / c.images:.1%}).",
                ("repeats",),
            )
        )
    return found
