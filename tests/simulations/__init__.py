"""Coverage of the intervals by simulation: `python -m tests.simulations`, and at a smaller size in pytest."""
