"""Damaged files of weights that fuzzing found cost a sentence."""

from __future__ import annotations

import pytest
import torch  # noqa: F401 - once, not in each of their forks

from tests.fuzz import replay

FOUND = replay.inputs(heavy=True)


@pytest.mark.parametrize(("fault", "file", "words"), FOUND, ids=[file for _, file, _ in FOUND])
def test_damaged_weights_cost_a_sentence(fault, file, words, tmp_path):
    replay.check(fault, file, words, tmp_path)
