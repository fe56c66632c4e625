"""`harness gate OUT --baseline OUT0`: fails where a generator has become worse, for continuous integration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.base import percent

if TYPE_CHECKING:
    from harness.uncertainty import SeedMember

# What a metric is about; one axis must not pay for another.
AXES = {
    "precision": "fidelity",
    "density": "fidelity",
    "recall": "diversity",
    "coverage": "diversity",
    "authenticity": "novelty",
}
WHOLE = "fidelity and diversity together"
SHOWN = 3  # facts named in one sentence


@dataclass(frozen=True)
class Regression:
    """One test: has a generator become worse in one metric?

    `p` is one-sided; `held` says that a change for the worse is shown, after Holm's correction over all the tests.
    `axis` is fidelity, diversity, novelty, or the first two at once. `unseen` is how much worse it may be without being
    called so, were this the only change.
    """

    generator: str
    metric: str
    axis: str
    before: float
    after: float
    p: float
    unseen: float
    held: bool = False


@dataclass(frozen=True)
class Judgement:
    """What the gate found: its tests, generators whose scores are the baseline's own, and those that do not run.

    `broken` were scored in the baseline, `fresh` were not in it, `failing` failed there as well: no change.
    `checkpoints` names the trained generators of one training seed: a change there may be the seed's.
    """

    tests: tuple[Regression, ...]
    unchanged: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)  # generator → why it failed
    fresh: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    checkpoints: tuple[str, ...] = ()


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), required=True, help="The finished run to compare with.")
@click.option("--encoder", help="An encoder of both runs. [the one that ranks]")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
def gate(out: Path, baseline: Path, encoder: str | None, level: float) -> None:
    """Exit 1 where a generator of OUT is worse than in BASELINE beyond noise, in any metric; 2 where not comparable.

    Each metric of each generator that changed is one test against the same reference; Holm's correction holds the
    chance of any false alarm below 1 - level. Fidelity and diversity are tested apart, so that one cannot pay for the
    other. A generator that fails in OUT but not in BASELINE counts as worse, one that OUT leaves out is refused.
    """
    from harness.cli.lines import say
    from harness.pipeline import results

    found = judge(out, baseline, encoder, level)
    board = results.leaderboard(out)
    chosen = encoder or board["rank_by"]["encoder"]
    lines = [answer(found, level)]
    if board["encoders"].get(chosen):
        lines.append(f"note  under {results.labelled(board, chosen)}")
    if board["interval"]["target"] == "T_inf":
        lines.append(
            "note  values are those at these numbers of images (T_N), though OUT ranks population values (T_inf)"
        )
    # What has become worse first: a log is read from its top.
    for test in sorted(found.tests, key=lambda test: not test.held):
        lines.append(
            f"{'WORSE' if test.held else 'ok   '} {test.generator}: {test.metric} ({test.axis}) {test.before:.4g} → "
            f"{test.after:.4g}, p = {test.p:.2g}; a change for the worse of less than {test.unseen:.2g} may pass unseen"
        )
    lines += [f"WORSE {name}: scored in {baseline}, failed in {out}: {why}" for name, why in found.broken.items()]
    lines += [f"FAILS {name}: not in {baseline}, failed in {out}: {why}" for name, why in found.fresh.items()]
    lines += [f"note  {name}: failed in {baseline} and fails in {out}: {why}" for name, why in found.failing.items()]
    if found.unchanged:
        lines.append(f"same  {', '.join(found.unchanged)}: the very scores of {baseline}, nothing to test")
    if found.checkpoints:
        lines.append(f"note  {', '.join(found.checkpoints)}: one training seed, so a change may be the seed's own")
    if found.tests:
        lines.append(
            f"How sure: p is that of one test for the worse; of all {len(found.tests)} together at most "
            f"{percent(1 - level)} of runs that are no worse fail (Holm). More images or training seeds in both runs "
            "let smaller changes be seen."
        )
    say("\n".join(lines))
    if any(test.held for test in found.tests) or found.broken or found.fresh:
        sys.exit(1)


def answer(found: Judgement, level: float) -> str:
    """The judgement in a sentence: what has become worse, in which axis and by which metric, or that nothing has."""
    tests = f"{len(found.tests)} tests at {percent(level)} (Holm)"
    worse = []
    for generator in dict.fromkeys(test.generator for test in found.tests if test.held):
        own = [test for test in found.tests if test.generator == generator]
        # The axis that fell first; what measures both at once after it, and what did not fall last.
        held = sorted(dict.fromkeys(t.axis for t in own if t.held), key=lambda axis: axis == WHOLE)
        told = [f"{axis} ({_moves(t for t in own if t.held and t.axis == axis)})" for axis in held]
        rest = list(dict.fromkeys(t.axis for t in own if t.axis not in held and t.axis != WHOLE))
        spared = [f"; {axis} is not shown to ({_moves(t for t in own if t.axis == axis)})" for axis in rest]
        worse.append(f"{generator} became worse in {' and in '.join(told)}{''.join(spared)}")
    worse += [f"{generator} no longer runs" for generator in found.broken]
    worse += [f"{generator}, which is new, does not run" for generator in found.fresh]
    if worse:
        return f"gate: {'; '.join(worse)}: {tests}"
    return f"gate: no regression: {tests}, {len(found.unchanged)} generators unchanged"


def _moves(tests: Iterable[Regression]) -> str:
    return ", ".join(f"{test.metric} {test.before:.3g} → {test.after:.3g}" for test in tests)


def judge(out: Path, baseline: Path, encoder: str | None, level: float) -> Judgement:
    """Every test of the gate, with Holm's verdict.

    Raises UsageError where the runs differ in what makes numbers comparable, naming the fact, and where OUT lacks a
    generator of the baseline: what is left out cannot be seen to fall.
    """
    from harness.base import UsageError
    from harness.pipeline import results
    from harness.uncertainty import difference, holm

    board = results.leaderboard(out)
    chosen, after = results.read(out, encoder)
    _, before = results.read(baseline, chosen)
    uses = _comparable(out, baseline, chosen)
    failed = {
        str(row["generator"]): str(row["reason"])
        for row in board["rows"]
        if row["encoder"] == chosen and row["status"] == "failed"
    }
    generators = list(dict.fromkeys(generator for groups in before.values() for generator in groups))
    if not generators:
        raise UsageError(f"{baseline} has no scored generator under {chosen}: there is nothing to compare with")
    there = {generator for groups in after.values() for generator in groups} | set(failed)
    if missing := [generator for generator in generators if generator not in there]:
        raise UsageError(
            f"{out} lacks {', '.join(missing)}, which {baseline} has: what is left out cannot be seen to fall; score "
            "it again, or give a baseline without it"
        )
    known = {row["generator"] for row in results.leaderboard(baseline)["rows"] if row["encoder"] == chosen}
    better = {column["metric"]: column["lower_is_better"] for column in board["columns"]}
    kept = [generator for generator in generators if generator not in failed]
    changed = [g for g in kept if any(not _same(before[m][g], after[m][g]) for m in before)]
    tests, needed, trained_once = [], [], {}
    for generator in changed:
        for metric in before:
            one, two = _against(after[metric][generator]), _against(before[metric][generator])
            trained_once[generator] = _trained_once(generator, one, two)
            found = difference(one, two, level=level, reference="fixed")
            worse = found.value > 0 if better[metric] else found.value < 0
            p = found.p / 2 if worse else 1.0 - found.p / 2
            axis = AXES.get(uses[metric], WHOLE)
            tests.append(Regression(generator, metric, axis, _mean(two), _mean(one), p, 0.0))
            needed.append(found.needed)
    adjusted = holm([test.p for test in tests])
    strict = (1 - level) / max(len(tests), 1)
    return Judgement(
        tuple(
            replace(test, unseen=reach(strict), held=p <= 1 - level)
            for test, p, reach in zip(tests, adjusted, needed, strict=True)
        ),
        tuple(generator for generator in kept if generator not in changed),
        {generator: failed[generator] for generator in generators if generator in failed},
        {generator: why for generator, why in failed.items() if generator not in known},
        {generator: why for generator, why in failed.items() if generator in known and generator not in generators},
        tuple(generator for generator in changed if trained_once[generator]),
    )


def _against(members: list[SeedMember]) -> list[SeedMember]:
    """The members with the draws on the real side forgotten: another machine's last bits reseed them.

    With the reference held fixed those draws decide nothing; that it is one reference, `_comparable` has seen.
    """
    return [replace(member, analysis=replace(member.analysis, real_seed=0)) for member in members]


def _same(one: list[SeedMember], two: list[SeedMember]) -> bool:
    """Whether these are scores of the same image sets: the seed of their analysis is made from the images.

    The number of a sampling seed says nothing: the first set of a finite pool is the same under each.
    """

    def facts(members: list[SeedMember]) -> list[Any]:
        return [(m.training_seed, m.analysis.fake_seed, m.analysis.value) for m in members]

    return facts(one) == facts(two)


def _trained_once(generator: str, after: list[SeedMember], before: list[SeedMember]) -> bool:
    """Whether both runs have one training seed of it; UsageError where only one of them knows how seeds scatter."""
    from harness.base import UsageError

    ours, theirs = ({member.training_seed for member in members} for members in (after, before))
    if (len(ours) > 1) != (len(theirs) > 1):
        raise UsageError(
            f"{generator} has {len(ours)} training seed(s) here and {len(theirs)} in the baseline: how much seeds "
            "scatter is known on one side only; give both several, or both one"
        )
    return len(ours) == 1 and ours != {None}


def _mean(members: list[SeedMember]) -> float:
    from harness.uncertainty import means

    whole = means(members)
    return float(sum(w * m.analysis.value for w, m in zip(whole.weights, whole.members, strict=True)))


def _comparable(out: Path, baseline: Path, encoder: str) -> dict[str, str]:
    """What each metric computes, by its name in the runs.

    Raises UsageError where the numbers are of different things: reference, preprocessing, encoder, metrics, set sizes.
    """
    from harness.base import UsageError

    ours, theirs = _lock(out), _lock(baseline)
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
            unlike = list(_unlike(value(ours), value(theirs)))
        except (KeyError, TypeError) as problem:
            raise UsageError(f"a benchmark.lock.yaml of {out} and {baseline} lacks {problem}; run it again") from None
        if unlike:
            more = f" and {len(unlike) - SHOWN} more" if len(unlike) > SHOWN else ""
            differ.append(f"{out} and {baseline} are not comparable: {fact}: {'; '.join(unlike[:SHOWN])}{more}")
    if differ:
        raise UsageError(differ)
    return {name: str(metric["use"]) for name, metric in ours["components"]["metrics"].items()}


def _unlike(one: Any, two: Any, place: str = "") -> list[str]:
    """Where two JSON values differ, in words."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        found = []
        for key in dict.fromkeys((*one, *two)):
            inner = f"{place}.{key}" if place else str(key)
            found += _unlike(one.get(key), two.get(key), inner)
        return found
    return [] if one == two else [f"{place}{' ' if place else ''}{_short(one)} here, {_short(two)} in the baseline"]


def _lock(out: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from harness.base import UsageError

    try:
        return dict(YAML(typ="safe").load((out / "benchmark.lock.yaml").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{out} holds no run: there is no benchmark.lock.yaml in it") from None
    except (YAMLError, OSError, ValueError, TypeError):
        raise UsageError(f"{out / 'benchmark.lock.yaml'} cannot be read; run the benchmark again") from None


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
