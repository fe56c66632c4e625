"""The judges by name, and the set of them that text-to-image models are measured with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.base import UsageError, unknown
from harness.encoders.judges import aesthetic, clip_score, pickscore
from harness.encoders.judges.contract import Judge, JudgeFacts

JUDGES: dict[str, JudgeFacts] = {
    facts.name: facts for facts in (clip_score.FACTS, clip_score.PUBLISHED, aesthetic.FACTS, pickscore.FACTS)
}
JUDGE_SETS: dict[str, tuple[str, ...]] = {"text-to-image": ("clip_score", "aesthetic", "pickscore")}


def judges_named(names: Sequence[str]) -> list[JudgeFacts]:
    """The judges that names or names of sets stand for, each once. Raises UsageError for an unknown one."""
    return [JUDGES[name] for name in dict.fromkeys(one for name in names for one in _expanded(name))]


def made(facts: JudgeFacts, *, weights: str, seed: int = 0) -> Judge:
    """A judge with its registered weights, or `random` ones; UsageError, with what to place where, without a file."""
    return facts.make(weights, seed)


def _expanded(name: str) -> Iterator[str]:
    if name not in JUDGES and name not in JUDGE_SETS:
        raise UsageError(unknown("judge", name, [*JUDGES, *JUDGE_SETS]))
    yield from JUDGE_SETS.get(name, (name,))
