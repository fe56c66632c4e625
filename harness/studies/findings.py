"""What a diagnosis can say: kinds of findings, sentences that end in their numbers, and facts about the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.studies.evidence import Case, Evidence, p_text

# What a verdict calls each kind, the gravest first.
TITLES = {
    "reference copies": "shows the reference images themselves: its scores mean nothing",
    "memorisation": "copies its training images",
    "near copies": "nearer to training images than unseen real ones are",
    "too good": "closer to the reference than unseen real images",
    "low fidelity": "less faithful than real",
    "mixed fidelity": "part of the images less faithful than real",
    "mode collapse": "whole regions of the real images are missing (mode collapse)",
    "over-smoothing": "crowded within the regions it reaches (over-smoothing, or a few prototypes)",
    "less diverse": "less diverse than real; missing modes and over-smoothing cannot be told apart",
    "uneven": "thin in some regions of the real images",
    "outlier reals": "less faithful by density, which precision does not see",
    "low density": "less faithful than real by density",
    "crowding": "crowded where real images are dense",
    "shift": "shifted in distribution, though faithful and diverse",
    "repeats": "repeats its own images",
    "few copies": "some exact copies of training images, no more than unseen real ones as far as can be told",
    "unreached": "real images left unreached",
    "different": "differs from real beyond noise, in what way is not known",
    "nothing": "nothing found beyond noise",
}


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
    weak = dict.fromkeys(note for e in rests_on for note in e.weak)
    hiding = [e.metric for e in rests_on if e.conservative and e.side == 0]
    if hiding:
        weak[
            f"conservative intervals (they cover more often than they say) may hide a difference: {', '.join(hiding)}"
        ] = None
    numbers = "; ".join(e.words for e in rests_on)
    return Finding(kind, f"{words} ({numbers}).", tuple(e.metric for e in rests_on), tuple(weak))


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
                "Images of the reference set itself are among its images, so no distance to that set means anything "
                f"({c.reference} of {c.images} images, {c.reference / c.images:.1%}).",
                ("reference_copies",),
            )
        )
    if c.training:
        # Datasets hold some images twice: what unseen real images share with the training set is no memorisation.
        p = c.p_holm.get("training")
        sure = p is None or p <= 1.0 - case.level
        base = f"; of unseen real images {c.holdout_training} of {c.holdout_images}" if c.holdout_images else ""
        words = (
            "It holds exact copies of training images, which the distances reward"
            if sure
            else "It holds exact copies of training images, not more beyond noise than unseen real images are"
        )
        found.append(
            Finding(
                "memorisation" if sure else "few copies",
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
