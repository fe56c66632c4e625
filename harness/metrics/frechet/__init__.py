"""Frechet."""
