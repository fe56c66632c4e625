"""Every metric for every class: analyses of the rows of one class on both sides, combined over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics import analyse
from harness.pipeline import FakeSet, Pipeline, Plan, load_features, metric_call, real_labels
from harness.studies.classes.labels import GIVEN, SEEN, Classifier, Labels, given
from harness.studies.classes.result import ByClass, ClassValue, GeneratorByClass, MetricByClass, Share
from harness.uncertainty import Analysis, SeedMember, combine, difference, quantile, why_no_interval

FEWEST = 12  # images of a class a side: fewer leave an interval that says nothing
Members = dict[str, dict[int, list[SeedMember]]]  # metric → class → its image sets


def by_class(plan: Plan, pipeline_of: Callable[[Plan], Pipeline], encoder: str) -> ByClass:
    """Values by class of every generator of a benchmark under one encoder; what is not in the store is made first.

    Raises UsageError for a dataset without labels, fewer than two classes, generators that failed, and where fakes have
    no labels and a classifier is of no use.
    """
    _scored(pipeline_of(plan))
    benchmark = plan.benchmark
    labels = real_labels(plan, plan.reference)
    classes = sorted(set(labels.tolist()))
    if len(classes) < 2:
        raise UsageError(f"{benchmark.name}: the reference has only one class")
    real = load_features(plan, plan.reference, encoder).rows
    counts = np.array([np.sum(labels == label) for label in classes])
    chosen, left_out = _metrics(plan, encoder, int(counts.min()), real.shape[1])
    makes = _Makes(plan, encoder, real, labels, classes, chosen)
    against = next((n for n, entry in benchmark.generators.items() if entry.use == "holdout"), None)
    found = tuple(_generator(name, makes, against if against != name else None) for name in benchmark.generators)
    notes = (
        []
        if makes.classifier is None
        else [
            f"{SEEN}, trained on split {makes.classifier.trained_on}, names {makes.classifier.right:.1%} of the "
            "reference right; where it labels fakes it labels the real images too"
        ]
    )
    level = benchmark.interval.level
    return ByClass(benchmark.name, encoder, level, tuple(map(str, classes)), against, found, left_out, tuple(notes))


def _generator(name: str, makes: _Makes, against: str | None) -> GeneratorByClass:
    how = makes.kind(name)
    own = makes.members(name, how)
    real = None if against is None or not makes.has(against, how) else makes.members(against, how)
    metrics = tuple(
        _metric(metric, makes, own[metric], None if real is None else real[metric]) for metric in makes.metrics
    )
    # Numbers of labels that were given are a choice, unless there are none at all.
    shares = tuple(replace(s, off=s.off and (how == SEEN or s.fake < FEWEST)) for s in makes.shares(name, how))
    missing = tuple(s.label for s in shares if s.off and s.fake < FEWEST)
    return GeneratorByClass(name, metrics, shares, how, missing)


def _scored(pipeline: Pipeline) -> None:
    pipeline.sample()
    pipeline.encode()
    if pipeline.failures:
        raise UsageError(next(iter(pipeline.failures.values())).reason)


def _metrics(plan: Plan, encoder: str, fewest: int, columns: int) -> tuple[list[str], dict[str, str]]:
    """The metrics that a class has images enough for, and why the others have not."""
    chosen, left = [], {}
    for metric in plan.benchmark.metrics_of(encoder):
        facts = plan.benchmark.metrics[metric].component
        needed = max(FEWEST, facts.fewest(plan.benchmark.metrics[metric].parameters))
        if facts.columns is not None:
            needed = max(needed, facts.columns * columns)
        if fewest < needed:
            left[metric] = f"a class has only {fewest:,} real images; needs {needed:,} for {columns:,} features"
        else:
            chosen.append(metric)
    if not chosen:
        raise UsageError(
            f"no metric can be computed by class: {'; '.join(f'{name}: {why}' for name, why in left.items())}"
        )
    return chosen, left


class _Makes:
    """Analyses by class, of the reference and one generator at a time."""

    def __init__(
        self,
        plan: Plan,
        encoder: str,
        real: npt.NDArray[Any],
        labels: Labels,
        classes: Sequence[int],
        metrics: Sequence[str],
    ) -> None:
        self.plan, self.encoder, self.real, self.labels = plan, encoder, real, labels
        self.classes, self.metrics = classes, metrics
        self.classifier: Classifier | None = None
        self._seen: Labels | None = None
        self._made: dict[tuple[str, str], Members] = {}

    def kind(self, generator: str) -> str:
        """The kind of labels that a generator's images have: given where all its sets have them."""
        return GIVEN if self.has(generator, GIVEN) else SEEN

    def has(self, generator: str, kind: str) -> bool:
        """Whether a generator's images have labels of a kind; a classifier sees those of all."""
        return kind == SEEN or all(given(self.plan, fake, self.classes) is not None for fake in self._fakes(generator))

    def sides(self, fake: FakeSet, kind: str) -> tuple[Labels, Labels, npt.NDArray[Any]]:
        """Classes of the real rows and of a set's, both of one kind, and the set's rows."""
        rows = load_features(self.plan, fake, self.encoder).rows
        if kind == GIVEN:
            own = given(self.plan, fake, self.classes)
            assert own is not None
            return self.labels, own, rows
        if self.classifier is None:
            self.classifier = Classifier.of(self.plan, self.encoder, self.labels)
            self._seen = self.classifier(self.real)
        assert self._seen is not None
        return self._seen, self.classifier(rows), rows

    def members(self, generator: str, kind: str) -> Members:
        """Every metric's analyses of every class by labels of a kind; made once."""
        if (generator, kind) not in self._made:
            found: Members = {metric: {label: [] for label in self.classes} for metric in self.metrics}
            for fake in self._fakes(generator):
                real, own, rows = self.sides(fake, kind)
                for label in self.classes:
                    for metric, analysis in self._of_class(label, real == label, rows[own == label], fake).items():
                        member = SeedMember(fake.training_seed, fake.sampling_seed, analysis)
                        found[metric][label].append(member)
            self._made[generator, kind] = found
        return self._made[generator, kind]

    def _of_class(
        self, label: int, real: npt.NDArray[np.bool_], rows: npt.NDArray[Any], fake: FakeSet
    ) -> Mapping[str, Analysis]:
        if min(int(real.sum()), len(rows)) < FEWEST:
            return {}
        made: dict[str, Analysis] = {}
        for metric in self.metrics:
            try:
                made |= analyse(
                    {metric: metric_call(self.plan, metric)},
                    self.real[real],
                    rows,
                    real_seed=self.plan.seed("class", label, "real"),
                    fake_seed=self.plan.seed("class", label, fake.generator, fake.training_seed, fake.sampling_seed),
                    replicates=self.plan.benchmark.interval.replicates,
                    processor=self.plan.processor,
                )
            except UsageError:  # too few distinct rows for this metric
                continue
        return made

    def _fakes(self, generator: str) -> list[FakeSet]:
        return [fake for fake in self.plan.fakes if fake.generator == generator]

    def shares(self, generator: str, kind: str) -> tuple[Share, ...]:
        """Images of each class in the reference and in the first image set; two-proportion tests, all at once."""
        of_real, of_fake, _ = self.sides(self._fakes(generator)[0], kind)
        m, n, count = len(of_real), len(of_fake), len(self.classes)
        level = self.plan.benchmark.interval.level
        far = quantile(1.0 - (1.0 - level) / (2 * count), np.inf)
        found = []
        for label in self.classes:
            a, b = int(np.sum(of_real == label)), int(np.sum(of_fake == label))
            pooled = (a + b) / (m + n)
            error = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
            found.append(Share(str(label), a, b, bool(error > 0 and abs(a / m - b / n) > far * error)))
        return tuple(found)


def _metric(
    metric: str, makes: _Makes, own: Mapping[int, list[SeedMember]], real: Mapping[int, list[SeedMember]] | None
) -> MetricByClass:
    benchmark = makes.plan.benchmark
    level, reference = benchmark.interval.level, benchmark.interval.reference
    lower = benchmark.lower_is_better(metric)
    each = 1.0 - (1.0 - level) / len(makes.classes)  # for all classes at once
    sets = max(len(members) for members in own.values())
    values: list[ClassValue] = []
    means, halves, gaps = [], [], {}
    for label in makes.classes:
        members = own[label]
        if not members or len(members) < sets:
            values.append(ClassValue(str(label), None, why=f"fewer than {FEWEST} images"))
            continue
        shown = combine(members, level=each, target="T_N", reference=reference).estimate
        gap = None
        if real is not None and real[label] and why_no_interval(members, real[label]) is None:
            found = difference(members, real[label], level=each, reference=reference)
            gap = gaps[label] = (found.value, found.low, found.high)
        values.append(ClassValue(str(label), shown, gap))
        means.append(shown.value)
        if shown.has_interval:
            low, high = combine(members, level=level, target="T_N", reference=reference).estimate.ends
            halves.append((high - low) / 2)
    sign = 1.0 if lower else -1.0
    if real is not None:
        worse = [str(label) for label, (_, low, high) in gaps.items() if (low > 0 if lower else high < 0)]
    else:
        middle = float(np.mean(means)) if means else 0.0
        worse = [
            v.label
            for v in values
            if v.estimate is not None
            and v.estimate.has_interval
            and min(sign * (end - middle) for end in v.estimate.ends) > 0
        ]
    # Classes have rows of their own on both sides, so that their errors are independent.
    half = float(np.sqrt(np.sum(np.square(halves)))) / len(means) if means and len(halves) == len(means) else np.nan
    return MetricByClass(metric, lower, tuple(values), tuple(worse), float(np.mean(means)) if means else np.nan, half)
