"""Stage `rank`: stored scores → Records and the leaderboard. Reads the store, computes intervals, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from harness.base import Cell, Estimate, Record, Reference, Target, percent
from harness.pipeline import likelihoods, numerics, provenance, sizes, swept
from harness.pipeline.distances import USES, disagreements
from harness.pipeline.executors.work import Failure
from harness.pipeline.groups import caption
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.notes import bias_notes, flags, pool_notes, twins, without_interval, without_value
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, plain
from harness.pipeline.registration import standing
from harness.pipeline.rows import Chosen, Column, Row, copies_reference, order
from harness.pipeline.score import load_analyses, make_scores, target_of
from harness.uncertainty import RankSets, SeedMember, Table, combine, interval, rank_sets

Failures = Mapping[tuple[FakeSet, str], Failure]


@dataclass(frozen=True)
class Ranked:
    """What the last stage yields; `members` are the analyses it rests on, of generators without a failure."""

    records: tuple[Record, ...]
    leaderboard: Leaderboard
    members: Mapping[str, Mapping[str, Mapping[str, list[SeedMember]]]]  # by encoder, metric, generator


def rank(
    plan: Plan,
    failures: Failures,
    numerics_failures: Failures | None = None,
    likelihood_failures: Mapping[str, Failure] | None = None,
) -> Ranked:
    """Records of every cell and generator, and the leaderboard over them.

    `failures` says why scores are missing; one that is missing without a reason is made now. `numerics_failures` says
    why a numerics component is missing, which costs no record; `likelihood_failures` likewise, by generator.
    """
    records: list[Record] = []
    rows: list[Row] = []
    distances: dict[str, tuple[Table, Table]] = {}
    members: dict[str, dict[str, dict[str, list[SeedMember]]]] = {}
    by = plan.benchmark.rank_by
    encoders = [by.encoder, *(name for name in plan.benchmark.encoders if name != by.encoder)]
    told = _told(plan, likelihood_failures or {})
    choices: list[Chosen] = []
    for encoder in encoders:
        scored = _Encoder(plan, encoder, failures, numerics_failures or {}, told)
        records += scored.records()
        rows += order(scored.rows())
        if both := scored.distances():
            distances[encoder] = both
        members[encoder] = {
            metric: {g: group for g, group in groups.items() if not scored.missing(g, metric)}
            for metric, groups in scored.members.items()
        }
        choices += swept.chosen(plan, encoder, members[encoder])
    asked = plan.benchmark.interval
    differing = disagreements(distances, level=asked.level, reference=asked.reference)
    ranked = members[by.encoder].get(by.metric, {})
    curves = [point for name in ranked for point in sizes.sized(plan, name, ranked[name])] if sizes.asked(plan) else []
    board = _board(plan, encoders, rows, members)
    board = replace(board, disagreements=differing, choices=tuple(choices), sizes=tuple(curves))
    return Ranked(tuple(records), board, members)


def _told(plan: Plan, likelihood_failures: Mapping[str, Failure]) -> dict[str, dict[str, Any]]:
    """Of each generator, where it has any: its place in a sweep, and how likely held-out images are under it."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in plan.benchmark.generators.items():
        own = found[name] = {}
        if entry.swept is not None:
            own["swept"] = {"entry": entry.swept.entry, "axes": dict(entry.swept.axes)}
        if name in likelihood_failures:
            own["likelihood"] = {"failed": likelihood_failures[name].reason}
        elif (bits := likelihoods.of_generator(plan, name)) is not None:
            own["likelihood"] = bits
    return found


class _Encoder:
    """All scores under one encoder, and ranks where the metric that ranks is computed."""

    def __init__(
        self,
        plan: Plan,
        encoder: str,
        failures: Failures,
        numerics_failures: Failures,
        told: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.plan = plan
        self.told = told
        self.encoder = encoder
        self.registration = standing(plan)
        self.metrics = plan.benchmark.metrics_of(encoder)
        self.numerics_failures = numerics_failures
        failing = {fake: failures[fake, encoder] for fake in plan.fakes if (fake, encoder) in failures}
        self.failed: dict[FakeSet, Failure] = {}  # without any score
        self.lost: dict[tuple[FakeSet, str], str] = {}  # single metrics of the others, and why
        self.members: dict[str, dict[str, list[SeedMember]]] = {name: {} for name in self.metrics}
        for fake in plan.fakes:
            found = load_analyses(plan, fake, encoder)
            if None in found.values() and fake not in failing:  # lost to a fault of the disk since they were counted
                make_scores(plan, fake, encoder)
                found = load_analyses(plan, fake, encoder)
            if fake in failing and (all(a is None for a in found.values()) or plan.copies(fake, encoder) is None):
                self.failed[fake] = failing[fake]
                continue
            for metric, analysis in found.items():
                if analysis is None:
                    self.lost[fake, metric] = failing[fake].reason
                    continue
                member = SeedMember(fake.training_seed, fake.sampling_seed, analysis)
                self.members[metric].setdefault(fake.generator, []).append(member)
        self.combined = {
            (generator, metric, reference): combine(
                members, level=plan.benchmark.interval.level, target=self.target(metric), reference=reference
            )
            for metric in self.metrics
            for generator, members in self.members[metric].items()
            if not self.missing(generator, metric)
            for reference in get_args(Reference)
        }
        metric = plan.benchmark.rank_by.metric
        of_metric = self.members.get(metric, {})
        ranked = {g: m for g, m in of_metric.items() if not self.missing(g, metric) and not self.copies(g)}
        self.ranks: RankSets | None = None
        if ranked:
            self.ranks = rank_sets(
                ranked,
                lower_is_better=plan.benchmark.lower_is_better(metric),
                level=plan.benchmark.interval.level,
                reference=plan.benchmark.interval.reference,
                seed=plan.seed("ranks", encoder),
                target=self.target(metric),
            )
        contestants = [name for name in self.ranks.rank if not plan.benchmark.is_control(name)] if self.ranks else []
        self.places = self.ranks.among(contestants) if self.ranks else None

    def target(self, metric: str) -> Target:
        return target_of(self.plan, metric)

    def fakes(self, generator: str) -> list[FakeSet]:
        return [fake for fake in self.plan.fakes if fake.generator == generator]

    def copies(self, generator: str) -> bool:
        """Whether it gives the reference back, so that a place among the others would mean nothing."""
        return copies_reference(self.observe(self.fakes(generator)))

    def distances(self) -> tuple[Table, Table] | None:
        """FD and KD of all that is ranked; None where one of them is not computed."""
        benchmark = self.plan.benchmark
        found: dict[str, Table] = {}
        for name, members in self.members.items():
            groups = {g: m for g, m in members.items() if not self.missing(g, name) and not self.copies(g)}
            table = Table(name, groups, benchmark.lower_is_better(name), self.target(name))
            found.setdefault(benchmark.metrics[name].use, table)
        return (found[USES[0]], found[USES[1]]) if all(use in found for use in USES) else None

    def failure(self, generator: str) -> str | None:
        """Why the generator has no row: the first of its failed image sets, and how many failed."""
        fakes = self.fakes(generator)
        failed = [self.failed[fake] for fake in fakes if fake in self.failed]
        if not failed:
            return None
        return failed[0].reason + (f" ({len(failed)} of {len(fakes)} image sets)" if len(fakes) > 1 else "")

    def missing(self, generator: str, metric: str) -> str | None:
        """Why the generator has no value of a metric: what failed is all of it or, of some image set, this metric."""
        fakes = self.fakes(generator)
        reasons = [self.lost[fake, metric] for fake in fakes if (fake, metric) in self.lost]
        return self.failure(generator) or (reasons[0] if reasons else None)

    # ---------------------------------------------------------------- records

    def records(self) -> list[Record]:
        benchmark = self.plan.benchmark
        records = []
        for fake in self.plan.fakes:
            observations = self.observe([fake])
            inputs = self.inputs(fake)
            for number, metric in enumerate(self.metrics):
                for reference in get_args(Reference):
                    estimate = None
                    if fake not in self.failed and (fake, metric) not in self.lost:
                        member = next(
                            m
                            for m in self.members[metric][fake.generator]
                            if (m.training_seed, m.sampling_seed) == (fake.training_seed, fake.sampling_seed)
                        )
                        estimate = interval(
                            member.analysis,
                            level=benchmark.interval.level,
                            target=self.target(metric),
                            reference=reference,
                        )
                    seen = {} if number else observations  # once a cell
                    records.append(self.record("cell", fake, metric, estimate, seen, inputs))
        for generator in benchmark.generators:
            # A seed that is declared: a finite pool has no block for any other.
            whole = FakeSet(generator, None, benchmark.sampling_seeds[0])
            for number, metric in enumerate(self.metrics):
                for reference in get_args(Reference):
                    combined = self.combined.get((generator, metric, reference))
                    numeric = self.numerics(generator, metric, reference) if combined else {}
                    observations = {"components": plain(combined.components) | numeric} if combined else {}
                    observations |= {} if number else self.told[generator]
                    estimate = combined.estimate if combined else None
                    records.append(self.record("generator", whole, metric, estimate, observations, {}))
        return records

    def numerics(self, generator: str, metric: str, reference: Reference) -> dict[str, Any]:
        """What arithmetic does to the generator's first image set, where the benchmark asks for it."""
        if self.plan.benchmark.numerics is None:
            return {}
        first = self.fakes(generator)[0]
        values = numerics.find_values(self.plan, first, self.encoder)
        failure = self.numerics_failures.get((first, self.encoder))
        if values is None:
            return {"numerics": {"failed": failure.reason if failure else "not computed; run `harness score` again"}}
        return {"numerics": numerics.component(values[metric], self.members[metric][generator][0].analysis, reference)}

    def record(
        self,
        level: Any,
        fake: FakeSet,
        metric: str,
        estimate: Estimate | None,
        observations: dict[str, Any],
        inputs: dict[str, str],
    ) -> Record:
        benchmark = self.plan.benchmark
        whole = level == "generator"
        reason = self.missing(fake.generator, metric) if whole else self.lost.get((fake, metric))
        if not whole and fake in self.failed:
            reason = self.failed[fake].reason
        entry = benchmark.metrics[metric]
        return Record(
            benchmark=benchmark.name,
            level=level,
            cell=Cell(
                benchmark.dataset,
                benchmark.reference_split,
                fake.generator,
                None if whole else fake.training_seed,
                None if whole else fake.sampling_seed,
                benchmark.recipe(self.encoder).label,
                self.encoder,
            ),
            metric=metric,
            parameters={"use": entry.use, **plain(entry.parameters)},
            status="ok" if estimate else "failed",
            estimate=estimate,
            reason=reason,
            inputs=inputs,
            observations=observations | ({"encoder": "random weights"} if benchmark.is_random(self.encoder) else {}),
            provenance=provenance.software() | self.made_with(fake) | {"registration": self.registration},
        )

    def made_with(self, fake: FakeSet) -> dict[str, Any]:
        """The device that the features were computed on, and which state dicts were read from files with several."""
        features = self.plan.features(fake, self.encoder)
        if features is None:
            return {}
        sides = {"generator": self.plan.images(fake), "encoder": features}
        read = {side: held.facts["weights_key"] for side, held in sides.items() if held and "weights_key" in held.facts}
        return {"device": features.facts["made_with"]["device"]} | ({"weights_key": read} if read else {})

    def inputs(self, fake: FakeSet) -> dict[str, str]:
        found = {}
        for side, source in (("real", self.plan.reference), ("fake", fake)):
            images = self.plan.images(source)
            features = self.plan.features(source, self.encoder)
            if images:
                found[f"{side}_images"] = str(images.facts["content"])
            if features:
                found[f"{side}_features"] = str(features.facts["content"])
        return found

    def contents(self, generator: str) -> list[str]:
        """The digests of a generator's image sets."""
        entries = (self.plan.images(fake) for fake in self.fakes(generator))
        return [str(entry.facts["content"]) for entry in entries if entry is not None]

    def observe(self, fakes: Sequence[FakeSet]) -> dict[str, Any]:
        """What the images themselves tell, as shares: repeats within a set, copies of training and reference images."""
        told = [
            score.facts for fake in fakes if fake not in self.failed and (score := self.plan.copies(fake, self.encoder))
        ]
        return {name: sum(facts[name] for facts in told) / len(told) for name in (told[0] if told else ())}

    # ---------------------------------------------------------------- rows

    def rows(self) -> list[Row]:
        benchmark = self.plan.benchmark
        rows = []
        same = twins({g: self.contents(g) for g in benchmark.generators if self.failure(g) is None})
        for generator in self.by_value():
            fakes = self.fakes(generator)
            reason = self.failure(generator)
            compared = self.ranks is not None and generator in self.ranks.rank
            ranked = self.places is not None and generator in self.places.rank
            partial = {m: why for m in self.metrics if (why := self.missing(generator, m))}
            observations = {**(self.observe(fakes) if reason is None else {}), **self.told[generator]}
            own = {metric: {} if metric in partial else groups for metric, groups in self.members.items()}
            if stable := swept.stability(own, generator, level=benchmark.interval.level):
                observations["stability"] = stable
            shown = benchmark.interval.reference
            rows.append(
                Row(
                    encoder=self.encoder,
                    generator=generator,
                    status="failed" if reason else "ok",
                    reason=reason or ("; ".join(dict.fromkeys(partial.values())) or None),
                    rank=self.places.rank[generator] if ranked else None,  # type: ignore[union-attr]
                    rank_low=self.places.low[generator] if ranked else None,  # type: ignore[union-attr]
                    rank_high=self.places.high[generator] if ranked else None,  # type: ignore[union-attr]
                    tied_with=tuple(self.ranks.tied_with[generator]) if compared else (),  # type: ignore[union-attr]
                    training_seeds=tuple(t for t in benchmark.training_seeds_of(generator) if t is not None),
                    sampling_seeds=benchmark.sampling_seeds_of(generator),
                    n_real=benchmark.n_real,
                    n_fake=benchmark.n_fake,
                    metrics={m: self.combined[generator, m, shown].estimate for m in self.metrics if m not in partial},
                    flags=() if reason else flags(observations, same[generator], n=benchmark.n_fake),
                    observations=observations,
                    control=benchmark.is_control(generator),
                )
            )
        return rows

    def by_value(self) -> list[str]:
        """The generators by the metric that ranks, controls included; those that it does not compare last."""
        places = self.ranks.rank if self.ranks else {}
        return sorted(self.plan.benchmark.generators, key=lambda name: (places.get(name, len(places) + 1), name))


def _meant(plan: Plan) -> str:
    """What values, intervals and ranks are about, in words: not all metrics have a population value."""
    benchmark = plan.benchmark
    sizes = f"n_real = {benchmark.n_real}, n_fake = {benchmark.n_fake}"
    finite = [metric for metric in benchmark.metrics if target_of(plan, metric) == "T_N"]
    if len(finite) == len(benchmark.metrics):
        return f"the expected value at {sizes} (T_N)"
    limit = f"the population value, with the bias at {sizes} removed (T_inf)"
    return f"{limit}; {', '.join(finite)}: the expected value at these sizes (T_N)" if finite else limit


def _board(
    plan: Plan,
    encoders: Sequence[str],
    rows: Sequence[Row],
    members: Mapping[str, Mapping[str, Mapping[str, list[SeedMember]]]],
) -> Leaderboard:
    benchmark = plan.benchmark
    declared = benchmark.interval
    by = benchmark.rank_by
    held = "fixed" if declared.reference == "fixed" else "one random sample"
    better = "lower" if benchmark.lower_is_better(by.metric) else "higher"
    controls = "; controls have known answers and no rank" if any(row.control for row in rows) else ""
    notes = [
        f"ranked by {by.metric} ({better} is better); (lo-hi): simultaneous "
        f"{percent(declared.level)} confidence set for the rank{controls}",
        f"± is the {percent(declared.level)} CI half-width for {_meant(plan)}, reference: "
        f"{held}; with several training seeds, Student's t over them; with one, about this "
        "checkpoint only; endpoints in leaderboard.csv",
        "seeds: training × sampling; each training seed gives a new model, each sampling seed new images",
    ]
    if unranked := [name for name in encoders if by.metric not in benchmark.metrics_of(name)]:
        notes.append(f"no ranks under {', '.join(unranked)}: {by.metric} is not computed there")
    notes += pool_notes(
        {name: (benchmark.pool(name), len(benchmark.sampling_seeds_of(name))) for name in benchmark.generators},
        seeds=len(benchmark.sampling_seeds),
    )
    notes += caption(members[by.encoder][by.metric], real_clusters=plan.grouping(plan.reference) == "clusters")
    notes += without_interval(rows, by.metric)
    notes += without_value(rows, benchmark.metrics_of)
    finite = [metric for metric in benchmark.metrics if target_of(plan, metric) == "T_N"]  # the others' bias is off
    notes += bias_notes({e: {m: groups for m, groups in own.items() if m in finite} for e, own in members.items()})
    if any(row.metrics and any(e.conservative for e in row.metrics.values()) for row in rows):
        notes.append("intervals known to be too wide are marked conservative in records.jsonl")
    return Leaderboard(
        benchmark=benchmark.name,
        rank_by={"metric": by.metric, "encoder": by.encoder},
        interval={"level": declared.level, "target": declared.target, "reference": declared.reference},
        columns=tuple(
            Column(name, metric.label, benchmark.lower_is_better(name)) for name, metric in benchmark.metrics.items()
        ),
        encoder_notes={
            name: "random weights: not a measure of quality" if benchmark.is_random(name) else "" for name in encoders
        },
        rows=tuple(rows),
        notes=tuple(notes),
    )
