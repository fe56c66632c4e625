"""`harness gate OUT --baseline OUT0`: fails where a generator has become worse, for continuous integration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

# What a metric is about; one axis must not pay for another.
AXES = {"precision": "fidelity", "density": "fidelity", "recall": "diversity", "coverage": "diversity"}
WHOLE = "fidelity and diversity together"


@dataclass(frozen=True)
class Regression:
    """One generator's change for the worse in one metric: `p` is one-sided, `held` after Holm's correction."""

    generator: str
    metric: str
    before: float
    after: float
    p: float
    held: bool

    @property
    def axis(self) -> str:
        """Fidelity, diversity, or both at once."""
        return AXES.get(self.metric, WHOLE)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), required=True, help="The finished run to compare with.")
@click.option("--encoder", help="An encoder of both runs. [the one that ranks]")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
def gate(out: Path, baseline: Path, encoder: str | None, level: float) -> None:
    """Exit 1 where a generator of OUT is worse than in BASELINE beyond noise, in any metric; 2 where not comparable.

    Each metric of each generator is one test of the same reference; Holm's correction holds the chance of any false
    alarm below 1 - level. Fidelity and diversity are tested apart, so that one cannot pay for the other.
    """
    found = regressions(out, baseline, encoder, level)
    failed = [one for one in found if one.held]
    for one in failed:
        click.echo(
            f"WORSE {one.generator}: {one.metric} ({one.axis}) went from {one.before:.4g} to {one.after:.4g}, "
            f"p = {one.p:.2g}"
        )
    generators = len({one.generator for one in found})
    if failed:
        click.echo(f"gate: {len(failed)} of {len(found)} tests show a regression at {level:.0%} (Holm)")
        sys.exit(1)
    click.echo(
        f"gate: no regression: {len(found)} tests of {generators} generators at {level:.0%} (Holm); smallest p = "
        f"{min((one.p for one in found), default=1.0):.2g}"
    )


def regressions(out: Path, baseline: Path, encoder: str | None, level: float) -> list[Regression]:
    """Every test of the gate, with Holm's verdict.

    Raises UsageError where the runs differ in what makes numbers comparable, naming the fact.
    """
    from harness.errors import UsageError
    from harness.outfolder import leaderboard, read
    from harness.uncertainty import difference

    _comparable(out, baseline)
    board = leaderboard(out)
    better = {column["metric"]: column["lower_is_better"] for column in board["columns"]}
    chosen, after = read(out, encoder)
    _, before = read(baseline, chosen)
    tests: list[tuple[str, str, float, float, float]] = []
    for metric, groups in after.items():
        for generator, members in groups.items():
            if generator not in before.get(metric, {}):
                continue
            earlier = before[metric][generator]
            found = difference(members, earlier, level=level, reference="fixed")
            worse = found.value > 0 if better[metric] else found.value < 0
            p = found.p / 2 if worse else 1.0 - found.p / 2
            tests.append((generator, metric, _mean(earlier), _mean(members), p))
    if not tests:
        raise UsageError(f"{out} and {baseline} have no generator and metric in common: there is nothing to compare")
    held, open_ = set(), True
    for rank, number in enumerate(sorted(range(len(tests)), key=lambda i: tests[i][4])):
        open_ = open_ and tests[number][4] <= (1 - level) / (len(tests) - rank)
        if open_:
            held.add(number)
    return [Regression(*test, held=number in held) for number, test in enumerate(tests)]


def _mean(members: list[Any]) -> float:
    from harness.uncertainty.seeds import means

    whole = means(members)
    return float(sum(w * m.analysis.value for w, m in zip(whole.weights, whole.members, strict=True)))


def _comparable(out: Path, baseline: Path) -> None:
    """Refuse runs whose numbers are of different things: reference, preprocessing, encoders, metrics, set sizes."""
    from harness.errors import UsageError

    ours, theirs = _lock(out), _lock(baseline)
    split = ours["benchmark"]["reference_split"]
    facts: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "the reference images": lambda lock: lock["dataset"].get(split, {}).get("digest"),
        "n_real": lambda lock: lock["benchmark"]["n_real"],
        "n_fake": lambda lock: lock["benchmark"]["n_fake"],
        "the seed, which draws the reference,": lambda lock: lock["benchmark"]["seed"],
        "the preprocessing": lambda lock: lock["benchmark"]["preprocessing"],
        "the encoders": lambda lock: lock["components"]["encoders"],
        "the metrics": lambda lock: lock["components"]["metrics"],
    }
    differ = [
        f"{out} and {baseline} are not comparable: {fact} differ{'' if fact.endswith('s') else 's'} "
        f"({_short(read(ours))} and {_short(read(theirs))})"
        for fact, read in facts.items()
        if read(ours) != read(theirs)
    ]
    if differ:
        raise UsageError(differ)


def _lock(out: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from harness.errors import UsageError

    try:
        return dict(YAML(typ="safe").load((out / "benchmark.lock.yaml").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{out} holds no run: there is no benchmark.lock.yaml in it") from None
    except (YAMLError, OSError, ValueError, TypeError):
        raise UsageError(f"{out / 'benchmark.lock.yaml'} cannot be read; run the benchmark again") from None


def _short(value: Any) -> str:
    from harness.keys import digest

    text = str(value)
    return text if len(text) <= 80 else f"digest {digest(value)[:12]}"
