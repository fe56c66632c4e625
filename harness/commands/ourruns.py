"""The finished runs that a claim's `ours` points to, with the conditions of their numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.studies.claims import Claim, Facts
    from harness.studies.claims.judge import Run

# What a run must compute for a claim's metric; sFID and Inception scores are no metrics of a run.
USES = {
    "fid": "fd", "fd": "fd", "kid": "kd", "kd": "kd", "mmd": "kd", "precision": "precision", "recall": "recall",
    "density": "density", "coverage": "coverage",
}  # fmt: skip


def runs_for(claim: Claim, folder: Path, outs: Sequence[Path]) -> list[Run]:
    """The runs that measured a claim's model: the one that `ours.out` names, else those of `outs` with its generator.

    Raises UsageError for a folder, encoder, generator or metric that is not there, naming the claim's place.
    """
    from harness.errors import UsageError

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

    `folder` is that of the claims file, from which `ours.out` is read. Raises UsageError for a folder that is no run's.
    """
    from harness.outfolder import leaderboard

    named = {(folder / one.ours.out).resolve() for one in claims if one.ours is not None and one.ours.out is not None}

    looking = [claim for claim in claims if claim.ours is not None and claim.ours.out is None]
    asked = {claim.ours.generator for claim in looking if claim.ours is not None}
    generators = [{str(row["generator"]) for row in leaderboard(out)["rows"]} for out in outs]
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
    from harness.outfolder import leaderboard

    return any(row["generator"] == generator for row in leaderboard(out)["rows"])


def _run(claim: Claim, out: Path) -> Run:
    from harness.declaration import read as read_yaml
    from harness.errors import UsageError
    from harness.outfolder import read
    from harness.studies.claims.judge import Run
    from harness.suggest import unknown

    assert claim.ours is not None
    pointer = claim.ours
    encoder, metrics = read(out, pointer.encoder)
    if pointer.metric not in metrics:
        raise UsageError(unknown("metric", pointer.metric, metrics, place=str(out)))
    members = metrics[pointer.metric].get(pointer.generator)
    if members is None:
        raise UsageError(unknown("generator", pointer.generator, metrics[pointer.metric], place=str(out)))
    use, needed = members[0].analysis.use, USES.get(claim.metric)
    if use != needed:
        told = f"needs '{needed}'" if needed else "is none that a run computes"
        raise UsageError(f"`ours.metric` {pointer.metric} is '{use}'; {claim.metric} {told}")
    lock = read_yaml(out / "benchmark.lock.yaml").value
    facts = _facts(claim, lock, encoder, pointer.metric)
    return Run(f"ours, {pointer.generator} in {os.path.normpath(out)}", facts, members, pointer.retrained)


def _facts(claim: Claim, lock: Mapping[str, Any], encoder: str, metric: str) -> Facts:
    from harness.studies.claims import Facts

    bench = lock["benchmark"]
    n_real, split = bench["n_real"], bench["reference_split"]
    whole = n_real == bench["data"]["splits"][split]["size"]
    height, width = bench["data"]["image"][:2]
    name = _protocol(claim, bench["encoders"][encoder], bench["metrics"][metric]["parameters"])
    return Facts(
        metric=claim.metric,
        protocol=name,
        pipeline=None if name else _pipeline(lock, encoder, metric),
        dataset=bench["dataset"],
        resolution=height if height == width else None,
        reference_split=split,
        n_real=n_real,
        whole_split=whole,
        n_fake=bench["n_fake"],
        selection="single",
    )


def _protocol(claim: Claim, encoder: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    """The protocol that the run followed in what this metric needs; None where it went its own way in anything."""
    from harness.components import RANDOM
    from harness.protocols import load
    from harness.studies.claims.model import PART

    own = encoder["parameters"]
    # `dtype` is in the lock where it was chosen, which no protocol's entry does.
    if not encoder.get("protocol") or own.get("weights") == RANDOM or "dtype" in own:
        return None
    name, _, digest = encoder["protocol"].split(" ")
    protocol = load(name)
    if protocol.digest() != digest:  # the facts have changed since the run
        return None
    facts = getattr(protocol, PART[claim.metric])
    if claim.metric in ("precision", "recall", "density", "coverage"):
        same = (facts.get("k"), facts.get("ball")) == (
            parameters.get("k"), "closed" if parameters.get("closed") else "open"
        )  # fmt: skip
        return name if same else None
    if claim.metric in ("kid", "kd"):
        return name if parameters.get("kernel") == "polynomial" and parameters.get("degree") == 3 else None
    # The harness has its own bandwidths and estimator for other kernels; nobody has shown that they are the same.
    return None if claim.metric == "mmd" else name


def _pipeline(lock: Mapping[str, Any], encoder: str, metric: str) -> str:
    """`harness 0123456789abcdef` of everything between an image and the number, but the versions of libraries."""
    from harness.keys import digest
    from harness.studies.claims.comparable import OURS

    bench, parts = lock["benchmark"], lock["components"]
    own = bench["encoders"][encoder]["preprocessing"] or bench["preprocessing"]
    network = {key: value for key, value in parts["encoders"][encoder].items() if key != "libraries"}
    return OURS + digest([own, network, bench["metrics"][metric]["parameters"]])[:16]
