"""From a run under six encoders to one average a generator: analyses are summed, images being the same under all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.base import RANDOM, UsageError, named
from harness.benchmark import protocols
from harness.pipeline import results
from harness.studies.fdr6.result import Average, Averaged, Term
from harness.studies.scored import Scored
from harness.uncertainty import SeedMember, combine, means, rank_sets, weighted_sum

SEED = 2026  # of the simulated largest difference


def averaged(scored: Scored, protocol: str = "fdr6") -> Averaged:
    """The average of every generator of a run, with rank sets; in the run's own level, target and reference.

    Raises UsageError where the run lacks one of the protocol's encoders or its metric under one of them.
    """
    whole = protocols.load(protocol)
    of = under(scored, protocol)
    each = {name: _distances(scored, encoder, whole) for name, encoder in of.items()}
    groups, left_out = _summed(each, whole)
    if not groups:
        raise UsageError(f"{scored.out}: no generator has a value under all of {named(list(of.values()))}")
    target = scored.targets.get(whole.average["of"], "T_N")
    asked: Mapping[str, Any] = {"level": scored.level, "target": target, "reference": scored.reference}
    estimates = {name: combine(own, **asked).estimate for name, own in groups.items()}
    ranked = {name: own for name, own in groups.items() if name not in scored.copying}
    ranks = rank_sets(ranked, lower_is_better=True, seed=SEED, **asked) if ranked else None
    places = (ranks.rank, ranks.low, ranks.high) if ranks else ()
    decimals = int(whole.average["decimals"])

    def term(name: str, generator: str) -> Term:
        own = each[name][generator]
        distance = float(np.dot(means(own).weights, [one.analysis.value for one in own]))
        constant = whole.constants[name]
        return Term(of[name], distance, constant, *term_bounds(distance, constant, decimals))

    rows = [
        Average(
            generator,
            estimate,
            tuple(term(name, generator) for name in each),
            *(place[generator] for place in places if generator in place),
        )
        for generator, estimate in estimates.items()
    ]
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0, row.estimate.value))
    notes = [f"{name}: {why}; it has no rank" for name, why in scored.copying.items() if name in groups]
    if drawn := [name for name in of.values() if _is_random(scored, name)]:
        notes.insert(0, f"random weights under {named(drawn)}: no measure of quality, and the constants mean nothing")
    return Averaged(protocol, scored.level, tuple(rows), left_out, tuple(notes))


def members(scored: Scored, protocol: str) -> results.Groups:
    """The average's analyses by generator, one an image set; generators that lack one of the encoders are left out.

    Raises UsageError as `averaged`.
    """
    whole = protocols.load(protocol)
    each = {name: _distances(scored, encoder, whole) for name, encoder in under(scored, protocol).items()}
    return _summed(each, whole)[0]


def under(scored: Scored, protocol: str) -> dict[str, str]:
    """Each encoder of an average, by its protocol, as the run calls it; UsageError, naming those that are lacking."""
    wanted = protocols.load(protocol).constants
    found: dict[str, str] = {}
    for name, entry in scored.lock["benchmark"]["encoders"].items():
        stated = str(entry.get("protocol") or "").split(" ")
        # Facts that have changed since the run are another protocol's.
        if stated[0] in wanted and stated[-1] == protocols.load(stated[0]).digest():
            found.setdefault(stated[0], name)
    if lacking := [name for name in wanted if name not in found]:
        raise UsageError(
            f"{scored.out} has no encoder of protocol {named(lacking)}; `encoders: {{all: {{protocol: {protocol}}}}}` "
            f"in its benchmark, or `harness score REAL FAKE --protocol {protocol}`, uses all {len(wanted)}"
        )
    return {name: found[name] for name in wanted}


def term_bounds(distance: float, constant: float, decimals: int) -> tuple[float, float]:
    """The ratio by the largest and by the least constant that prints the same in so many decimals."""
    half = 0.5 * 10.0**-decimals
    return distance / (constant + half), distance / (constant - half)


def _distances(scored: Scored, encoder: str, whole: protocols.Protocol) -> results.Groups:
    """The analyses of the averaged metric under one encoder, by generator."""
    wanted = whole.average["of"]
    uses = {name: entry["use"] for name, entry in scored.lock["benchmark"]["metrics"].items()}
    held = scored.under(encoder).metrics
    name = next((name for name in (wanted, *held) if name in held and uses.get(name) == wanted), None)
    if name is None:
        raise UsageError(f"{scored.out} has no {wanted} under {encoder}, which {whole.name} averages")
    return held[name]


def _summed(each: Mapping[str, results.Groups], whole: protocols.Protocol) -> tuple[results.Groups, dict[str, str]]:
    """The averages by generator, and why a generator has none."""
    groups: results.Groups = {}
    left_out: dict[str, str] = {}
    weights = [1.0 / (len(each) * whole.constants[name]) for name in each]
    for generator in dict.fromkeys(generator for own in each.values() for generator in own):
        if lacking := [name for name, own in each.items() if generator not in own]:
            left_out[generator] = f"no {whole.average['of']} under {named(lacking)}"
            continue
        by_seed = [
            {(one.training_seed, one.sampling_seed): one.analysis for one in own[generator]} for own in each.values()
        ]
        if any(own.keys() != by_seed[0].keys() for own in by_seed):
            left_out[generator] = "not the same image sets under all encoders"
            continue
        groups[generator] = [
            SeedMember(*seeds, weighted_sum([own[seeds] for own in by_seed], weights, use=whole.name))
            for seeds in by_seed[0]
        ]
    return groups, left_out


def is_as_published(scored: Scored, protocol: str) -> bool:
    """Whether the run took the published weights under all encoders, in the numbers that encoders compute in."""
    return not any(
        _is_random(scored, name) or "dtype" in scored.lock["benchmark"]["encoders"][name]["parameters"]
        for name in under(scored, protocol).values()
    )


def _is_random(scored: Scored, encoder: str) -> bool:
    return bool(scored.lock["benchmark"]["encoders"][encoder]["parameters"].get("weights") == RANDOM)
