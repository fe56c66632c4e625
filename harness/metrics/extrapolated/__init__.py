"""Metrics extrapolated to infinitely many fakes."""
