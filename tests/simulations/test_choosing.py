"""How often the interval of a chosen cell covers that cell's expected value; the naive one is the negative control."""

from __future__ import annotations

import numpy as np
import pytest

from harness.uncertainty.choosing import Choice, choose

RUNS = 1500


def chosen(cells: int, folds: int, gap: float) -> tuple[np.ndarray, list[Choice]]:
    """Expected values of the cells that were chosen, and the choices; folds are normal with sd 1, cells `gap` apart."""
    rng = np.random.default_rng([cells, folds, int(100 * gap)])
    truth = gap * np.arange(cells)
    choices = [
        choose(truth[:, None] + rng.normal(size=(cells, folds)), lower_is_better=True, level=0.95) for _ in range(RUNS)
    ]
    return truth[[one.best for one in choices]], choices


@pytest.mark.parametrize("cells", [3, 10, 30])
@pytest.mark.parametrize("gap", [0, 0.3, 2])
def test_the_corrected_interval_covers_the_chosen_cell(cells, gap):
    truth, choices = chosen(cells, 5, gap)
    covered = np.mean([c.corrected_low <= t <= c.corrected_high for t, c in zip(truth, choices, strict=True)])
    assert covered >= 0.92  # .934 to .984 with 4,000 runs; 1,500 have a standard error of .006


def test_the_naive_interval_of_the_best_of_many_equals_does_not():
    """The negative control: .69 for .95."""
    truth, choices = chosen(30, 5, 0)
    covered = np.mean([c.low <= t <= c.high for t, c in zip(truth, choices, strict=True)])
    assert covered < 0.75


@pytest.mark.parametrize("gap", [0, 0.3])
def test_the_luck_of_the_chosen_cell_is_taken_off(gap):
    truth, choices = chosen(10, 5, gap)
    naive = np.mean([c.value - t for t, c in zip(truth, choices, strict=True)])
    corrected = np.mean([c.corrected - t for t, c in zip(truth, choices, strict=True)])
    assert naive < -0.3
    assert abs(corrected) < 0.1
