"""May two numbers be held against each other at all? Fact by fact: the same, different, or not said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.base import listed
from harness.benchmark import protocols
from harness.studies.reproduce.claims import PART, Facts

Comparability = Literal["comparable", "not comparable", "cannot be decided"]
PLAIN = ("dataset", "resolution", "reference_split", "n_real", "n_fake")
OF_THE_REFERENCE = ("reference_split", "n_real")  # which an Inception score does not have
SAID_NOWHERE = (None, "unknown")
OURS = "harness "  # begins the pipeline of a run of ours, of which every fact is known; 16 hexadecimal digits follow
SHOWN = 4  # facts of a protocol that one line names


@dataclass(frozen=True)
class Differing:
    """A fact in which two numbers differ, with both sides and, for protocols, what differs in them."""

    fact: str
    first: str
    second: str
    details: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`dataset differs (faces / cats)`, for protocols with the names of the first facts in which they do."""
        names = [line.partition(":")[0] for line in self.details]
        inside = f": {listed(names, SHOWN)}" if names else ""
        return f"{self.fact} differs ({self.first} / {self.second}{inside})"


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
        parts = [d.words for d in self.differs]
        if self.missing:
            parts.append(f"not said: {', '.join(self.missing)}")
        return "; ".join(parts)


def conditions(facts: Facts) -> tuple[str, ...]:
    """The facts beside protocol and selection that a number of this metric depends on."""
    return tuple(f for f in PLAIN if facts.metric != "inception_score" or f not in OF_THE_REFERENCE)


def match(first: Facts, second: Facts, *, corrected: bool = True) -> Match:
    """Which facts of two numbers differ and which are not said.

    The same protocol means the same digest of the parts that make the features and the metric. A single evaluation and
    a mean of several are comparable. A best of three is comparable with them only for one who has corrected its bias,
    which is known; a best over checkpoints is not.
    """
    differs: list[Differing] = []
    missing: list[str] = []
    if first.metric != second.metric:
        differs.append(Differing("metric", str(first.metric), str(second.metric)))
    _protocol(first, second, differs, missing)
    for fact in conditions(first):
        one, other = getattr(first, fact), getattr(second, fact)
        same: bool | None = one == other
        if fact == "n_real" and not same and "all" in (one, other):
            same = (second if one == "all" else first).whole_split  # None where nobody said how many all are
        if one is None or other is None or same is None:
            missing.append(fact)
        elif not same:
            differs.append(Differing(fact, _spelled(one), _spelled(other)))
    _constants(first, second, differs)
    _selection(first, second, differs, missing, corrected)
    return Match(tuple(differs), tuple(missing))


def way_in_words(facts: Facts) -> bool:
    """Whether a pipeline is given in words alone, which can be held against the same words or other words only."""
    return facts.protocol is None and facts.pipeline is not None and not facts.pipeline.startswith(OURS)


def _protocol(first: Facts, second: Facts, differs: list[Differing], missing: list[str]) -> None:
    if first.protocol is None or second.protocol is None:
        ways = [facts.protocol or facts.pipeline for facts in (first, second)]
        in_words = [way for facts, way in zip((first, second), ways, strict=True) if way and way_in_words(facts)]
        if None in ways or len(in_words) == 1:
            missing.append("protocol")  # also whether words mean a protocol or a pipeline of ours: nobody's to guess
        elif ways[0] != ways[1]:
            differs.append(Differing("protocol", str(ways[0]), str(ways[1])))
        return
    if first.protocol == second.protocol:
        return
    one, other = protocols.load(first.protocol), protocols.load(second.protocol)
    parts = (*protocols.INPUT_PARTS, *(PART[metric] for metric in {first.metric, second.metric} if metric is not None))
    if one.digest(parts=parts) == other.digest(parts=parts):
        return
    told = tuple(
        f"{d.fact}: {_spelled(d.first)} / {_spelled(d.second)}" + (f" ({d.effect})" if d.effect else "")
        for d in protocols.differences(one, other)
        if d.fact.partition(".")[0] in parts
    )
    differs.append(Differing("protocol", one.name, other.name, told))


def _constants(first: Facts, second: Facts, differs: list[Differing]) -> None:
    """Averages over other constants are other numbers, whatever was measured."""
    one, other = first.divided_by, second.divided_by
    if first.metric != second.metric or not one or not other or one == other:
        return
    apart = [name for name in dict.fromkeys((*one, *other)) if one.get(name) != other.get(name)]
    left, right = (", ".join(f"{name} {of[name]:g}" for name in apart if name in of) for of in (one, other))
    differs.append(Differing("constants", left, right))


def _selection(first: Facts, second: Facts, differs: list[Differing], missing: list[str], corrected: bool) -> None:
    one, other = first.selection, second.selection
    over = "minimum_over_checkpoints"
    if one in SAID_NOWHERE or other in SAID_NOWHERE:
        missing.append("selection")
    elif one == over and other == over:
        missing.append("over how many checkpoints the best was taken")
    elif over in (one, other) or (not corrected and "best_of_three" in (one, other) and one != other):
        differs.append(Differing("selection", str(one), str(other)))


def _spelled(value: object) -> str:
    if value is None:
        return "does not say"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
