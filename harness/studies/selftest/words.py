"""What `harness selftest` prints: how many published values were reproduced, and each beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import aligned
from harness.studies.selftest.result import Outcome, Tally

RANDOM = "random weights: the values check only that they stay the same, not a published pipeline"
WORDS = {"agrees": "agrees", "differs": "DIFFERS", "not run": "not run"}
WIDE = 30  # letters of a value's name


def text(found: Tally, outcomes: Sequence[Outcome], *, details: bool = False) -> str:
    """The count, a row a value, what is missing; `details` adds the reason of each tolerance and the source."""
    total = found.agree + found.differ + found.absent
    lines = [
        f"{found.protocol}: {found.agree} of {total} published values reproduced, {found.differ} differ, "
        f"{found.absent} not run.",
        "",
        *aligned(
            [_row(one) for one in outcomes],
            heads=("", "value", "ours", "published", "tolerance"),
            right=(2, 3, 4),
            wrap={1: WIDE},
        ),
    ]
    if found.missing:
        lines += ["", *(f"missing: {line}" for line in found.missing)]
    if details:
        lines += ["", *(line for one in outcomes for line in _origin(one))]
    else:
        lines += ["", "Source of each value and reason for its tolerance: --details."]
    return "\n".join(lines)


def progress_words(outcome: Outcome) -> str:
    """One value as soon as it is computed."""
    return f"{WORDS[outcome.verdict]:<8}{outcome.case.words}"


def _row(outcome: Outcome) -> tuple[str, ...]:
    case = outcome.case
    ours = "–" if outcome.ours is None else f"{outcome.ours:.8g}"
    return WORDS[outcome.verdict], case.words, ours, f"{case.value:.8g}", f"{case.tolerance:.2g}"


def _origin(outcome: Outcome) -> list[str]:
    case = outcome.case
    return [f"{case.words}", f"  tolerance {case.tolerance:.2g}: {case.because}", f"  source: {case.source}"]
