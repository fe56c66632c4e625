"""A lock file lets one holder in at a time, says that it waits, and is given back by a killed process."""

import subprocess
import sys
import threading
import time

import pytest

from harness.base import locked


def test_a_second_holder_says_so_waits_and_comes_in_when_the_first_is_out(tmp_path):
    path, order = tmp_path / "folder" / "lock", []

    def second() -> None:
        with locked(path, waiting=lambda: order.append("waits")):
            order.append("second")

    with locked(path):
        other = threading.Thread(target=second)
        other.start()
        deadline = time.monotonic() + 10
        while "waits" not in order:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        order.append("first")
    other.join(10)
    assert order == ["waits", "first", "second"]
    with locked(path, waiting=lambda: pytest.fail("nobody holds it")):
        pass


def test_a_lock_that_does_not_come_free_in_time_is_a_timeout_and_a_killed_holder_gives_it_back(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import pathlib, time; from harness.base import locked\n"
        f"with locked(pathlib.Path({str(path)!r})): print('in', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "in\n"
    with pytest.raises(TimeoutError, match=r"lock was held by another process for 0\.2 s"), locked(path, seconds=0.2):
        pass
    holder.kill()
    holder.wait()
    with locked(path, seconds=5):
        pass


def test_a_lock_that_cannot_be_written_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), locked(tmp_path / "file" / "lock"):  # noqa: PT011 - any of them
        pass
