"""Rows of a two-folder job are called by what tells their paths apart."""

from pathlib import Path

import pytest

from harness.benchmark.written import set_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["ck_1000/samples", "ck_2000/samples"], ["ck_1000-samples", "ck_2000-samples"]),
        (["runs/a/eval/fake", "runs/b/eval/fake", "other"], ["a-eval-fake", "b-eval-fake", "other"]),
        (["one.zip", "two.zip"], ["one", "two"]),
        (["x/fake", "x/fake"], ["fake", "fake-2"]),
        (["x/fake", "x/fake.zip"], ["fake", "fake-2"]),
        (["a b/s", "a_b/s"], ["s", "s-2"]),
    ],
)
def test_the_shortest_ends_of_paths_that_tell_sets_apart_are_their_names(paths, names):
    found = [Path("/data") / path for path in paths]
    called = set_names(found, {path for path in found if path.suffix == ".zip"})
    assert len(set(called)) == len(paths)
    assert called == names
