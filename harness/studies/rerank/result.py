"""How alike encoders, and people, rank the same generators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.studies.rerank.runs import Run
    from harness.studies.rerank.scoretable import Scores
    from harness.uncertainty import Agreement, Consensus, Judgement, Ranking


@dataclass(frozen=True)
class People:
    """What people say of the generators that they judged.

    `agreement` has an encoder beside people, `judgement` two encoders and which of them agrees better with people.
    """

    dataset: str
    notes: tuple[str, ...]
    agreement: tuple[Agreement, ...]
    judgement: tuple[Judgement, ...]


@dataclass(frozen=True)
class Reranked:
    """The generators that every encoder scored, and every two encoders' agreement about them.

    `whole` is the consensus of all encoders, `counted` that of those whose weights were trained, where two are left;
    both are None for one encoder alone, which is there to be compared with people. `notes` say what was left out.
    """

    of: Run | Scores
    level: float
    rankings: Sequence[Ranking]
    notes: tuple[str, ...]
    pairs: tuple[Agreement, ...]
    whole: Consensus | None
    counted: Consensus | None
    people: People | None

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON, the verdict in words too."""
        from harness.studies.rerank.words import verdict

        told: dict[str, Any] = {"level": self.level, "title": self.of.title, "notes": list(self.notes)}
        told["noise_known"] = self.of.known
        if self.whole is not None:
            told["verdict"] = verdict(self)
            told |= {"agreement": [asdict(pair) for pair in self.pairs], "consensus": asdict(self.whole)}
            told["distances"] = [asdict(order) for order in self.of.distances]
        if self.people is not None:
            told["people"] = {
                "dataset": self.people.dataset,
                "notes": list(self.people.notes),
                "agreement": [asdict(found) for found in self.people.agreement],
                "judgement": [asdict(found) for found in self.people.judgement],
            }
        return told
