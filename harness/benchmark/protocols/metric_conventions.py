"""A protocol's metric conventions as parameters of the harness's metrics: subsets, splits, k, the kind of ball."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.base import UsageError
from harness.benchmark.protocols.catalogue import Protocol, load

BALLS = {
    "precision": "precision_recall",
    "recall": "precision_recall",
    "density": "density_coverage",
    "coverage": "density_coverage",
}


@dataclass(frozen=True, slots=True)
class Convention:
    """The parameters of a metric that a protocol fixes, and the names of those that it leaves to its user."""

    parameters: Mapping[str, Any]
    open: tuple[str, ...] = ()


def conventions(protocol: Protocol) -> dict[str, Convention]:
    """The metrics that a protocol has, each with what it fixes of them, in the order of its facts.

    `kd` is there where the protocol takes
    the kernel distance of all pairs; where it draws subsets it is `kid_subsets`. A draw without a published seed has
    the harness's own: no seed repeats an unseeded one.
    """
    found: dict[str, Convention] = {}
    if protocol.fid:
        found["fd"] = Convention({})
    if protocol.sfid:
        found["sfid"] = Convention({})
    if protocol.kid:
        kernel = {"degree": protocol.kid["degree"], "coef": float(protocol.kid["coef"])}
        if "subsets" in protocol.kid:
            drawn = {key: protocol.kid[key] for key in ("subsets", "subset_size")}
            seed = _seed("seed", protocol.kid.get("subset_rng", ""))
            found["kid_subsets"] = Convention({**drawn, **kernel, **seed})
        else:
            found["kd"] = Convention(kernel)
    if protocol.mmd:
        found["cmmd"] = Convention({key: float(protocol.mmd[key]) for key in ("bandwidth", "scale")})
    if facts := protocol.inception_score:
        parts = "split_size" if "split_size" in facts else "splits"
        shuffle = {"shuffle": None} if facts["shuffle"] is False else _seed("shuffle", facts["shuffle"])
        found["inception_score"] = Convention({parts: facts[parts], **shuffle})
    for metric, part in BALLS.items():
        if facts := getattr(protocol, part):
            closed = {"closed": facts["ball"] == "closed"}
            is_fixed = isinstance(facts["k"], int)
            found[metric] = Convention({"k": facts["k"], **closed}) if is_fixed else Convention(closed, ("k",))
    return found


def filled(name: str, metric: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a metric as a protocol has them, with those that it leaves open as given.

    Raises UsageError where the protocol is unknown or does not have the metric, where what it fixes is given besides,
    and where what it leaves open is not.
    """
    known = conventions(load(name))
    if metric not in known:
        raise UsageError(f"protocol {name} does not have {metric}; it has {', '.join(known)}")
    convention = known[metric]
    if said := [key for key in given if key in convention.parameters]:
        raise UsageError(f"protocol {name} says {' and '.join(said)} of {metric} itself; leave it out")
    if left := [key for key in convention.open if key not in given]:
        raise UsageError(f"protocol {name} leaves {' and '.join(left)} of {metric} to its user; give it")
    return {**convention.parameters, **given}


def _seed(parameter: str, drawn_by: str) -> dict[str, int]:
    published = re.search(r"(?:RandomState\(|seed )(\d+)", drawn_by)
    return {parameter: int(published[1])} if published else {}
