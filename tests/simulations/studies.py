"""Draw, analyse, compare with the truth: one row of figures per metric, target and treatment of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from harness.metrics.analyses import analyse, values_of
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.manifold.values import coverage, density, precision, recall
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.compare import difference, equivalence
from harness.uncertainty.intervals import interval
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.seeds import SeedMember, combine

from .populations import Copies, Law, Population

LEVEL = 0.95
FUNCTIONS: dict[str, Callable[..., float]] = {
    "fd": frechet_distance,
    "kd": kernel_distance,
    "precision": precision,
    "recall": recall,
    "density": density,
    "coverage": coverage,
}


@dataclass(frozen=True)
class Row:
    """What one simulation found. `ratio` is the mean standard error over the true standard deviation."""

    study: str
    metric: str
    target: str
    reference: str
    n_real: int
    n_fake: int
    d: int
    repetitions: int
    truth: float
    mean: float
    coverage: float
    error: float  # Monte-Carlo standard error of the coverage
    ratio: float
    conservative: float  # share of the intervals that called themselves conservative
    least: float
    most: float
    narrowest: float
    widest: float

    def holds(self, errors: float = 2.0) -> bool:
        """Within the bounds asked for, give or take so many Monte-Carlo standard errors."""
        slack = errors * max(self.error, (LEVEL * (1 - LEVEL) / self.repetitions) ** 0.5)
        unsure = 1.0 + errors / (2.0 * self.repetitions) ** 0.5
        return self.least - slack <= self.coverage <= self.most + slack and (
            np.isnan(self.ratio) or self.narrowest / unsure <= self.ratio <= self.widest * unsure
        )


@dataclass(frozen=True)
class Study:
    """Two populations, set sizes and metrics. `bounds`: least and most coverage, least and most SE/sd."""

    name: str
    population: Law
    n_real: int
    n_fake: int
    calls: Mapping[str, MetricCall]
    bounds: tuple[float, float, float, float]
    population_value: bool = False


def both_random(study: Study, repetitions: int, seed: int, *, extra: int = 0) -> list[Row]:
    """Coverage over draws of both sets, of T_N and (FD) of T_inf; `extra` more draws help to fix the truth."""
    rng = np.random.default_rng(seed)
    population = study.population
    found: dict[str, list[Analysis]] = {name: [] for name in study.calls}
    for r in range(repetitions):
        real, fake = population.real(rng, study.n_real), population.fake(rng, study.n_fake)
        for name, analysis in analyse(study.calls, real, fake, real_seed=2 * r, fake_seed=2 * r + 1).items():
            found[name].append(analysis)
    more: dict[str, list[float]] = {name: [] for name in study.calls}
    for _ in range(extra):
        real, fake = population.real(rng, study.n_real), population.fake(rng, study.n_fake)
        for name, call in study.calls.items():
            more[name].append(FUNCTIONS[call.use](real, fake, **call.parameters))
    rows = []
    for name, analyses in found.items():
        values = np.array([a.value for a in analyses] + more[name])
        rows.append(_row(study, name, "T_N", "random", analyses, float(values.mean()), float(values.std(ddof=1))))
        if study.population_value and name == "fd" and isinstance(population, Population):
            debiased = [interval(a, level=LEVEL, target="T_inf", reference="random").value for a in analyses]
            sd = float(np.std(debiased, ddof=1))
            rows.append(_row(study, name, "T_inf", "random", analyses, population.distance(), sd))
    return rows


def reference_fixed(study: Study, references: int, draws: int, seed: int) -> list[Row]:
    """Coverage over draws of the fake set, within each of several reference sets."""
    rng = np.random.default_rng([seed, 1])
    gaps: dict[str, list[float]] = {name: [] for name in study.calls}
    errors: dict[str, list[float]] = {name: [] for name in study.calls}
    spreads: dict[str, list[float]] = {name: [] for name in study.calls}
    inside: dict[str, list[bool]] = {name: [] for name in study.calls}
    flagged: dict[str, list[bool]] = {name: [] for name in study.calls}
    for g in range(references):
        real = study.population.real(rng, study.n_real)
        analyses: dict[str, list[Analysis]] = {name: [] for name in study.calls}
        for r in range(draws):
            fake = study.population.fake(rng, study.n_fake)
            seeds = {"real_seed": g, "fake_seed": references + g * draws + r}
            for name, analysis in analyse(study.calls, real, fake, **seeds).items():
                analyses[name].append(analysis)
        for name, these in analyses.items():
            values = np.array([a.value for a in these])
            spreads[name].append(float(values.var(ddof=1)))
            for i, a in enumerate(these):
                # Centred at the other draws: its own value would pull the truth towards itself.
                others = (values.sum() - values[i]) / (draws - 1)
                truth = values[i] - (values[i] - others) * np.sqrt((draws - 1) / draws)
                estimate = interval(a, level=LEVEL, target="T_N", reference="fixed")
                inside[name].append(estimate.low <= truth <= estimate.high)
                errors[name].append(estimate.se)
                flagged[name].append(estimate.conservative)
                gaps[name].append(float(values[i]))
    rows = []
    for name in study.calls:
        hit = float(np.mean(inside[name]))
        count = references * draws
        rows.append(
            Row(
                study.name,
                name,
                "T_N",
                "fixed",
                study.n_real,
                study.n_fake,
                study.population.d,
                count,
                float(np.mean(gaps[name])),
                float(np.mean(gaps[name])),
                hit,
                _error(hit, count),
                float(np.mean(errors[name]) / np.sqrt(np.mean(spreads[name]))),
                float(np.mean(flagged[name])),
                *study.bounds,
            )
        )
    return rows


def nested(study: Study, repetitions: int, fakes: int, seed: int) -> list[Row]:
    """Coverage of both intervals from one analysis a reference, for metrics whose intervals cost far more than values.

    Each of `repetitions` reference sets has an analysis with one fake set and the values alone of `fakes` others: their
    mean is the truth given this reference, up to a noise that is known and taken out of the interval's error.
    """
    rng = np.random.default_rng(seed)
    law = study.population
    training = law.training() if isinstance(law, Copies) else None
    found: dict[str, list[Analysis]] = {name: [] for name in study.calls}
    others: dict[str, list[list[float]]] = {name: [] for name in study.calls}
    for r in range(repetitions):
        real, fake = law.real(rng, study.n_real), law.fake(rng, study.n_fake)
        seeds = {"real_seed": 2 * r, "fake_seed": 2 * r + 1}
        for name, analysis in analyse(study.calls, real, fake, training=training, **seeds).items():
            found[name].append(analysis)
        values = [values_of(study.calls, real, law.fake(rng, study.n_fake), training=training) for _ in range(fakes)]
        for name in study.calls:
            others[name].append([value[name] for value in values])
    rows = []
    for name, analyses in found.items():
        beside, own = np.array(others[name]), np.array([a.value for a in analyses])
        every = np.column_stack([own, beside])
        # The rows' means vary as the reference does: the spread of all values is that over draws of both sets.
        spread = float(
            np.sqrt(beside.var(axis=1, ddof=1).mean() * fakes / (fakes + 1) + every.mean(axis=1).var(ddof=1))
        )
        rows.append(_row(study, name, "T_N", "random", analyses, float(every.mean()), spread))
        truths = own + (beside.mean(axis=1) - own) * np.sqrt(fakes / (fakes + 1))
        estimates = [interval(a, level=LEVEL, target="T_N", reference="fixed") for a in analyses]
        hit = float(np.mean([e.low <= truth <= e.high for e, truth in zip(estimates, truths, strict=True)]))
        ratio = np.mean([e.se for e in estimates]) / np.sqrt(beside.var(axis=1, ddof=1).mean())
        flagged = float(np.mean([e.conservative for e in estimates]))
        at = (study.n_real, study.n_fake, law.d, repetitions, float(every.mean()), float(own.mean()))
        rows.append(
            Row(
                study.name,
                name,
                "T_N",
                "fixed",
                *at,
                hit,
                _error(hit, repetitions),
                float(ratio),
                flagged,
                *study.bounds,
            )
        )
    return rows


def _row(
    study: Study, name: str, target: str, reference: str, analyses: Sequence[Analysis], truth: float, sd: float
) -> Row:
    estimates = [interval(a, level=LEVEL, target=target, reference=reference) for a in analyses]  # type: ignore[arg-type]
    hit = float(np.mean([e.low <= truth <= e.high for e in estimates]))
    return Row(
        study.name,
        name,
        target,
        reference,
        study.n_real,
        study.n_fake,
        study.population.d,
        len(analyses),
        truth,
        float(np.mean([e.value for e in estimates])),
        hit,
        _error(hit, len(analyses)),
        float(np.mean([e.se for e in estimates]) / sd),
        float(np.mean([e.conservative for e in estimates])),
        *study.bounds,
    )


def _error(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))


# -------------------------------------------------------------------------------- several generators


@dataclass(frozen=True)
class Contest:
    """Generators scored against one reference, each trained `training_seeds` times (1: a fixed checkpoint)."""

    name: str
    population: Population
    far: tuple[float, ...]
    n: int
    training_seeds: int = 1
    seed_scatter: float = 0.0
    use: str = "fd"


def _runs(setting: Contest, repetitions: int, seed: int) -> list[dict[str, list[SeedMember]]]:
    rng = np.random.default_rng(seed)
    call = {setting.use: MetricCall(setting.use)}
    runs: list[dict[str, list[SeedMember]]] = []
    for r in range(repetitions):
        real = setting.population.real(rng, setting.n)
        groups = {}
        for g, far in enumerate(setting.far):
            members = []
            for t in range(setting.training_seeds):
                here = far + setting.seed_scatter * float(rng.standard_normal())
                fake = setting.population.shifted(here).fake(rng, setting.n)
                seeds = {"real_seed": r, "fake_seed": 1000 * g + t}
                members.append(SeedMember(t, 0, analyse(call, real, fake, **seeds)[setting.use]))
            groups[f"g{g}"] = members
        runs.append(groups)
    return runs


def contest_fingerprint(setting: Contest, seed: int) -> list[object]:
    """Every end of every interval of one repetition: changes with any change of what `contest` measures."""
    (run,) = _runs(setting, 1, seed)
    found = difference(run["g0"], run["g1"], level=LEVEL, reference="random")
    sets = rank_sets(run, lower_is_better=True, level=LEVEL, reference="random", seed=0, draws=1000)
    random = combine(run["g0"], level=LEVEL, target="T_N", reference="random").estimate
    equal = [equivalence(found, margin=abs(found.value) + step * found.se).p for step in (0.5, 1.0, 2.0)]
    return [asdict(random), [found.value, found.se, found.low, found.high, found.p], equal, sets.low, sets.high]


def study_fingerprint(study: Study, seed: int) -> list[object]:
    """Every end of every interval of one repetition: changes with any change of what the study measures."""
    rng = np.random.default_rng(seed)
    real, fake = study.population.real(rng, study.n_real), study.population.fake(rng, study.n_fake)
    found: list[object] = []
    training = study.population.training() if isinstance(study.population, Copies) else None
    for name, analysis in analyse(study.calls, real, fake, real_seed=0, fake_seed=1, training=training).items():
        for target, reference in (("T_N", "random"), ("T_N", "fixed"), ("T_inf", "random")):
            if target == "T_N" or (study.population_value and name == "fd"):
                found.append(asdict(interval(analysis, level=LEVEL, target=target, reference=reference)))  # type: ignore[arg-type]
    return found


def contest(setting: Contest, repetitions: int, seed: int) -> list[Row]:
    """Rank sets, a paired difference, an equivalence test at its margin, and the mean over seeds, in one simulation.

    The true means are those of the same draws, 1 / repetitions of the noise away.
    """
    runs = _runs(setting, repetitions, seed)
    means = {name: np.array([np.mean([m.analysis.value for m in run[name]]) for run in runs]) for name in runs[0]}
    truth = {name: float(values.mean()) for name, values in means.items()}
    # Equal generators share one truth; their means would rank themselves.
    for far in set(setting.far):
        same = [f"g{g}" for g, other in enumerate(setting.far) if other == far]
        common = float(np.mean([truth[name] for name in same]))
        truth |= dict.fromkeys(same, common)
    lowest = {name: 1 + sum(other < value for other in truth.values()) for name, value in truth.items()}
    highest = {name: sum(other <= value for other in truth.values()) for name, value in truth.items()}
    hits: dict[str, list[bool]] = {
        "rank sets": [],
        "difference": [],
        "equivalence": [],
        "mean random": [],
    }
    errors: dict[str, list[float]] = {"difference": [], "mean random": []}
    gap = truth["g0"] - truth["g1"]
    for number, run in enumerate(runs):
        sets = rank_sets(run, lower_is_better=True, level=LEVEL, reference="random", seed=number, draws=1000)
        hits["rank sets"].append(all(sets.low[n] <= lowest[n] and sets.high[n] >= highest[n] for n in run))
        found = difference(run["g0"], run["g1"], level=LEVEL, reference="random")
        hits["difference"].append(found.low <= gap <= found.high)
        errors["difference"].append(found.se)
        if gap != 0:
            hits["equivalence"].append(equivalence(found, margin=abs(gap)).equivalent)
        random = combine(run["g0"], level=LEVEL, target="T_N", reference="random").estimate
        hits["mean random"].append(random.low <= truth["g0"] <= random.high)
        errors["mean random"].append(random.se)
    true_sd = {
        "difference": float((means["g0"] - means["g1"]).std(ddof=1)),
        "mean random": float(means["g0"].std(ddof=1)),
    }
    bounds = {
        "rank sets": (0.95, 1.0, 0.0, np.inf),
        "difference": (0.93, 0.98, 0.85, 1.25),
        "equivalence": (0.0, 0.06, 0.0, np.inf),
        "mean random": (0.93, 0.975, 0.85, 1.25),
    }
    rows = []
    for what, limit in bounds.items():
        if not hits[what]:
            continue
        hit = float(np.mean(hits[what]))
        ratio = float(np.mean(errors[what]) / true_sd[what]) if what in errors else float("nan")
        label = "equivalence, type I" if what == "equivalence" else what
        rows.append(
            Row(
                setting.name,
                f"{setting.use} {label}",
                "T_N",
                "random",
                setting.n,
                setting.n,
                setting.population.d,
                repetitions,
                gap if what != "mean random" else truth["g0"],
                float("nan"),
                hit,
                _error(hit, repetitions),
                ratio,
                0.0,
                *limit,
            )
        )
    return rows
