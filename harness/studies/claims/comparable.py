"""May two numbers be held against each other at all? Fact by fact: the same, different, or not said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import protocols
from harness.protocols.catalogue import INPUT_PARTS
from harness.studies.claims.model import PART, Facts

Comparability = Literal["comparable", "not comparable", "cannot be decided"]
PLAIN = ("dataset", "resolution", "reference_split", "n_real", "n_fake")
OF_THE_REFERENCE = ("reference_split", "n_real")  # which an Inception score does not have
SAID_NOWHERE = (None, "unknown")


@dataclass(frozen=True)
class Differing:
    """A fact in which two numbers differ, with both sides and, for protocols, what differs in them."""

    fact: str
    first: str
    second: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """The facts in which two numbers differ and those that decide it but that one of them does not say."""

    differs: tuple[Differing, ...]
    missing: tuple[str, ...]

    @property
    def verdict(self) -> Comparability:
        """Not comparable by one known difference, whatever else is not said."""
        if self.differs:
            return "not comparable"
        return "cannot be decided" if self.missing else "comparable"

    @property
    def words(self) -> str:
        """The reason as a person reads it; empty where there is none."""
        parts = [f"{d.fact} differs ({d.first} / {d.second})" for d in self.differs]
        if self.missing:
            parts.append(f"not said: {', '.join(self.missing)}")
        return "; ".join(parts)


def conditions(facts: Facts) -> tuple[str, ...]:
    """The facts beside protocol and selection that a number of this metric depends on."""
    return tuple(f for f in PLAIN if facts.metric != "inception_score" or f not in OF_THE_REFERENCE)


def match(first: Facts, second: Facts) -> Match:
    """Which facts of two numbers differ and which are not said.

    The same protocol means the same digest of the parts that make the features and the metric. A single evaluation, a
    mean of several and a best of three are comparable: the bias of the last is known. A best over checkpoints is not.
    """
    differs: list[Differing] = []
    missing: list[str] = []
    if first.metric != second.metric:
        differs.append(Differing("metric", str(first.metric), str(second.metric)))
    _protocol(first, second, differs, missing)
    for fact in conditions(first):
        one, other = getattr(first, fact), getattr(second, fact)
        if one is None or other is None:
            missing.append(fact)
        elif one != other:
            differs.append(Differing(fact, _spelled(one), _spelled(other)))
    _selection(first, second, differs, missing)
    return Match(tuple(differs), tuple(missing))


def _protocol(first: Facts, second: Facts, differs: list[Differing], missing: list[str]) -> None:
    if first.protocol is None or second.protocol is None:
        if first.pipeline is None or second.pipeline is None:
            missing.append("protocol")
        elif first.pipeline != second.pipeline:
            differs.append(Differing("protocol", first.pipeline, second.pipeline))
        return
    if first.protocol == second.protocol:
        return
    one, other = protocols.load(first.protocol), protocols.load(second.protocol)
    parts = (*INPUT_PARTS, *(PART[metric] for metric in {first.metric, second.metric} if metric is not None))
    if one.digest(parts=parts) == other.digest(parts=parts):
        return
    told = tuple(
        f"{d.fact}: {_spelled(d.first)} / {_spelled(d.second)}" + (f" ({d.effect})" if d.effect else "")
        for d in protocols.differences(one, other)
        if d.fact.partition(".")[0] in parts
    )
    differs.append(Differing("protocol", one.name, other.name, told))


def _selection(first: Facts, second: Facts, differs: list[Differing], missing: list[str]) -> None:
    one, other = first.selection, second.selection
    over = "minimum_over_checkpoints"
    if one in SAID_NOWHERE or other in SAID_NOWHERE:
        missing.append("selection")
    elif one == over and other == over:
        missing.append("over how many checkpoints the best was taken")
    elif over in (one, other):
        differs.append(Differing("selection", str(one), str(other)))


def _spelled(value: object) -> str:
    if value is None:
        return "does not say"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
