"""What a run says about its sweeps and seeds: the best cell of each entry, and how far single runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from harness.pipeline.plan import Plan
from harness.pipeline.rows import Chosen
from harness.uncertainty import (
    FEWEST_SEEDS,
    InfluenceForm,
    SeedMember,
    choose,
    combine,
    image_folds,
    seed_folds,
    share,
    spread,
)

Groups = Mapping[str, Sequence[SeedMember]]  # by generator
# A run has collapsed where less than this share of the real images lies within reach of what it makes.
FLOOR = 0.1
COLLAPSE = ("recall", "coverage")  # the first that is measured says it


def cells(plan: Plan) -> dict[str, list[str]]:
    """The generators that are cells of each swept entry, by its name."""
    found: dict[str, list[str]] = {}
    for name, entry in plan.benchmark.generators.items():
        if entry.swept is not None:
            found.setdefault(entry.swept.entry, []).append(name)
    return found


def chosen(plan: Plan, encoder: str, members: Mapping[str, Groups]) -> list[Chosen]:
    """The best cell of each swept entry by the metric that ranks, with the price of having chosen it."""
    metric = plan.benchmark.rank_by.metric
    groups = members.get(metric, {})
    asked = plan.benchmark.interval
    found = []
    for entry, named in cells(plan).items():
        there = [name for name in named if groups.get(name)]
        folds, over = _folds([groups[name] for name in there], plan.seed("folds", encoder))
        if len(there) < 2 or folds is None:
            continue
        shared = 0.0
        if asked.reference == "random":
            parts = combine(groups[there[0]], level=asked.level, target="T_N", reference="random").components
            shared = float(parts.get("reference_sampling") or 0.0)
        lower = plan.benchmark.lower_is_better(metric)
        choice = choose(folds, lower_is_better=lower, level=asked.level, shared_variance=shared)
        told = {key: value for key, value in asdict(choice).items() if key != "best"}
        found.append(Chosen(encoder, entry, metric, tuple(there), there[choice.best], over=over, **told))
    return found


def _folds(groups: Sequence[Sequence[SeedMember]], seed: int) -> tuple[np.ndarray | None, str]:
    """Values (cells, folds) of independent parts of the data, and of what; None where it cannot be parted."""
    seeds = {tuple(sorted({m.training_seed for m in group}, key=str)) for group in groups}
    if len(seeds) == 1 and len(common := next(iter(seeds))) >= FEWEST_SEEDS:
        values = [[_mean([m for m in group if m.training_seed == one]) for one in common] for group in groups]
        return seed_folds(np.array(values)), "training seeds"
    forms = [m.analysis.form for group in groups for m in group]
    if groups and all(isinstance(form, InfluenceForm) and len(form.influence_fake) >= 50 for form in forms):
        return np.stack([_image_folds(group, seed) for group in groups]), "images of these checkpoints"
    return None, ""


def _mean(members: Sequence[SeedMember]) -> float:
    return float(np.mean([member.analysis.value for member in members]))


def _image_folds(group: Sequence[SeedMember], seed: int) -> np.ndarray:
    parts = []
    for number, member in enumerate(group):
        form = member.analysis.form
        assert isinstance(form, InfluenceForm)
        order = np.random.default_rng([seed, number]).permutation(len(form.influence_fake))
        parts.append(image_folds(member.analysis.value, form.influence_fake, order))
    return np.asarray(np.mean(parts, axis=0))


def stability(members: Mapping[str, Groups], generator: str, *, level: float) -> dict[str, Any] | None:
    """How a generator's values vary over training seeds, and the share of its runs that collapsed; None under three."""
    own = {metric: groups[generator] for metric, groups in members.items() if groups.get(generator)}
    by_seed = {metric: _by_seed(group) for metric, group in own.items()}
    if not by_seed or min(len(values) for values in by_seed.values()) < FEWEST_SEEDS:
        return None
    told: dict[str, Any] = {"seeds": len(next(iter(by_seed.values())))}
    told["sd"] = {metric: asdict(spread(values, level=level)) for metric, values in by_seed.items()}
    if metric := next((name for name in COLLAPSE if name in by_seed), None):
        values = by_seed[metric]
        lost = share(sum(value < FLOOR for value in values), len(values), level=level)
        told["collapsed"] = {**asdict(lost), "rule": f"{metric} under {FLOOR:g}"}
    return told


def _by_seed(members: Sequence[SeedMember]) -> list[float]:
    """One value a training seed: the mean over its sampling seeds."""
    seeds = dict.fromkeys(member.training_seed for member in members)
    return [_mean([m for m in members if m.training_seed == seed]) for seed in seeds if seed is not None]


def costs(plan: Plan) -> dict[str, dict[str, Any]]:
    """What each generator's training and sampling cost, the mean over its image sets; of this machine and moment."""
    found: dict[str, dict[str, Any]] = {}
    for name in plan.benchmark.generators:
        entries = [plan.images(fake) for fake in plan.fakes if fake.generator == name]
        told = [entry.facts["cost"] for entry in entries if entry is not None and entry.facts.get("cost")]
        if told:
            first = told[0]
            numbers = [key for key, value in first.items() if isinstance(value, int | float)]
            means = {key: float(np.mean([one[key] for one in told if key in one])) for key in numbers}
            exact = {key: first[key] for key in ("parameters", "evaluations") if key in first}
            found[name] = {**first, **{key: float(f"{value:.4g}") for key, value in means.items()}, **exact}
    return found
