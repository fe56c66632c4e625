"""The pytest fixture `harness_gate`: a test fails where a generator of a run has become worse than in its baseline.

pytest loads this in every session of an environment that has the harness: nothing of it is imported before a test asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.studies.gate.result import Gated


class Gate:
    """What the fixture gives."""

    def assert_not_worse(
        self,
        out: str | Path,
        baseline: str | Path,
        *,
        metric: str | None = None,
        margin: float = 0.0,
        encoder: str | None = None,
        level: float = 0.95,
    ) -> Gated:
        """What `harness gate OUT --baseline BASELINE` finds; the test fails with its words where that exits 1.

        `metric` tests that one alone, and `margin`, in its units, is how much worse passes. Runs that cannot be
        compared raise UsageError: such a test has no answer.
        """
        __tracebackhide__ = True
        from harness.studies.gate.judging import judge
        from harness.studies.gate.words import text
        from harness.studies.scored import Scored

        run = Scored.read(Path(out), encoder)
        found = judge(run, Scored.read(Path(baseline), run.encoder), level=level, metric=metric, margin=margin)
        if not found.passed:
            pytest.fail(text(found), pytrace=False)
        return found


@pytest.fixture(scope="session")
def harness_gate() -> Gate:
    """`harness_gate.assert_not_worse(out, baseline, metric=…, margin=…)`."""
    return Gate()
