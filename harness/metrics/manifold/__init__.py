"""Manifold."""
