"""The gate's tests: each metric of each generator that changed, against the same reference, read together by Holm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.base import UsageError
from harness.metrics import facts_of
from harness.studies.gate.comparable import check_comparable
from harness.studies.gate.matching import Match, matched
from harness.studies.gate.result import Gated, Regression
from harness.studies.scored import Scored
from harness.uncertainty import SeedMember, difference, holm, means, p_beyond, why_no_interval


def judge(
    run: Scored, baseline: Scored, *, level: float = 0.95, metric: str | None = None, margin: float = 0.0
) -> Gated:
    """Every test of the gate, with Holm's verdict. Both runs are under the same encoder.

    `metric` tests that one alone; `margin`, in its units, is how much worse is let pass: what fails is shown to be
    worse by more than that.

    Raises UsageError where the runs differ in what makes numbers comparable, naming the fact, where the baseline has no
    scores, and where the run lacks a generator of the baseline: what is left out cannot be seen to fall.
    """
    check_comparable(run, baseline)
    if metric is not None:
        run.asked(metric)
        run, baseline = (replace(one, metrics={metric: one.metrics[metric]}) for one in (run, baseline))
    if margin and metric is None:
        raise UsageError("a margin is in the units of a metric; name the one that it is for")
    if not 0 <= margin < float("inf"):
        raise UsageError(f"the margin is {margin}; it must be 0 or more, and declared before looking")
    scored = _scored(baseline)
    if not scored:
        raise UsageError(
            f"{baseline.out} has no scored generator under {run.encoder}: there is nothing to compare with"
        )
    pairs = matched(run, baseline, scored, (*_scored(run), *run.failed))
    known = {row["generator"] for row in baseline.rows}
    ours = {pair.after for pair in pairs}
    void = {pair.after for pair in pairs if pair.after in run.copying or pair.before in baseline.copying}
    kept = [pair for pair in pairs if pair.after not in run.failed and pair.after not in void]
    changed = [pair for pair in kept if _changed(run, baseline, pair)]
    checkpoints = tuple(pair.after for pair in changed if _trained_once(run, baseline, pair))
    tried = []
    collapsed: dict[str, str] = {}
    untested: dict[str, str] = {}
    for pair in changed:
        for name, groups in baseline.metrics.items():
            if pair.before not in groups:
                continue  # it failed there: nothing to fall from
            if pair.after not in run.metrics[name]:
                collapsed[pair.after] = f"{name}: it fails now"
                continue
            before = why_no_interval(groups[pair.before])
            after = why_no_interval(run.metrics[name][pair.after])
            if after is not None and before is None:
                collapsed[pair.after] = f"{name}: {after}"
            elif before is not None:
                untested[pair.after] = f"{name}: {before}"
            else:
                tried.append(_test(run, baseline, pair, name, level=level, margin=margin))
    adjusted = holm([one.test.p for one in tried])
    strict = (1 - level) / max(len(tried), 1)
    return Gated(
        run.out,
        baseline.out,
        level,
        tuple(
            replace(one.test, unseen=one.needed(strict), held=p <= 1 - level)
            for one, p in zip(tried, adjusted, strict=True)
        ),
        unchanged=tuple(pair.after for pair in kept if pair not in changed),
        broken={pair.after: run.failed[pair.after] for pair in pairs if pair.after in run.failed},
        fresh={name: why for name, why in run.failed.items() if name not in ours and name not in known},
        failing={name: why for name, why in run.failed.items() if name not in ours and name in known},
        others=tuple(pair for pair in pairs if pair.changed or pair.after != pair.before),
        collapsed=collapsed,
        untested=untested,
        checkpoints=checkpoints,
        copying={p.after: run.copying[p.after] for p in pairs if p.after in void and p.before not in baseline.copying},
        copied={
            p.after: baseline.copying[p.before]
            for p in pairs
            if p.before in baseline.copying and p.after not in run.failed
        },
        encoder_note=run.label if run.note else "",
        of_these_sizes=run.board["interval"]["target"] == "T_inf",
    )


def _scored(run: Scored) -> list[str]:
    return list(dict.fromkeys(generator for groups in run.metrics.values() for generator in groups))


def _changed(run: Scored, baseline: Scored, pair: Match) -> bool:
    """Whether any score is of other image sets: the seed of an analysis is made from the images.

    The number of a sampling seed says nothing: the first set of a finite pool is the same under each.
    """

    def facts(members: Sequence[SeedMember]) -> list[Any]:
        return [(m.training_seed, m.analysis.fake_seed, m.analysis.value) for m in members]

    return any(
        facts(run.metrics[metric].get(pair.after, ())) != facts(groups.get(pair.before, ()))
        for metric, groups in baseline.metrics.items()
    )


@dataclass(frozen=True)
class _Tried:
    """A test, and the difference whose one-sided p would be as small as given."""

    test: Regression
    needed: Callable[[float], float]


def _test(run: Scored, baseline: Scored, pair: Match, metric: str, *, level: float, margin: float) -> _Tried:
    after, before = (_unseeded(run.metrics[metric][pair.after]), _unseeded(baseline.metrics[metric][pair.before]))
    found = difference(after, before, level=level, reference="fixed")
    p = p_beyond(found, rise=run.lower_is_better[metric], margin=margin)
    axis = facts_of(str(run.lock["components"]["metrics"][metric]["use"])).axis
    return _Tried(
        Regression(pair.after, metric, axis, _mean(before), _mean(after), p, 0.0), lambda p: found.needed(p) + margin
    )


def _unseeded(members: Sequence[SeedMember]) -> list[SeedMember]:
    """The members with the draws on the real side forgotten: another machine's last bits reseed them.

    With the reference held fixed those draws decide nothing; that it is one reference, `check_comparable` has seen.
    """
    return [replace(member, analysis=replace(member.analysis, real_seed=0)) for member in members]


def _trained_once(run: Scored, baseline: Scored, pair: Match) -> bool:
    """Whether both runs have one training seed of it; UsageError where only one of them knows how seeds scatter."""
    ours, theirs = (
        {member.training_seed for groups in one.metrics.values() for member in groups.get(name, ())}
        for one, name in ((run, pair.after), (baseline, pair.before))
    )
    if (len(ours) > 1) != (len(theirs) > 1):
        raise UsageError(
            f"{pair.after} has {len(ours)} training seed(s) here and {len(theirs)} in the baseline: how much seeds "
            "scatter is known on one side only; give both several, or both one"
        )
    return len(ours) == 1 and ours != {None}


def _mean(members: Sequence[SeedMember]) -> float:
    whole = means(members)
    return float(sum(w * m.analysis.value for w, m in zip(whole.weights, whole.members, strict=True)))
