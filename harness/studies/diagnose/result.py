"""What the diagnoses of a run found: each generator's findings and their evidence, and the generators' orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.pipeline import Unlike
from harness.studies.diagnose.evidence import Case
from harness.studies.diagnose.findings import Diagnosis
from harness.studies.rerank import Order

SOUND = {"nothing", "few copies"}  # findings that nothing is wrong


@dataclass(frozen=True)
class Diagnosed:
    """One generator: its diagnosis and what that rests on, or the reason why there is nothing to read."""

    generator: str
    diagnosis: Diagnosis | None = None
    case: Case | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The diagnosis in one line."""
        return "failed" if self.diagnosis is None else self.diagnosis.verdict

    @property
    def compared(self) -> bool:
        """Whether it was held against something: it has scores and is not the reference point itself."""
        return self.case is not None and self.case.against != self.generator

    @property
    def sound(self) -> bool:
        """Whether it was held against something that found nothing wrong with it."""
        kinds = {found.kind for found in self.diagnosis.findings} if self.diagnosis is not None else set()
        return self.compared and bool(kinds) and kinds <= SOUND

    def to_json(self) -> dict[str, Any]:
        """The diagnosis with its evidence."""
        if self.diagnosis is None or self.case is None:
            return {"generator": self.generator, "verdict": self.verdict, "reason": self.reason, "findings": []}
        return {
            **asdict(self.diagnosis),
            "against": self.case.against,
            "evidence": [asdict(evidence) for evidence in self.case.metrics.values()],
            "copies": None if self.case.copies is None else asdict(self.case.copies),
        }


@dataclass(frozen=True)
class Diagnoses:
    """All generators of a run under one encoder. `against` names the generator of held-out real images; None: theory.

    `unlike` says that the run has such a generator and that it is not exchangeable with the reference: nothing is
    compared with it.
    """

    benchmark: str
    encoder: str
    encoder_note: str
    interval: Mapping[str, Any]
    against: str | None
    generators: tuple[Diagnosed, ...]
    orders: tuple[Order, ...]
    unlike: Unlike | None = None

    @property
    def level(self) -> float:
        """Of its intervals and tests."""
        return float(self.interval["level"])

    def to_json(self) -> dict[str, Any]:
        """Every number that the words have."""
        return {
            "benchmark": self.benchmark,
            "encoder": self.encoder,
            "interval": self.interval,
            "against": self.against,
            **({} if self.unlike is None else {"unlike_reference": asdict(self.unlike)}),
            "diagnoses": [one.to_json() for one in self.generators],
            "orders": [asdict(order) for order in self.orders],
        }
