"""The finished runs that a claim's `ours` points to, with the conditions of their numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.studies.reproduce.claims import Claim, Facts
    from harness.studies.reproduce.judging import Run
    from harness.uncertainty import SeedMember

# What a run may compute for a claim's metric: the `use` of its metric, not of its analysis (sFID's is that of FD).
USES: Mapping[str, tuple[str, ...]] = {
    "fid": ("fd",),
    "fd": ("fd",),
    "sfid": ("sfid",),
    "kid": ("kd", "kid_subsets"),
    "kd": ("kd", "kid_subsets"),
    "mmd": ("kd", "cmmd"),
    "inception_score": ("inception_score",),
    "precision": ("precision",),
    "recall": ("recall",),
    "density": ("density",),
    "coverage": ("coverage",),
    "fdr6": ("fdr6",),  # of six encoders: no metric of a run but an average over it
}


def runs_for(claim: Claim, folder: Path, outs: Sequence[Path]) -> list[Run]:
    """The runs that measured a claim's model: the one that `ours.out` names, else those of `outs` with its generator.

    Raises UsageError for a folder, encoder, generator or metric that is not there, naming the claim's place.
    """
    from harness.base import UsageError

    if claim.ours is None:
        return []
    try:
        if claim.ours.out is not None:
            return [_run(claim, folder / claim.ours.out)]
        return [_run(claim, out) for out in outs if _has(out, claim.ours.generator)]
    except UsageError as problem:
        raise UsageError([f"{claim.where}: claim {claim.id}: {line}" for line in problem.problems]) from None


def unused(claims: Sequence[Claim], folder: Path, outs: Sequence[Path]) -> list[str]:
    """A sentence for each run of `outs` that measured no claim's model and each claim that looked there in vain.

    `folder` is that of the claims file, from which `ours.out` is read. Raises UsageError for a folder without a run.
    """
    from harness.pipeline import results

    named = {(folder / one.ours.out).resolve() for one in claims if one.ours is not None and one.ours.out is not None}

    looking = [claim for claim in claims if claim.ours is not None and claim.ours.out is None]
    asked = {claim.ours.generator for claim in looking if claim.ours is not None}
    generators = [{str(row["generator"]) for row in results.leaderboard(out)["rows"]} for out in outs]
    told = [
        f"{out}: no claim was held against this run; `ours: {{generator: …, metric: …}}` in a claim names one of "
        f"its generators ({', '.join(sorted(had))})"
        for out, had in zip(outs, generators, strict=True)
        if not asked & had and out.resolve() not in named
    ]
    everything = set().union(*generators)
    for claim in looking:
        if claim.ours is not None and claim.ours.generator not in everything:
            runs = ", ".join(map(str, outs)) or "no run was given with --out"
            told.append(
                f"{claim.where}: claim {claim.id}: no run measured `ours.generator` {claim.ours.generator}: {runs}"
            )
    return told


def _has(out: Path, generator: str) -> bool:
    from harness.pipeline import results

    return any(row["generator"] == generator for row in results.leaderboard(out)["rows"])


def _run(claim: Claim, out: Path) -> Run:
    from harness.base import UsageError, read_yaml, unknown
    from harness.pipeline import results

    assert claim.ours is not None
    pointer = claim.ours
    if claim.metric == "fdr6":
        return _average(claim, out)
    encoder, metrics = results.read(out, pointer.encoder)
    results.check_scored(out, encoder, [pointer.generator])
    if pointer.metric not in metrics:
        raise UsageError(unknown("metric", pointer.metric, metrics, place=str(out)))
    members = metrics[pointer.metric][pointer.generator]
    lock = read_yaml(out / "benchmark.lock.yaml").value
    use, needed = lock["benchmark"]["metrics"][pointer.metric]["use"], USES[claim.metric]
    if use not in needed:
        words = " or ".join(f"'{one}'" for one in needed)
        raise UsageError(f"`ours.metric` {pointer.metric} is '{use}'; {claim.metric} needs {words}")
    own = lock["benchmark"]["metrics"][pointer.metric]
    name = _protocol(claim, lock["benchmark"]["encoders"][encoder], own["use"], own["parameters"])
    return _ours(claim, out, lock, members, name, None if name else _pipeline(lock, encoder, pointer.metric))


def _average(claim: Claim, out: Path) -> Run:
    """The run's average over encoders, of the claim's model."""
    from harness.base import UsageError, unknown
    from harness.studies.fdr6.compute import is_as_published, members
    from harness.studies.reproduce.comparable import OURS
    from harness.studies.scored import Scored

    assert claim.ours is not None
    if claim.ours.metric != "fdr6":
        raise UsageError(f"`ours.metric` {claim.ours.metric} is not fdr6, which is an average over a run's encoders")
    scored = Scored.read(out)
    groups = members(scored, "fdr6")
    if claim.ours.generator not in groups:
        raise UsageError(unknown("generator", claim.ours.generator, groups, place=str(out)))
    published = is_as_published(scored, "fdr6")
    protocol, pipeline = ("fdr6", None) if published else (None, f"{OURS}fdr6 with other weights or another dtype")
    return _ours(claim, out, scored.lock, groups[claim.ours.generator], protocol, pipeline)


def _ours(
    claim: Claim,
    out: Path,
    lock: Mapping[str, Any],
    members: Sequence[SeedMember],
    protocol: str | None,
    pipeline: str | None,
) -> Run:
    """The run as a test takes it: its image sets, and the conditions of its number."""
    from harness.studies.reproduce.judging import Run

    assert claim.ours is not None
    pointer, bench = claim.ours, lock["benchmark"]
    facts = _facts(claim, bench, protocol, pipeline)
    if pointer.same:
        vouched: dict[str, Any] = {fact: getattr(claim, fact) for fact in pointer.same}
        facts = facts.model_copy(update={**vouched, "inferred": pointer.same})
    left_out = 1.0 - bench["n_real"] / bench["data"]["splits"][bench["reference_split"]]["size"]
    return Run(f"ours, {pointer.generator} in {os.path.normpath(out)}", facts, members, pointer.retrained, left_out)


def _facts(claim: Claim, bench: Mapping[str, Any], protocol: str | None, pipeline: str | None) -> Facts:
    from harness.studies.reproduce.claims import Facts

    n_real, split = bench["n_real"], bench["reference_split"]
    whole = n_real == bench["data"]["splits"][split]["size"]
    # Images of many sizes have no resolution that a claim's could be held against: it stays unsaid.
    height, width = (bench["data"]["image"] or (None, None))[:2]
    return Facts(
        metric=claim.metric,
        protocol=protocol,
        pipeline=pipeline,
        dataset=bench["dataset"],
        resolution=height if height == width else None,
        reference_split=split,
        n_real=n_real,
        whole_split=whole,
        n_fake=bench["n_fake"],
        selection="single",
    )


def _protocol(claim: Claim, encoder: Mapping[str, Any], use: str, parameters: Mapping[str, Any]) -> str | None:
    """The protocol that the run followed in what this metric needs; None where it went its own way in anything."""
    from harness.base import RANDOM
    from harness.benchmark import conventions, protocols

    own = encoder["parameters"]
    # `dtype` is in the lock where it was chosen, which no protocol's entry does.
    if not encoder.get("protocol") or own.get("weights") == RANDOM or "dtype" in own:
        return None
    name, _, digest = encoder["protocol"].split(" ")
    protocol = protocols.load(name)
    if protocol.digest() != digest:  # the facts have changed since the run
        return None
    known = conventions(protocol)
    if use == "kd" and "kid_subsets" in known:
        # All pairs are the mean over all subsets, so that both have the same expectation under the same kernel.
        wanted: Mapping[str, Any] = {key: known["kid_subsets"].parameters[key] for key in ("degree", "coef")}
    elif use in known and not known[use].open:
        wanted = known[use].parameters
    else:
        return None
    kernel = use in ("kd", "kid_subsets")
    if kernel and not _has_kernel(parameters, protocol.kid, protocol.encoder.get("dim")):
        return None
    return name if all(parameters.get(key) == value for key, value in wanted.items()) else None


def _has_kernel(parameters: Mapping[str, Any], facts: Mapping[str, Any], d: int | None) -> bool:
    """Whether a run's kernel is the protocol's in kind and scale; `d` is the width of the features."""
    scale = parameters.get("gamma")
    if facts["gamma"] == "1/d":
        same = scale is None or (d is not None and abs(scale * d - 1) < 1e-9)
    else:
        same = scale == facts["gamma"]
    return same and parameters.get("kernel", "polynomial") == facts["kernel"]


def _pipeline(lock: Mapping[str, Any], encoder: str, metric: str) -> str:
    """`harness 0123456789abcdef` of everything between an image and the number, but the versions of libraries."""
    from harness.base import digest
    from harness.studies.reproduce.comparable import OURS

    bench, parts = lock["benchmark"], lock["components"]
    own = bench["encoders"][encoder]["preprocessing"] or bench["preprocessing"]
    network = {key: value for key, value in parts["encoders"][encoder].items() if key != "libraries"}
    return OURS + digest([own, network, bench["metrics"][metric]["parameters"]])[:16]
