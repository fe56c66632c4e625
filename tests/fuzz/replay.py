"""Inputs of mended faults, read again: each costs the sentence that tests/fuzz/mended.yaml names, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.base import UsageError
from tests.fuzz import page
from tests.fuzz.engine import fuzz
from tests.fuzz.guard import Guard
from tests.fuzz.targets import TARGETS, Target

FOLDER = page.HERE / "mended"
HEAVY = ("weights:",)  # their readers import torch, which costs more than all others together


def inputs(*, heavy: bool) -> list[tuple[dict[str, Any], str, str]]:
    """Each fault with the name of an input and the words that it costs; those of readers that import torch, or else."""
    listed = [fault for fault in page.mended() if fault["target"].startswith(HEAVY) == heavy]
    return [(fault, file, words) for fault in listed for file, words in fault["inputs"].items()]


def check(fault: dict[str, Any], file: str, words: str, folder: Path) -> None:
    """Read an input in a fork with the guard's bounds, and hold what it says against `words`."""
    (target,) = [one for one in TARGETS if one.name == fault.get("reader", fault["target"])]
    said = folder / "said"

    def noted(payload: bytes, place: Path) -> None:
        try:
            target.read(payload, place)
        except UsageError as told:
            said.write_text("\n".join(told.problems))
            raise

    found = fuzz(
        Target(target.name, noted, (f"../mended/{file}",)),
        seconds=0,
        seed=0,
        steered=False,
        guard=Guard((folder,)),
        most=1,
    )
    assert found.inputs == 1
    assert not found.findings, "\n".join(one.detail for one in found.findings.values())
    if words == "read":
        assert not said.exists()
    else:
        assert words in said.read_text()
