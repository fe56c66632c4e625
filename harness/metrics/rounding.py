"""Where products of features may be taken in float32, at twice the speed of float64, and what that can cost.

A sum of d products of float32 numbers is off by up to √d u |x||y| with u = 2⁻²⁴ (the probabilistic bound of Higham and
Mary 2019; the worst case, d u |x||y|, takes every rounding to have one sign). Metrics add up what such errors can do to
their value; where that reaches a hundredth of the standard error the products are taken in float64.
"""

from __future__ import annotations

import numpy as np

from harness.uncertainty import Rows

NEGLIGIBLE = 0.01  # share of the standard error: together they make sqrt(1 + 0.0001) of it, 0.005 % more
WIDE = 256  # columns from which products take most of the time
UNIT = float(np.finfo(np.float32).eps) / 2
IN_SINGLE = " (float32 products)"  # what a method says of it


def single(*sets: Rows) -> bool:
    """Whether products of these sets' rows are first tried in float32: float32 features of many columns."""
    return all(rows.dtype == np.float32 and rows.shape[1] > WIDE for rows in sets)


def product_error(d: int) -> float:
    """The error of a float32 inner product of d terms, relative to the product of the lengths."""
    return float(np.sqrt(d)) * UNIT
