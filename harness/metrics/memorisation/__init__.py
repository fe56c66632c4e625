"""Metrics with three roles: training rows, held-out real rows, fakes; do fakes repeat what was trained on."""
