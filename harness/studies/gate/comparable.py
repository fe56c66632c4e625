"""Whether two runs measure the same thing, by what their lock files say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.base import UsageError
from harness.studies.scored import Scored

SHOWN = 3  # facts named in one sentence


def check_comparable(run: Scored, baseline: Scored) -> None:
    """Raises UsageError where numbers are of different things: reference, recipe, encoder, metrics, set sizes."""
    encoder = run.encoder
    facts: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "reference split": lambda lock: lock["benchmark"]["reference_split"],
        "reference images": lambda lock: lock["dataset"][lock["benchmark"]["reference_split"]]["digest"],
        "n_real": lambda lock: lock["benchmark"]["n_real"],
        "n_fake": lambda lock: lock["benchmark"]["n_fake"],
        "seed, which draws the reference": lambda lock: lock["benchmark"]["seed"],
        "preprocessing": lambda lock: (
            lock["benchmark"]["encoders"][encoder].get("preprocessing") or lock["benchmark"]["preprocessing"]
        ),
        f"encoder {encoder}": lambda lock: lock["components"]["encoders"][encoder],
        "metrics": lambda lock: lock["components"]["metrics"],
        f"metrics under {encoder}": lambda lock: {
            name: "computed"
            for name, metric in lock["benchmark"]["metrics"].items()
            if encoder in metric.get("encoders", [encoder])
        },
    }
    differ = []
    for fact, value in facts.items():
        try:
            unlike = _unlike(value(run.lock), value(baseline.lock))
        except (KeyError, TypeError) as problem:
            raise UsageError(
                f"a benchmark.lock.yaml of {run.out} and {baseline.out} lacks {problem}; run it again"
            ) from None
        if unlike:
            more = f" and {len(unlike) - SHOWN} more" if len(unlike) > SHOWN else ""
            differ.append(f"{run.out} and {baseline.out} are not comparable: {fact}: {'; '.join(unlike[:SHOWN])}{more}")
    if differ:
        raise UsageError(differ)


def _unlike(one: Any, two: Any, place: str = "") -> list[str]:
    """Where two JSON values differ, in words."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        found = []
        for key in dict.fromkeys((*one, *two)):
            inner = f"{place}.{key}" if place else str(key)
            found += _unlike(one.get(key), two.get(key), inner)
        return found
    return [] if one == two else [f"{place}{' ' if place else ''}{_short(one)} here, {_short(two)} in the baseline"]


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
