"""Stage `score`: every metric of a pair of feature sets with what its intervals need, into the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

from harness.base import Reference, Target, UsageError, digest
from harness.benchmark import registry
from harness.images import MIXED
from harness.metrics import analyse_against
from harness.pipeline import copies
from harness.pipeline import groups as image_groups
from harness.pipeline.encode import FeatureArray, Features, content_digest, load_features
from harness.pipeline.groups import Groups, marked
from harness.pipeline.plan import Plan, statistics
from harness.pipeline.planned import COPIES, FakeSet, PlannedSet
from harness.pipeline.sample import load_images
from harness.pipeline.store import CorruptEntry, Entry
from harness.uncertainty import Analysis, Arrays, MetricCall, ReferenceSet, centred


def make_scores(plan: Plan, source: FakeSet, encoder: str) -> None:
    """Store the scores that are missing of one image set under one encoder."""
    side = real_side(plan, encoder)
    real, of_real = side.features, side.groups
    fake = load_features(plan, source, encoder)
    if real.rows.shape[1] != fake.rows.shape[1]:
        _refuse_sizes(plan, source, encoder)
    missing = [metric for metric, found in plan.scores(source, encoder).items() if found is None]
    if plan.training and (plan.trains(*missing) or plan.features(plan.training, encoder) is None):
        training: Entry | None = side.training(plan, encoder).entry
    else:
        training = plan.features(plan.training, encoder) if plan.training else None

    def put(metric: str, arrays: dict, facts: dict) -> None:  # type: ignore[type-arg]
        key = plan.score_key(real.entry, fake.entry, training, metric, plan.groups(source))
        plan.store.put("scores", key, [arrays] if arrays else [], facts)

    if COPIES in missing:
        put(COPIES, {}, copies.observed(plan, fake, real, side.training(plan, encoder) if plan.training else None))
    calls = {metric: metric_call(plan, metric) for metric in missing if metric != COPIES}
    of_fake = load_groups(plan, source).fitting(fake.rows, source.generator)
    read = plan.training is not None and plan.trains(*calls)
    analysed = partial(
        analyse_against,
        reference=replace(side.reference, training=side.training(plan, encoder).rows) if read else side.reference,
        fake=fake.rows,
        replicates=plan.benchmark.interval.replicates,
        fake_seed=plan.seed("replicates", fake.entry.facts["content"]),
        design_fake=of_fake.design,
        processor=plan.processor,
    )
    # The harness's own together, since they share work; then each of the user's.
    built_in = {metric: call for metric, call in calls.items() if call.function is None}
    own = [{metric: call} for metric, call in calls.items() if metric not in built_in]
    # As for features: where it was computed moves a value by rounding, so it is no part of the key.
    made_with = {} if plan.processor.name == "cpu" else {"made_with": {"device": plan.processor.name}}
    lost: dict[str, Exception] = {}
    for group in [*([built_in] if built_in else []), *own]:
        for metric, found in _apart(analysed, group).items():
            try:
                if isinstance(found, Exception):
                    raise found
                _reportable(plan, metric, found)
            except Exception as problem:
                lost[metric] = problem
                continue
            facts, arrays = marked(found, of_real, of_fake).to_parts()
            put(metric, arrays, facts | made_with)
    if lost:
        raise _failure(lost, of=len(plan.benchmark.metrics_of(encoder)))


@dataclass
class RealSide:
    """The reference's features, groups and what metrics computed of them, and the training split's features."""

    features: Features
    groups: Groups
    reference: ReferenceSet
    _training: Features | None = None

    def training(self, plan: Plan, encoder: str) -> Features:
        """The features of the training split, read when first asked for; often those of the reference."""
        assert plan.training is not None
        entry = plan.features(plan.training, encoder)
        if entry is not None and entry.folder == self.features.entry.folder:
            return self.features
        if self._training is None or entry is None or entry.folder != self._training.entry.folder:
            self._training = None  # before it is read again: it is large
            self._training = load_features(plan, plan.training, encoder)
        return self._training


@dataclass(frozen=True)
class Shelf:
    """What metrics computed of a reference alone, in the store: later runs and other processes find it."""

    plan: Plan
    reference: Mapping[str, Any]

    def _key(self, what: Any) -> str:
        return digest({"format": 1, "of": self.reference, "what": list(what), "statistics": statistics(what[0])})

    def load(self, what: Any) -> Arrays | None:
        """The arrays stored as `what`, where they are there and whole."""
        found = self.plan.store.load("references", self._key(what))
        return None if found is None else found[1]

    def put(self, what: Any, arrays: Arrays) -> None:
        """Store arrays as `what`."""
        self.plan.store.put("references", self._key(what), [arrays], {"what": list(what)})


_kept: dict[tuple[object, ...], RealSide] = {}  # of this process, one at a time


def real_side(plan: Plan, encoder: str) -> RealSide:
    """What scores of every generator share, kept for the next one's."""
    entry = plan.features(plan.reference, encoder)
    seed = None if entry is None else plan.seed("replicates", entry.facts["content"])
    # Groups come with the images: features are the same whatever the labels and whatever they count as.
    images = plan.image_key(plan.reference)
    key = (plan.store_root, plan.reference, seed, images, entry and entry.folder.name)
    if entry is None or key not in _kept:
        _kept.clear()  # before the next is read: it is as large
        features = load_features(plan, plan.reference, encoder)
        groups = load_groups(plan, plan.reference).fitting(features.rows, plan.reference.split)
        seed = plan.seed("replicates", features.entry.facts["content"])
        shelf = Shelf(plan, {"content": features.entry.facts["content"], "images": images, "seed": seed})
        reference = ReferenceSet.of(features.rows, seed=seed, design=groups.design, shelf=shelf)
        key = (plan.store_root, plan.reference, seed, images, features.entry.folder.name)
        _kept[key] = RealSide(features, groups, reference)
    return _kept[key]


def score_rows(plan: Plan, source: FakeSet, encoder: str, rows: FeatureArray) -> dict[str, Analysis]:
    """Every built-in metric of features float32 (n, d) that are in no store, as `make_scores` would store them.

    `source` names the set. What is computed of the reference alone is kept in the store. Raises UsageError where one
    metric has no score.
    """
    side = real_side(plan, encoder)
    calls = {metric: metric_call(plan, metric) for metric in plan.benchmark.metrics_of(encoder)}
    found = analyse_against(
        calls,
        reference=side.reference,
        fake=rows,
        replicates=plan.benchmark.interval.replicates,
        fake_seed=plan.seed("replicates", content_digest(rows.shape, [rows])),
        design_fake=Groups().fitting(rows, source.generator).design,
        processor=plan.processor,
    )
    for metric, analysis in found.items():
        _reportable(plan, metric, analysis)
    return {metric: marked(analysis, side.groups, Groups()) for metric, analysis in found.items()}


def _apart(
    analysed: Callable[[Mapping[str, MetricCall]], dict[str, Analysis]], calls: Mapping[str, MetricCall]
) -> dict[str, Analysis | Exception]:
    """The analysis of every metric, or why there is none: one that fails costs no other."""
    try:
        return dict(analysed(calls))
    except Exception as problem:
        if len(calls) == 1:
            return dict.fromkeys(calls, problem)
    found: dict[str, Analysis | Exception] = {}
    for metric, call in calls.items():
        found |= _apart(analysed, {metric: call})
    return found


def _failure(lost: Mapping[str, Exception], *, of: int) -> Exception:
    """One exception for the metrics that failed; where all did for one reason, that reason."""
    first = next(iter(lost.values()))
    if len(lost) == of > 1 and len({str(problem) for problem in lost.values()}) == 1:
        return first
    if all(isinstance(problem, UsageError) for problem in lost.values()):
        alike: dict[str, list[str]] = {}  # what is wrong → of which metrics
        for metric, problem in lost.items():
            alike.setdefault(str(problem).replace("\n", "; "), []).append(metric)
        return UsageError(
            [
                text if text.startswith("metric ") else f"metric{'s'[: len(whose) > 1]} {', '.join(whose)}: {text}"
                for text, whose in alike.items()
            ]
        )
    bug, culprit = next((p, metric) for metric, p in lost.items() if not isinstance(p, UsageError))
    for metric in lost:
        if metric != culprit:
            bug.add_note(f"metric {metric} failed too;")
    bug.add_note(f"metric {culprit}:")
    return bug


def _refuse_sizes(plan: Plan, source: FakeSet, encoder: str) -> None:
    """Raise UsageError where the images of two sets are of unlike sizes, which an encoder of pixels makes features of.

    Sets of one size are left to the metrics to refuse: then the fault is the encoder's.
    """
    ours, theirs = (load_images(plan, one).facts["shape"] for one in (source, plan.reference))
    if MIXED not in (ours, theirs) and ours[:2] != theirs[:2]:
        fake, real = (" × ".join(map(str, shape[:2])) for shape in (ours, theirs))
        raise UsageError(
            f"the images of {source.generator} are {fake} pixels and the real ones {real}, and encoder {encoder} needs "
            "one size: resize either set, or both by `resize: {size: [H, W]}` under `preprocessing` of the benchmark"
        )


def load_groups(plan: Plan, source: PlannedSet) -> Groups:
    """The groups of an image set, which is made again where its bytes were lost to a fault of the disk."""
    for _ in range(2):
        try:
            return image_groups.read(plan, source, load_images(plan, source))
        except CorruptEntry:
            plan.store.discard("images", plan.image_key(source))
    raise OSError(f"{plan.store_root}: images cannot be read back as written; check the disk")


def target_of(plan: Plan, metric: str) -> Target:
    """The declared target; metrics without a population value are always reported at these sample sizes."""
    limitless = plan.benchmark.metrics[metric].component.limitless
    return "T_N" if limitless else plan.benchmark.interval.target


def _reportable(plan: Plan, metric: str, analysis: Analysis) -> None:
    """Raise UsageError, as this metric's failure, where the declared target has no interval on these sets."""
    for reference in get_args(Reference):
        centred(analysis, target=target_of(plan, metric), reference=reference)


def metric_call(plan: Plan, metric: str) -> MetricCall:
    """A metric of the benchmark as floor 2 takes it: the built-in ones by name, a user's own as a function."""
    entry = plan.benchmark.metrics[metric]
    if registry.is_built_in("metrics", entry.use):
        return MetricCall(entry.use, dict(entry.parameters))
    return MetricCall(entry.use, {}, plan.component("metrics", metric))


def load_analyses(plan: Plan, source: FakeSet, encoder: str) -> dict[str, Analysis | None]:
    """The stored scores of every metric of the encoder, None where there is no intact one."""
    found: dict[str, Analysis | None] = {}
    for metric, entry in plan.scores(source, encoder).items():
        if metric == COPIES:
            continue
        try:
            found[metric] = None if entry is None else Analysis.from_parts(dict(entry.facts), entry.arrays())
        except CorruptEntry as fault:
            plan.store.discard("scores", fault.path.parent.name)
            found[metric] = None
    return found
