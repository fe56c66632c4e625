"""A store that cannot be written is said before anything is computed, with the option; reading it is fine."""

import shutil
import sys
from pathlib import Path

import pytest

from harness import UsageError
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.tiny import tiny

CODE = """
import numpy as np

def drawn(seeds):
    return np.stack([np.random.default_rng(seed).integers(0, 256, (8, 8, 1), np.uint8) for seed in seeds])
"""


def closed(store: Path) -> None:
    """Nothing can be begun in the store any more, not even by root: its place for drafts is the kernel's."""
    store.mkdir(exist_ok=True)
    if (store / "tmp").exists():
        shutil.rmtree(store / "tmp")
    (store / "tmp").symlink_to("/sys")


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that root cannot write")
def test_a_store_that_cannot_be_written_is_named_with_the_option_and_a_whole_one_still_serves(tmp_path):
    bench, options = tiny(tmp_path, CODE, {"drawn": {"use": "mine:drawn"}}), {"executor": Here(), "tracking": False}
    closed(tmp_path / "closed")
    with pytest.raises(
        UsageError, match=r"the store .*closed cannot be written \(.*\); set a writable one with --store"
    ):
        run_benchmark(bench, out=tmp_path / "out", store=tmp_path / "closed", **options)
    made = run_benchmark(bench, out=tmp_path / "out", store=tmp_path / "store", **options)
    closed(tmp_path / "store")
    again = run_benchmark(bench, out=tmp_path / "again", store=tmp_path / "store", **options)
    assert again.leaderboard == made.leaderboard
    with pytest.raises(UsageError, match=r"cannot create the store /sys/harness; give another folder with --store"):
        run_benchmark(bench, out=tmp_path / "out", store="/sys/harness", **options)
