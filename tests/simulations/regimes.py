"""The regimes of docs/statistics.md, at two sizes: what pytest runs, and what the committed table rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from harness.uncertainty.analysis import MetricCall

from .controls import bootstrap_percentile, subset_standard_error
from .populations import Copies, Law, Population, Wide
from .studies import (
    Contest,
    Row,
    Study,
    both_random,
    contest,
    contest_fingerprint,
    nested,
    reference_fixed,
    study_fingerprint,
)


class Task(NamedTuple):
    """A name, what a seed makes of it, and what changes whenever the code behind it does: figures of one repetition."""

    name: str
    run: Callable[[int], list[Row]]
    fingerprint: Callable[[int], list[object]]


REGULAR = (0.93, 0.97, 0.93, 1.20)
DEGENERATE = (0.93, 1.00, 0.85, 1.45)
BALLS = (0.93, 0.985, 0.90, 1.20)
POPULATIONS = (("gaussian", 0.8), ("gamma", 0.4), ("mixture", 0.6), ("relu", 0.3), ("heavy-tailed", 0.8))
DISTANCES = {"fd": MetricCall("fd"), "kd": MetricCall("kd")}


# Of the wider field: by influence functions or parts of a line, and by tables of disjoint parts.
INFLUENCES = {
    "mind": MetricCall("mind", {"directions": 50}),
    "sliced_wasserstein": MetricCall("sliced_wasserstein", {"directions": 50}),
    "wasserstein2": MetricCall("wasserstein2"),
    "fd_infinity": MetricCall("fd_infinity"),
    "rke": MetricCall("rke"),
    "c2st": MetricCall("c2st"),
    "prd_f8": MetricCall("prd_f8"),
    "prd_f1_8": MetricCall("prd_f1_8"),
    "is_infinity": MetricCall("is_infinity"),
}
PARTS = {
    name: MetricCall(name)
    for name in (
        "kl_forward", "kl_reverse", "f_score", "realism", "p_precision", "p_recall", "sym_precision", "sym_recall",
        "beta_recall", "clipped_density", "clipped_coverage",
    )
}  # fmt: skip
SMALL_CURVES = (("gaussian", 0.0), ("gaussian", 0.5), ("gamma", 0.4))
NEAR_BEST = (0.92, 1.0, 0.80, 2.2)  # of a metric whose intervals are known to be wide near its best value
FIELD = (0.92, 1.0, 0.80, 1.45)

# The same and others at the full size, by what an interval costs beside a value.
CHEAP = {name: INFLUENCES[name] for name in ("mind", "sliced_wasserstein", "fd_infinity", "rke", "is_infinity")} | {
    name: MetricCall(name) for name in ("inception_score", "vendi", "cmmd")
}
DEARER = {name: INFLUENCES[name] for name in ("wasserstein2", "c2st", "prd_f8", "prd_f1_8")} | {
    "sinkhorn": MetricCall("wasserstein2", {"regularisation": 0.1}),
    "mmd": MetricCall("mmd"),
    "kid_subsets": MetricCall("kid_subsets", {"subset_size": 50}),
}
BALLS_TOO = {name: MetricCall(name) for name in ("f_score", "sym_precision", "sym_recall", "authenticity")}
NEAR = {name: call for name, call in PARTS.items() if name not in BALLS_TOO}
TOPOLOGICAL = {name: MetricCall(name) for name in ("topp", "topr")}
COPYING = {"c_t": MetricCall("c_t")}
CURVE = {"alpha_precision": MetricCall("alpha_precision")}
LIKELIHOODS = {name: MetricCall(name) for name in ("fld", "fls", "fls_overfit")}
LAWS = (("gaussian", 0.8), ("gaussian", 0.0), ("mixture", 0.4), ("heavy-tailed", 0.8))


def balls(k: int) -> dict[str, MetricCall]:
    """All four k-NN metrics."""
    return {use: MetricCall(use, {"k": k}) for use in ("precision", "recall", "density", "coverage")}


def small() -> Iterator[Task]:
    """Minutes on one core, wide error bars: sees gross failure, and that the controls fail."""
    for family in ("gaussian", "relu", "heavy-tailed"):
        study = Study(family, Population(family, 12, 0.8), 300, 300, DISTANCES, REGULAR, population_value=True)
        yield _both(study, 200, references=5, draws=40)
    for ratio in (2, 8, 12, 30):
        yield _both(_few_rows(ratio, 12), 200, references=5, draws=40)
    for far in (0.0, 0.1):
        study = Study(f"far={far}", Population("gaussian", 12, far), 240, 240, DISTANCES, DEGENERATE)
        yield _both(study, 200, references=5, draws=40)
    for family, far, k in (("gaussian", 0.8, 3), ("gamma", 0.4, 5)):
        study = Study(f"{family}, k={k}", Population(family, 6, far, 0.2), 200, 200, balls(k), BALLS)
        yield _both(study, 120, references=5, draws=24, extra=200)
    yield from _contests(120)
    yield from _controls(60)
    study = Study("field, by influence", Population("gaussian", 6, 0.5), 160, 160, INFLUENCES, FIELD)
    yield _both(study, 120, references=4, draws=24)
    for family, far in SMALL_CURVES:
        yield _nested(_of("curve", Population(family, 6, far), 160, CURVE, NEAR_BEST), 200, 8)
    study = Study("field, by parts", Population("gaussian", 4, 0.8), 100, 100, PARTS, FIELD)
    yield _both(study, 24, references=2, draws=8)


def full() -> Iterator[Task]:
    """Hours of CPU: the committed table."""
    for family in ("gaussian", "gamma", "mixture", "relu", "heavy-tailed"):
        study = Study(family, Population(family, 32, 1.0), 1000, 1000, DISTANCES, REGULAR, population_value=True)
        yield _both(study, 1000, references=25, draws=40)
    for ratio in (2, 4, 8, 10, 20, 30):
        yield _both(_few_rows(ratio, 40), 1000, references=25, draws=40)
    for far in (0.0, 0.05, 0.2):
        study = Study(f"far={far}", Population("gaussian", 32, far), 1000, 1000, DISTANCES, DEGENERATE)
        yield _both(study, 1000, references=25, draws=40)
    for m, n in ((300, 2000), (2000, 300)):
        study = Study(f"m={m}, n={n}", Population("gamma", 16, 0.8), m, n, DISTANCES, REGULAR)
        yield _both(study, 1000, references=25, draws=40)
    for n, repetitions in ((500, 1000), (1000, 500), (2000, 250)):
        for k in (3, 5):
            for family, far in (
                ("gaussian", 0.8),
                ("gamma", 0.4),
                ("mixture", 0.6),
                ("relu", 0.3),
                ("heavy-tailed", 0.8),
            ):
                study = Study(f"{family}, k={k}", Population(family, 16, far, 0.2), n, n, balls(k), BALLS)
                yield _both(study, repetitions, references=20, draws=repetitions // 20, extra=repetitions)
    yield from _contests(1000, many=5000)
    yield from _controls(200)
    yield from _field()


def _field() -> Iterator[Task]:
    """The wider field, the first law whole: a run that is stopped leaves a row of every metric."""
    for family, far in LAWS:
        law, small = Population(family, 12, far), Population(family, 6, far)
        yield _both(_of("influence", law, 500, CHEAP), 1000, references=25, draws=40)
        yield _nested(_of("balls", small, 250, BALLS_TOO), 300, 12)
        yield _nested(_of("copying", _copied(small), 150, COPYING), 300, 12)
        yield _both(_of("dearer", Population(family, 8, far), 300, DEARER), 200, references=10, draws=20)
        yield _nested(_of("near", small, 250, NEAR), 150, 12)
        if (family, far) == LAWS[0]:
            yield from _dearest(small)
    yield from _dearest(Population("gaussian", 6, 0.0))
    for family, far in (*LAWS, ("gaussian", 0.4), ("gamma", 0.4)):
        for n, d in ((160, 6), (400, 32)):
            yield _nested(_of(f"curve, n={n}", Population(family, d, far), n, CURVE, NEAR_BEST), 400, 12)


def _dearest(law: Population) -> Iterator[Task]:
    """Metrics of which an interval takes half a second and more."""
    wide = Wide(law.family, 2023, law.far)
    yield _nested(_of("likelihood", _copied(law), 100, LIKELIHOODS), 40, 12)
    yield _nested(_of("topological", law, 200, TOPOLOGICAL), 30, 12)
    yield _both(_of("spatial", wide, 150, {"sfid": MetricCall("sfid")}), 40, references=2, draws=20)


def _of(
    what: str,
    law: Law,
    n: int,
    calls: Mapping[str, MetricCall],
    bounds: tuple[float, float, float, float] = FIELD,
) -> Study:
    own = law.population if isinstance(law, Copies) else law
    assert isinstance(own, Population | Wide)
    return Study(f"field, {what}, {own.family}, far={own.far}", law, n, n, calls, bounds)


def _copied(law: Population) -> Copies:
    """A quarter of the fakes are training rows, but where the generator is a perfect one."""
    return Copies(law, 300, share=0.25 if law.far else 0.0)


def _few_rows(ratio: int, d: int) -> Study:
    bounds = DEGENERATE if ratio < 20 else (0.93, 0.98, 0.90, 1.20)
    n = ratio * d
    return Study(f"N/d={ratio}", Population("gamma", d, 0.4), n, n, DISTANCES, bounds, population_value=ratio >= 10)


def _both(study: Study, repetitions: int, *, references: int, draws: int, extra: int = 0) -> Task:
    def run(seed: int) -> list[Row]:
        return both_random(study, repetitions, seed, extra=extra) + reference_fixed(study, references, draws, seed)

    name = f"{study.name} (m={study.n_real}, n={study.n_fake}, d={study.population.d})"
    return Task(name, run, lambda seed: study_fingerprint(study, seed))


def _nested(study: Study, repetitions: int, fakes: int) -> Task:
    name = f"{study.name} (m={study.n_real}, n={study.n_fake}, d={study.population.d})"
    return Task(name, lambda seed: nested(study, repetitions, fakes, seed), lambda seed: study_fingerprint(study, seed))


def _contests(repetitions: int, many: int | None = None) -> Iterator[Task]:
    """`many` repetitions where a rate of .05 is told from its bound of .06: 1,000 leave a standard error of .008."""
    base = Population("gaussian", 6, 0.0)
    decisive = Contest("two, 5 seeds without scatter", base, (0.4, 0.6), 150, 5, 0.0)
    for setting in (
        Contest("five equal", base, (0.3,) * 5, 150),
        Contest("five equal, 3 seeds", base, (0.3,) * 5, 150, 3, 0.1),
        Contest("four apart", base, (0.3, 0.4, 0.5, 0.7), 150),
        Contest("three, 5 seeds", base, (0.4, 0.6, 0.6), 150, 5, 0.1),
        decisive,
        Contest("two, 3 seeds, KD", base, (0.4, 0.6), 150, 3, 0.1, "kd"),
    ):
        count = many or repetitions if setting is decisive else repetitions
        yield Task(
            setting.name,
            lambda seed, setting=setting, count=count: contest(setting, count, seed),
            lambda seed, setting=setting: contest_fingerprint(setting, seed),
        )


def _controls(repetitions: int) -> Iterator[Task]:
    def control(name: str, run: Callable[[int, int], Row]) -> Task:
        return Task(f"control: {name}", lambda seed: [run(seed, repetitions)], lambda seed: [asdict(run(seed, 2))])

    def bootstrap(metric: str, population: Population, n: int, most: float) -> Callable[[int, int], Row]:
        return lambda seed, count: bootstrap_percentile(
            metric, population, n, seed=seed, most=most, repetitions=count, replicates=60
        )

    far, near = Population("gaussian", 16, 0.8), Population("gamma", 16, 0.3)
    yield control("FD", bootstrap("fd", far, 400, 0.6))
    yield control("FD near", bootstrap("fd", near, 300, 0.05))
    yield control("KD at P = Q", bootstrap("kd", Population("gaussian", 64, 0.0, 0.0), 150, 0.05))
    yield control("recall", bootstrap("recall", Population("gaussian", 8, 0.8), 200, 0.5))
    yield control("subsets", lambda s, count: subset_standard_error(far, 200, repetitions=2 * count, seed=s, most=0.8))


def summary(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = (
        "| regime | metric | target | reference | n real / fake | d | repetitions | coverage | ± | SE/sd | flagged | |"
    )
    lines = [head, "|" + "---|" * 12]
    for r in rows:
        ratio = "" if np.isnan(r.ratio) else f"{r.ratio:.2f}"
        verdict = "" if r.holds() else "**outside**"
        lines.append(
            f"| {r.study} | {r.metric} | {r.target} | {r.reference} | {r.n_real} / {r.n_fake} | {r.d} | "
            f"{r.repetitions} | {r.coverage:.3f} | {r.error:.3f} | {ratio} | {r.conservative:.0%} | {verdict} |"
        )
    return "\n".join(lines)
