"""Printed numbers without a run: what they say of generators, and which one to take for what.

Bare numbers have no intervals. Shares of n images cannot be known better than to a binomial standard error, and that
least noise is what differences are held against where n is given; how much more it is, only a run can tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.base import UsageError, named, unknown

FIDELITY, DIVERSITY, DISTANCES = ("precision", "density"), ("recall", "coverage"), ("fd", "kd")
KNOWN = (*DISTANCES, *FIDELITY, *DIVERSITY, "n")
ALIASES = {"fid": "fd", "kid": "kd"}
SHARES = ("precision", "recall", "coverage")
ASIDE = 0.2  # between a precision and a recall, from which one is called bought with the other
ENOUGH = 0.7  # of the best fidelity given: below, diversity is of no use as training data
SURE = 1.96


@dataclass(frozen=True)
class Bare:
    """One generator's printed numbers, by metric; `n` is the number of its images, where it is known."""

    name: str
    values: Mapping[str, float]
    n: int | None = None

    def get(self, metrics: Sequence[str]) -> tuple[str, float] | None:
        """The first of these metrics that it has."""
        return next(((m, self.values[m]) for m in metrics if m in self.values), None)

    def noise(self, metric: str) -> float:
        """The least half-width of a 95 % interval of a share of n images; 0 where n or the noise is not known."""
        value = self.values[metric]
        if self.n is None or metric not in SHARES:
            return 0.0
        return SURE * math.sqrt(value * (1.0 - value) / self.n)


def read(text: str, place: int) -> Bare:
    """`X:fd=3,precision=.9,recall=.4,n=5000`; the name may be left out.

    Raises UsageError for another form, an unknown metric, and values that a metric cannot have.
    """
    name, colon, numbers = text.partition(":")
    if not colon:
        name, numbers = chr(ord("X") + place) if place < 3 else f"generator {place + 1}", text
    values: dict[str, float] = {}
    for part in numbers.split(","):
        key, equals, value = (piece.strip().lower() for piece in part.partition("="))
        key = ALIASES.get(key, key)
        if not equals:
            raise UsageError(f"--values {text}: {part.strip()!r} is not metric=value")
        if key not in KNOWN:
            raise UsageError(f"--values {text}: {unknown('metric', key, KNOWN)}")
        try:
            values[key] = float(value)
        except ValueError:
            raise UsageError(f"--values {text}: {value!r} is not a number") from None
        low, high = 0.0 if key != "kd" else -math.inf, 1.0 if key in SHARES else math.inf
        if not (math.isfinite(values[key]) and low <= values[key] <= high) or (key == "n" and values[key] < 2):
            raise UsageError(f"--values {text}: {key} cannot be {value}")
    n = values.pop("n", None)
    if not values:
        raise UsageError(f"--values {text}: no metric given; use {', '.join(KNOWN[:-1])}")
    return Bare(name.strip(), values, None if n is None else int(n))


def of_values(texts: Sequence[str]) -> str:
    """What `harness diagnose --values` prints of these; UsageError as `read`, and for a name that is given twice."""
    return text([read(text, place) for place, text in enumerate(texts)])


def text(generators: Sequence[Bare]) -> str:
    """Sentences for each generator, then which to take for training data and which for a single image."""
    if len({one.name for one in generators}) < len(generators):
        raise UsageError("--values: two generators have the same name; write NAME:fd=3,…")
    lines = [f"{one.name}: {'; '.join(_said(one, generators))}." for one in generators]
    if len(generators) > 1:
        lines += [
            "",
            _chosen(generators, "For augmentation", DIVERSITY),
            _chosen(generators, "For one hero image", FIDELITY),
        ]
    some = [one for one in generators if one.n is not None]
    least = (
        "Differences are held against the least noise that shares of n images have; the whole noise is larger."
        if some
        else "No n is given (n=5000), so that no difference here is known to be more than noise."
    )
    return "\n".join(
        [
            *lines,
            "",
            f"How sure: printed numbers have no intervals. {least} FD and KD compare under one encoder and n only.",
        ]
    )


def _said(one: Bare, others: Sequence[Bare]) -> list[str]:
    fidelity, diversity = one.get(FIDELITY), one.get(DIVERSITY)
    said = []
    if "precision" in one.values and "recall" in one.values:
        p, r = one.values["precision"], one.values["recall"]
        noise = math.hypot(one.noise("precision"), one.noise("recall"))
        if p - r > max(ASIDE, noise):
            said.append(
                f"faithful and narrow (precision {p:g}, recall {r:g}): modes are missing, or diversity was sold for "
                "fidelity, as truncation and strong guidance do"
            )
        elif r - p > max(ASIDE, noise):
            said.append(
                f"diverse and less faithful (precision {p:g}, recall {r:g}): it reaches real images, and many of its "
                "own lie outside them"
            )
        else:
            said.append(f"neither is bought with the other (precision {p:g}, recall {r:g})")
    else:
        known = [f"{metric} {value:g}" for metric, value in filter(None, (fidelity, diversity))]
        lacking = [word for word, has in (("fidelity", fidelity), ("diversity", diversity)) if has is None]
        said.append(
            (f"{' and '.join(known)}; " if known else "")
            + (f"nothing here says anything of its {' or '.join(lacking)}" if lacking else "")
        )
    if distance := one.get(DISTANCES):
        metric, value = distance
        have = [other.values[metric] for other in others if metric in other.values]
        place = "the lowest" if value == min(have) else "the highest" if value == max(have) else "between the others"
        words = f"{metric.upper()} {value:g}" + (f" is {place}" if len(have) > 1 else "")
        axes = (fidelity, FIDELITY), (diversity, DIVERSITY)
        beaten = [
            word
            for word, (own, metrics) in zip(("fidelity", "diversity"), axes, strict=True)
            if own is not None
            and len(have) > 1
            and value == min(have)
            and any(_better(other, one, metrics) for other in others)
        ]
        said.append(words + (f", though another is ahead in {' and '.join(beaten)}: it mixes both" if beaten else ""))
    return [part for part in said if part]


def _better(one: Bare, other: Bare, metrics: Sequence[str]) -> bool:
    """Whether it is ahead by more than the least noise, in the first metric that both have."""
    shared = next((m for m in metrics if m in one.values and m in other.values), None)
    if shared is None:
        return False
    return one.values[shared] - other.values[shared] > math.hypot(one.noise(shared), other.noise(shared))


def _chosen(generators: Sequence[Bare], purpose: str, metrics: Sequence[str]) -> str:
    """Which generator to take, by the metric that the purpose needs, and which are not told from it."""
    metric = next((m for m in metrics if sum(m in one.values for one in generators) > 1), None)
    if metric is None:
        return f"{purpose}: no two of them have {' or '.join(metrics)}, which it takes."
    able = [one for one in generators if metric in one.values]
    weak: list[Bare] = []
    if metrics == DIVERSITY and all("precision" in one.values for one in able):
        best = max(one.values["precision"] for one in able)
        weak = [one for one in able if one.values["precision"] < ENOUGH * best]
        able = [one for one in able if one not in weak]
    first = max(able, key=lambda one: one.values[metric])
    ties = [one.name for one in able if one is not first and not _better(first, one, (metric,))]
    why = (
        "it reaches the most real images" if metrics == DIVERSITY else "its single images are the likeliest to be real"
    )
    left = f"; left out for want of fidelity: {named([one.name for one in weak])}" if weak else ""
    tied = f"; {named(ties)} cannot be told from it" if ties else ""
    return f"{purpose} take {first.name}: {why} ({metric} {first.values[metric]:g}){tied}{left}."
