"""What the parts of a benchmark ask of each other, once each is sound by itself."""

from __future__ import annotations

from harness.benchmark.image_checks import ImageChecks
from harness.benchmark.metric_checks import MetricChecks
from harness.benchmark.parts import Parts


def check(parts: Parts) -> None:
    """Note every contradiction between parts; keys that could not be made are not looked at."""
    for checks in (ImageChecks, MetricChecks):
        checks(parts.document, parts.data, parts.values, parts.folder).run()
