"""The stages over all cells: what is missing becomes units of work, what fails is kept with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from harness.base import UsageError, digest, locked
from harness.pipeline import decoded, likelihoods, numerics, sizes
from harness.pipeline.checked import Look, last_look
from harness.pipeline.encode import find_part, make_features, make_part
from harness.pipeline.executors.work import Executor, Failure, Finished, outcomes
from harness.pipeline.models import TURNS
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, PlannedSet, RealSet, plain
from harness.pipeline.rank import Ranked, rank
from harness.pipeline.sample import check_split, make_fakes, make_real
from harness.pipeline.score import make_scores
from harness.pipeline.sharing import Sharing
from harness.pipeline.units import EncoderUnit, SampleUnit, name_of

Unit = TypeVar("Unit")


class Progress(Protocol):
    """Hears what a stage does: `begin` once, then `done` once a unit, in words a person understands."""

    def begin(self, stage: str, units: int, already: int) -> None:
        """`units` are to do, `already` were found in the store."""

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """A unit is finished or has failed."""

    def end(self) -> None:
        """The stage is over."""


class Silent:
    """A Progress that says nothing."""

    def begin(self, stage: str, units: int, already: int) -> None:
        """Say nothing."""

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


@dataclass
class Pipeline:
    """One benchmark's stages on one executor.

    `only_generators`, `only_encoders` and `only_fakes` narrow the first three stages.
    With `sharing` only its share of the units is done, each when the store has what it needs.
    A unit that takes longer than `unit_timeout` seconds fails.
    """

    plan: Plan
    executor: Executor
    progress: Progress
    only_generators: frozenset[str] | None = None
    only_encoders: frozenset[str] | None = None
    image_failures: dict[FakeSet, Failure] = field(default_factory=dict)
    failures: dict[tuple[FakeSet, str], Failure] = field(default_factory=dict)
    numerics_failures: dict[tuple[FakeSet, str], Failure] = field(default_factory=dict)
    encoder_failures: dict[str, Failure] = field(default_factory=dict)
    likelihood_failures: dict[str, Failure] = field(default_factory=dict)
    size_failures: dict[FakeSet, Failure] = field(default_factory=dict)
    verify: bool = False
    only_fakes: frozenset[FakeSet] | None = None
    sharing: Sharing | None = None
    unit_timeout: float | None = None
    _identified: set[str] = field(default_factory=set)

    @property
    def fakes(self) -> list[FakeSet]:
        """The image sets in scope."""
        named = [f for f in self.plan.fakes if self.only_generators is None or f.generator in self.only_generators]
        return [f for f in named if self.only_fakes is None or f in self.only_fakes]

    @property
    def encoders(self) -> list[str]:
        """The encoders in scope."""
        return [e for e in self.plan.benchmark.encoders if self.only_encoders is None or e in self.only_encoders]

    @property
    def reals(self) -> list[RealSet]:
        """The real image sets: the reference and, where the dataset has one, the training split."""
        return [self.plan.reference, *([self.plan.training] if self.plan.training else [])]

    def identify(self) -> None:
        """Ask encoders of the user's own what they are, where work runs: their code may fail or end its process."""
        asked = [e for e in self.plan.benchmark.encoders if self.plan.is_own(e) and e not in self._identified]
        for finished in outcomes(self.executor, partial(Plan.own_identity, self.plan), asked, limit=self.unit_timeout):
            self._identified.add(finished.unit)
            if isinstance(finished.result, Failure):
                self.encoder_failures[finished.unit] = finished.result
                self.plan.remember(finished.unit, None)
            else:
                self.plan.remember(finished.unit, finished.result)

    def check(self) -> None:
        """Hold the splits against their pins before anything is sampled, and store the real image sets from them.

        A split whose files have not changed since an earlier look is not read again, unless all are to be verified.
        Raises UsageError for a split that is not the declared one.
        """
        if self.sharing is None:
            return self._check()
        # Every share needs to know all splits before its first key: the first to come reads them, the others wait.
        turn = digest(["check", plain(self.plan.benchmark.resolved())])
        with locked(self.plan.store.root / TURNS / turn):
            self._check()

    def _check(self) -> None:
        plan = self.plan
        for name in plan.splits:
            if name not in plan.looks and not self.verify and (found := self._seen(name)):
                plan.looks[name] = found
        units = [name for name in plan.splits if name not in plan.looks]
        if not units:
            return
        plan.store.check_writable()
        problems = []
        self.progress.begin("check", len(units), 0)
        try:
            for finished in outcomes(self.executor, partial(_check, plan, tuple(self.reals)), units):
                failure = finished.result if isinstance(finished.result, Failure) else None
                self.progress.done(f"split {finished.unit}", finished.seconds, failure, finished.warnings)
                if isinstance(finished.result, Failure):
                    problems.append(finished.result.reason)
                else:
                    plan.looks[finished.unit] = finished.result
        finally:
            self.progress.end()
        if problems:
            raise UsageError(list(dict.fromkeys(problems)))

    def _seen(self, split: str) -> Look | None:
        """What an earlier look at the split's files found, or the one that pinned them just now."""
        store, data = self.plan.store, self.plan.benchmark.data
        return last_look(store, data, split) or decoded.look(store, data, split)

    def sample(self) -> None:
        """Image sets that the store does not have."""
        self.check()
        with self.plan.store.surveyed():
            units, already = self._sample_units()
        failed = self._run("sample", _sample, units, already)
        for split in self.plan.splits:
            decoded.forget(self.plan.store, self.plan.benchmark.data, split)
        for unit, failure in failed:
            if isinstance(unit.source, RealSet):
                raise UsageError(failure.reason)
            if likelihoods.is_missing(self.plan, unit.source):
                self.likelihood_failures[unit.source.generator] = failure
            for seed in unit.sampling_seeds:
                # The seeds before the one that failed are in the store.
                fake = FakeSet(unit.source.generator, unit.source.training_seed, seed)
                if self.plan.images(fake) is None:
                    self.image_failures[fake] = failure

    def _sample_units(self) -> tuple[list[SampleUnit], int]:
        """What is to be sampled, and how many image sets are there."""
        self.plan.bring([*self.reals, *self.fakes])
        missing: dict[tuple[str, int | None], list[int]] = {}
        for fake in self.fakes:
            if self.plan.images(fake) is None:
                missing.setdefault((fake.generator, fake.training_seed), []).append(fake.sampling_seed)
        units = [SampleUnit(real) for real in self.reals if self.plan.images(real) is None]
        units += [
            SampleUnit(FakeSet(g, t, seeds[0]), tuple(seeds))
            for g, t in self._one_of_each_model_first(missing)
            for seeds in [missing[g, t]]
        ]
        already = len(self.reals) + len(self.fakes) - sum(max(1, len(unit.sampling_seeds)) for unit in units)
        # Of image sets that are there, but whose likelihood failed or was lost.
        told = {(f.generator, f.training_seed): f for f in self.fakes if likelihoods.is_missing(self.plan, f)}
        units += [SampleUnit(fake) for at, fake in told.items() if at not in missing]
        return units, already

    def _one_of_each_model_first(self, missing: Iterable[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
        """Generators and training seeds so that workers train different models, not wait for each other's."""
        place: dict[tuple[str, int | None], int] = {}
        seen: dict[tuple[str, int | None], int] = {}
        for generator, training_seed in missing:
            model = self.plan.benchmark.generators[generator].component.sampling
            key = (self.plan.model_key(generator, training_seed) if model else generator, training_seed)
            place[generator, training_seed] = seen[key] = seen.get(key, -1) + 1
        return sorted(place, key=place.__getitem__)

    def encode(self) -> None:
        """Features that the store does not have; of large sets their parts first."""
        self.identify()
        self.failures.update({(f, e): x for e, x in self.encoder_failures.items() for f in self.fakes})
        with self.plan.store.surveyed():
            now, large, already = self._encode_units()
        failed = self._run("encode", _encode, now, already, self._has_images)
        lost = {(unit.source, unit.encoder) for unit, _ in failed if unit.part is not None}
        joined = [unit for unit in large if (unit.source, unit.encoder) not in lost]
        if joined:
            failed += self._run("join", _encode, joined, 0, self._has_parts)
        first = [f for f in self.plan.first_fakes if f in self.fakes and f not in self.image_failures]
        for unit, failure in failed:
            if unit.batch_size is not None:  # the declared features are there, and with them every score
                missing = first if isinstance(unit.source, RealSet) else [unit.source]
                self.numerics_failures.update({(fake, unit.encoder): failure for fake in missing})
                continue
            # Without real features no cell of the encoder can be scored.
            missing = self.fakes if isinstance(unit.source, RealSet) else [unit.source]
            self.failures.update({(fake, unit.encoder): failure for fake in missing})

    def _encode_units(self) -> tuple[list[EncoderUnit], list[EncoderUnit], int]:
        """What is to be encoded now, the large sets whose parts are then joined, and how much is there."""
        usable = [encoder for encoder in self.encoders if encoder not in self.encoder_failures]
        sources: list[PlannedSet] = [*self.reals, *(f for f in self.fakes if f not in self.image_failures)]
        self.plan.bring(sources, usable)
        units = [
            EncoderUnit(source, encoder)
            for encoder in usable
            for source in sources
            if self.plan.features(source, encoder) is None
        ]
        # Once more for the numerics component, where the benchmark asks for it.
        first = [f for f in self.plan.first_fakes if f in sources]
        twice: list[PlannedSet] = [self.plan.reference, *first]
        again = [
            EncoderUnit(source, encoder, size)
            for encoder in usable
            for size in numerics.alternatives(self.plan)
            for source in twice
        ]
        units += [u for u in again if numerics.find_again(self.plan, u.source, u.encoder, u.batch_size or 0) is None]
        already = len(sources) * len(usable) + len(again) - len(units)
        parts = {u: self.plan.parts(u.source) for u in units}
        large = [unit for unit in units if len(parts[unit]) > 1]
        now = [unit for unit in units if len(parts[unit]) == 1]
        now += [
            EncoderUnit(u.source, u.encoder, part=part)
            for u in large
            if u.batch_size is None
            for part in parts[u]
            if find_part(self.plan, u.source, u.encoder, part) is None
        ]
        return now, large, already

    def _has_images(self, unit: EncoderUnit) -> bool:
        if unit.batch_size is not None:  # some encoders' features are the declared ones
            return self.plan.features(unit.source, unit.encoder) is not None
        return self.plan.images(unit.source) is not None

    def _has_parts(self, unit: EncoderUnit) -> bool:
        if unit.batch_size is not None:
            return self._has_images(unit)
        parts = self.plan.parts(unit.source)
        return all(find_part(self.plan, unit.source, unit.encoder, part) is not None for part in parts)

    def _has_features(self, unit: EncoderUnit) -> bool:
        sides: list[PlannedSet] = [unit.source, *self.reals]
        return all(self.plan.features(side, unit.encoder) is not None for side in sides) and not (
            unit.numerics
            and any(
                numerics.find_again(self.plan, side, unit.encoder, size) is None
                for side in (unit.source, self.plan.reference)
                for size in numerics.alternatives(self.plan)
            )
        )

    def encode_again(self, batch_size: int) -> None:
        """Features of the reference and every image set at another batch size, where the store has none."""
        sources: list[PlannedSet] = [self.plan.reference, *self.fakes]
        units = [EncoderUnit(source, encoder, batch_size) for encoder in self.encoders for source in sources]
        left = [u for u in units if numerics.find_again(self.plan, u.source, u.encoder, batch_size) is None]
        for unit, failure in self._run("encode", _encode, left, len(units) - len(left)):
            raise UsageError(f"{unit}: {failure.reason}")

    def score(self) -> None:
        """Scores that the store does not have."""
        for fake, failure in self.image_failures.items():
            self.failures.update({(fake, e): failure for e in self.encoders if e not in self.encoder_failures})
        with self.plan.store.surveyed():
            units, already = self._score_units()
        for unit, failure in self._run("score", _score, units, already, self._has_features):
            assert isinstance(unit.source, FakeSet)
            if unit.sizes:
                self.size_failures[unit.source] = failure
                continue
            (self.numerics_failures if unit.numerics else self.failures)[unit.source, unit.encoder] = failure

    def _score_units(self) -> tuple[list[EncoderUnit], int]:
        """What is to be scored, and how much is there."""
        pairs = [(f, e) for e in self.encoders for f in self.fakes if (f, e) not in self.failures]
        self.plan.bring([*self.reals, *self.fakes], self.encoders, scores=True)
        units = [EncoderUnit(f, e) for f, e in pairs if None in self.plan.scores(f, e).values()]
        first = set(self.plan.first_fakes) if self.plan.benchmark.numerics else set()
        beside = [pair for pair in pairs if pair[0] in first and pair not in self.numerics_failures]
        units += [EncoderUnit(f, e, numerics=True) for f, e in beside if numerics.find_values(self.plan, f, e) is None]
        already = len(pairs) + len(beside) - len(units)
        if (by := self.plan.benchmark.rank_by.encoder) in self.encoders and sizes.asked(self.plan):
            sized = [fake for fake in self.fakes if (fake, by) not in self.failures]
            left = [fake for fake in sized if sizes.is_missing(self.plan, fake)]
            units += [EncoderUnit(fake, by, sizes=True) for fake in left]
            already += len(sized) - len(left)
        return units, already

    def rank(self) -> Ranked:
        """Records and leaderboard of the whole benchmark."""
        return rank(self.plan, self.failures, self.numerics_failures, self.likelihood_failures)

    def missing(self) -> list[str]:
        """What a rank needs and the store does not have, in words; the splits are looked at."""
        self.check()
        with self.plan.store.surveyed():
            return self._missing()

    def _missing(self) -> list[str]:
        self.plan.bring([*self.reals, *self.fakes])
        lost = [f"images: {name_of(fake)}" for fake in self.fakes if self.plan.images(fake) is None]
        lost += [f"images: split {real.split}" for real in self.reals if self.plan.images(real) is None]
        self.identify()
        usable = [encoder for encoder in self.encoders if encoder not in self.encoder_failures]
        sources: list[PlannedSet] = [*self.reals, *self.fakes]
        self.plan.bring(sources, usable, scores=True)
        cells = [EncoderUnit(source, encoder) for encoder in usable for source in sources]
        lost += [f"features: {u}" for u in cells if self.plan.features(u.source, u.encoder) is None]
        fakes = [(fake, encoder) for encoder in usable for fake in self.fakes]
        return lost + [f"scores: {EncoderUnit(f, e)}" for f, e in fakes if None in self.plan.scores(f, e).values()]

    def _run(
        self,
        stage: str,
        work: Callable[[Plan, Unit], None],
        units: Sequence[Unit],
        already: int,
        is_ready: Callable[[Unit], bool] = lambda _: True,
    ) -> list[tuple[Unit, Failure]]:
        if self.sharing is not None:
            self.sharing.begin(stage)
            units, already = [unit for unit in units if self.sharing.is_mine(unit)], 0  # type: ignore[arg-type]
        if units:
            self.plan.store.check_writable()
        failed = []
        self.progress.begin(stage, len(units), already)
        try:
            for finished in self._finished(_OnPlan(work, self.plan), units, is_ready):
                failure = finished.result if isinstance(finished.result, Failure) else None
                self.progress.done(str(finished.unit), finished.seconds, failure, finished.warnings)
                if failure:
                    failed.append((finished.unit, failure))
        finally:
            self.progress.end()
        return failed

    def _finished(
        self, work: _OnPlan[Unit], units: Sequence[Unit], is_ready: Callable[[Unit], bool]
    ) -> Iterator[Finished[Unit, None]]:
        """The outcome of every unit; of a share's, of those that become ready while others can make them so."""
        if self.sharing is None:
            yield from outcomes(self.executor, work, units, limit=self.unit_timeout)
            return
        left, waiting = list(units), True
        while left:
            with self.plan.store.surveyed():
                ready = [unit for unit in left if is_ready(unit)]
            if ready:
                self.sharing.go_on()
                left = [unit for unit in left if unit not in ready]
                for finished in outcomes(self.executor, work, ready, limit=self.unit_timeout):
                    self.sharing.done += 1
                    yield finished
            elif not waiting:
                break
            else:
                waiting = self.sharing.may_come()  # where not: one last look
        self.sharing.left += left  # type: ignore[arg-type]


def failure_lines(failures: Mapping[tuple[FakeSet, str], Failure]) -> list[str]:
    """One line a reason, naming every cell that it cost."""
    cells: dict[str, list[str]] = {}
    for (fake, encoder), failure in failures.items():
        cells.setdefault(failure.reason, []).append(f"{name_of(fake)} under {encoder}")
    return [
        f"{named[0]}{f' and {len(named) - 1} more cells' if len(named) > 1 else ''}: {reason}"
        for reason, named in cells.items()
    ]


@dataclass(frozen=True)
class _OnPlan(Generic[Unit]):
    """`work` on the units of a plan. A process keeps the plan that it is sent first, with the encoder that it loads."""

    work: Callable[[Plan, Unit], None]
    plan: Plan

    def __call__(self, unit: Unit) -> None:
        self.work(self.plan, unit)

    def __reduce__(self) -> Any:
        return _arrived, (self.work, self.plan)


_sent: dict[str, Plan] = {}


def _arrived(work: Callable[[Plan, Unit], None], plan: Plan) -> _OnPlan[Unit]:
    kept = _sent.get(plan.name)
    if kept is None:
        _sent.clear()
        _sent[plan.name] = kept = plan
    else:
        kept.learn(plan)
    return _OnPlan(work, kept)


def _check(plan: Plan, reals: Sequence[RealSet], split: str) -> Look:
    return check_split(plan, split, [real for real in reals if real.split == split])


def _sample(plan: Plan, unit: SampleUnit) -> None:
    if isinstance(unit.source, RealSet):
        make_real(plan, unit.source)
    else:
        make_fakes(plan, unit.source.generator, unit.source.training_seed, unit.sampling_seeds)


def _encode(plan: Plan, unit: EncoderUnit) -> None:
    if unit.part is not None:
        make_part(plan, unit.source, unit.encoder, unit.part)
    elif unit.batch_size is None:
        make_features(plan, unit.source, unit.encoder)
    else:
        numerics.encode_again(plan, unit.source, unit.encoder, unit.batch_size)


def _score(plan: Plan, unit: EncoderUnit) -> None:
    assert isinstance(unit.source, FakeSet)
    if unit.sizes:
        sizes.make_sizes(plan, unit.source)
    elif unit.numerics:
        numerics.make_values(plan, unit.source, unit.encoder)
    else:
        make_scores(plan, unit.source, unit.encoder)
