"""What `harness selftest` says: a value beside the published one, and the count of all."""

from __future__ import annotations

from harness.studies.selftest.result import Outcome, Tally

RANDOM = "random weights: these values say nothing about a published pipeline, only whether they stay"
WORDS = {"agrees": "agrees ", "differs": "DIFFERS", "not run": "not run"}


def outcome_words(outcome: Outcome) -> list[str]:
    """The verdict on one published value, ours and theirs, and where theirs is from."""
    case = outcome.case
    ours = "" if outcome.ours is None else f"ours {outcome.ours:.8g}, "
    return [
        f"{WORDS[outcome.verdict]} {case.words}",
        f"        {ours}published {case.value:.8g}, tolerance {case.tolerance:.2g} ({case.because})",
        f"        {case.source}",
    ]


def tally_words(found: Tally) -> list[str]:
    """What is missing, a line each, and how many agree."""
    total = found.agree + found.differ + found.absent
    counts = f"{found.agree} of {total} agree, {found.differ} differ, {found.absent} not run"
    return [*(f"missing: {line}" for line in found.missing), f"{found.protocol}: {counts}"]
