"""Finite differences in the weight of one row: what an influence function must agree with."""

import numpy as np

TIMES = 100  # each row stands for so many, so that one more is a small step


def moved(metric, real, fake, i, side):
    """How fast a metric that ignores how often all rows are repeated moves as row i of a side gains weight."""
    sides = {"real": real, "fake": fake}
    repeated = {**sides, side: np.repeat(sides[side], TIMES, axis=0)}
    more = {**sides, side: np.concatenate([repeated[side], sides[side][i : i + 1]])}
    return (metric(**{k[0]: v for k, v in more.items()}) - metric(**{k[0]: v for k, v in sides.items()})) * len(
        more[side]
    )
