"""The stage encode: the next batch is read and prepared while the network works on this one."""

import threading

import pytest

from harness.pipeline.encode import one_ahead


def test_the_next_is_made_while_the_caller_works_and_not_the_one_after_it():
    begun = [threading.Event() for _ in range(4)]

    def items():
        for i, event in enumerate(begun):
            event.set()
            yield i

    ahead = one_ahead(items())
    assert next(ahead) == 0
    assert begun[1].wait(10)  # nobody has asked for it yet
    assert not begun[2].wait(0.05)
    assert list(ahead) == [1, 2, 3]


def test_what_goes_wrong_in_the_making_reaches_the_caller_in_its_place():
    def items():
        yield 0
        raise ValueError("the second")

    ahead = one_ahead(items())
    assert next(ahead) == 0
    with pytest.raises(ValueError, match="the second"):
        next(ahead)


def test_a_caller_that_stops_leaves_no_thread_behind():
    before = threading.active_count()
    ahead = one_ahead(iter(range(5)))
    assert next(ahead) == 0
    ahead.close()
    assert threading.active_count() == before
