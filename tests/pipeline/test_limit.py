"""`--unit-timeout`: a unit that hangs ends with a sentence, and the others have their results."""

from __future__ import annotations

import contextlib
import time

import pytest

from harness.pipeline.executors import limit, work
from harness.pipeline.executors.inline import InlineExecutor
from harness.pipeline.executors.local import LocalExecutor
from harness.pipeline.executors.work import Failure, outcomes


def hang(unit: str) -> str:
    if unit == "sleeps":
        time.sleep(60)
    if unit == "keeps what it is told":
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(60)
    return unit


def test_a_unit_that_hangs_fails_with_a_sentence_and_the_others_go_on():
    began = time.monotonic()
    with InlineExecutor() as executor:
        found = {f.unit: f.result for f in outcomes(executor, hang, ["a", "sleeps", "b"], limit=0.3)}
    assert time.monotonic() - began < 20
    assert found["a"] == "a"
    assert found["b"] == "b"
    assert isinstance(found["sleeps"], Failure)
    assert found["sleeps"].reason == limit.words(0.3)
    assert "time.sleep(60)" in found["sleeps"].detail  # where it hung


def test_without_a_limit_the_alarm_of_the_program_is_left_alone():
    import signal

    before = signal.getsignal(signal.SIGALRM)
    with limit.limited(None):
        assert signal.getsignal(signal.SIGALRM) is before
    with limit.limited(5):
        assert signal.getsignal(signal.SIGALRM) is not before
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.slow
def test_a_unit_that_keeps_the_exception_to_itself_is_ended_with_its_process(monkeypatch):
    with LocalExecutor(1) as executor:
        found = {f.unit: f.result for f in outcomes(executor, hang, ["keeps what it is told", "a"], limit=0.5)}
    assert found["a"] == "a"
    assert found["keeps what it is told"].reason == limit.words(0.5)
    assert work.GRACE == limit.GRACE
