"""May these statistics be compared with those, or with features that are about to be made? Refused fact by fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.benchmark import protocols
from harness.studies.statistics.make import is_own
from harness.studies.statistics.npz import NAMES, Made, Statistics, protocol_of
from harness.studies.statistics.registered import Published, of_file

# What else than the features' way decides a mean and a covariance; how the root is taken is no part of them.
MOMENT_FACTS = ("fid.ddof",)


def admitted(path: Path, statistics: Statistics, *, protocol: str | None, assumed: str | None) -> protocols.Protocol:
    """The protocol under which images must be encoded to be compared with these statistics.

    Without `protocol`, the one that the file names, or that it is registered with where its name is that of a published
    one. A file that names none is refused unless `assumed` does.
    Raises UsageError with every differing fact where file and protocol, or file and this version of it, disagree.
    """
    if statistics.made is None:
        if (known := of_file(path)) is not None:
            return _as_registered(path, known, protocol or assumed)
        if assumed is None:
            raise UsageError(
                f"{path} does not say how its statistics were made (pipeline, weights, resize), and {NAMES} alone fit "
                "any; if you know the protocol, such as from the download page, use --assume-protocol "
                "P (`harness list protocols`)"
            )
        if protocol not in (None, assumed):
            raise UsageError(f"--protocol {protocol} and --assume-protocol {assumed} disagree; keep one")
        return protocols.load(assumed)
    if assumed is not None:
        raise UsageError(f"{path} states how it was made; leave --assume-protocol out")
    own = protocol_of(statistics.made)
    wanted = own if protocol is None and is_own(own) else protocols.load(protocol or own.name)
    if found := decisive(protocols.differences(own, wanted)):
        raise UsageError(_refusal(path, f"protocol {own.name} (version {own.version})", wanted.name, found))
    return wanted


def _as_registered(path: Path, known: Published, asked: str | None) -> protocols.Protocol:
    """The protocol that a published file is registered with; UsageError where another is asked for."""
    own = protocols.load(known.protocol)
    wanted = protocols.load(asked or known.protocol)
    if found := decisive(protocols.differences(own, wanted)):
        whose = f"protocol {own.name} ({known.url}; rename your own file)"
        raise UsageError(_refusal(path, whose, wanted.name, found))
    return wanted


def refuse_other(first: Path, one: Statistics, second: Path, other: Statistics) -> None:
    """Raise UsageError, every difference named, for two files whose features went another way."""
    if one.made is None or other.made is None:
        return
    ours, theirs = protocol_of(one.made), protocol_of(other.made)
    if found := decisive(protocols.differences(ours, theirs)):
        raise UsageError(_refusal(first, f"protocol {ours.name}", f"{theirs.name} of {second}", found))
    refuse_other_encoder(first, one.made, other.made.encoder, str(second))


def refuse_other_making(path: Path, held: Statistics, made: Made) -> None:
    """Raise UsageError where features that are about to be made are of another encoder or recipe than the file's."""
    if held.made is None:
        return
    refuse_other_encoder(path, held.made, made.encoder, "this installation")
    if held.made.recipe != made.recipe:
        raise UsageError(
            f"{path} was made by another preprocessing recipe ({held.made.recipe[:12]}…) than protocol "
            f"{made.protocol['name']} has here ({made.recipe[:12]}…); recreate it"
        )


def refuse_other_encoder(path: Path, made: Made, encoder: Mapping[str, Any], whose: str) -> None:
    """Raise UsageError where one protocol was carried out with other weights or parameters of the encoder."""
    keys = sorted({*made.encoder, *encoder})
    differing = [
        f"{k}: {made.encoder.get(k, '-')} there, {encoder.get(k, '-')} in {whose}"
        for k in keys
        if made.encoder.get(k) != encoder.get(k)
    ]
    if differing:
        raise UsageError(f"{path} was made with another encoder: {'; '.join(differing)}")


def _refusal(path: Path, own: str, wanted: str, found: list[protocols.Difference]) -> list[str]:
    lines = [f"{path} was made under {own}, so it cannot be the reference for {wanted}: {len(found)} facts differ"]
    for one in found:
        effect = f" ({one.effect})" if one.effect else ""
        lines.append(f"  {one.fact}: {_said(one.first)} in the file, {_said(one.second)} asked for{effect}")
    return lines


def _said(value: Any) -> str:
    return "not said" if value is None else json.dumps(value, ensure_ascii=False).strip('"')


def decisive(found: list[protocols.Difference]) -> list[protocols.Difference]:
    """Those differences between two protocols that move a feature's mean or covariance."""
    return [one for one in found if one.fact.partition(".")[0] in protocols.INPUT_PARTS or one.fact in MOMENT_FACTS]
