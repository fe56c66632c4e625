"""Sliced optimal transport."""
