"""What `harness stats` says: of a file, of a peer's way to find it, and of a distance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import with_ends
from harness.studies.statistics.formats import CLEAN_MODES
from harness.studies.statistics.make import is_own
from harness.studies.statistics.npz import protocol_of
from harness.studies.statistics.peers import kernel_file
from harness.studies.statistics.registered import described, of_file

if TYPE_CHECKING:
    from harness.studies.statistics.npz import Statistics
    from harness.studies.statistics.result import Distance

RANDOM = "random weights: not a measure of quality"


def file_words(path: Path, held: Statistics) -> list[str]:
    """What a file of statistics holds, and what it says about how they were made."""
    size = "an unknown number of" if held.n is None else f"{held.n:,}"
    told = [f"{path}: mean and covariance of {size} images, {len(held.mu)} features"]
    made = held.made
    if made is None:
        if known := described(path):
            return [*told, "made by    not stated in the file; its name is that of a published file", *known]
        return [*told, "made by    not stated in the file; `harness stats fd` needs --assume-protocol"]
    protocol = made.protocol
    if is_own(protocol_of(made)):
        told.append(f"protocol   none: features of the encoder {protocol['name']}")
    else:
        told.append(f"protocol   {protocol['name']}, version {protocol['version']}, digest {made.protocol_digest}")
    told.append(f"recipe     {made.recipe}")
    chosen = sorted(made.encoder.get("parameters", {}).items())
    parameters = ", ".join(f"{name}={value}" for name, value in chosen if value is not None)
    told.append(f"encoder    {made.encoder['use']} ({parameters})")
    told.append(f"weights    {RANDOM if made.random else made.encoder.get('weights', 'part of the encoder')}")
    told.append(f"images     {made.images}")
    told.append(f"software   {', '.join(f'{name} {version}' for name, version in made.software.items())}")
    return told


def clean_words(out: Path, protocol: str) -> list[str]:
    """Where clean-fid finds the two files that were written for it."""
    return [
        f"{kernel_file(out)}: features for clean-fid's KID",
        f"For clean-fid, copy them to its folder `stats` as name_{CLEAN_MODES[protocol]}_custom_na.npz and "
        f"name_{CLEAN_MODES[protocol]}_custom_na_kid.npz (lower case), then use dataset_name='NAME', "
        f"mode='{CLEAN_MODES[protocol]}', dataset_split='custom'.",
    ]


def _says(path: Path) -> str:
    return "registered under this name" if of_file(path) is not None else "from --assume-protocol"


def distance_words(found: Distance, *, details: bool = False) -> list[str]:
    """The distance with its interval, n, and what was assumed of files; `details` adds the interval's method."""
    one = found.estimate
    value = f"{found.value:.6g}" if one is None else with_ends(one.value, *one.ends)
    told = [f"FD {value} under {found.protocol}"]
    told += [
        f"assumed: {path} has protocol {found.protocol} ({_says(path)}); the file does not state one"
        for path in found.silent
    ]
    if found.random:
        told.append(RANDOM)
    n_real, n_fake = (size or "unknown" for size in (found.n_real, found.n_fake))
    told.append(f"n_real = {n_real}, n_fake = {n_fake}: FD falls as n grows; compare only at the same n")
    if one is None:
        return [*told, "no interval: statistics hold no single images; give FAKE as images to get one"]
    words = ", conservative" if one.conservative else ""
    told.append(f"[ ]: 95% CI for E[FD] at this n_fake (T_N), fixed reference{words}")
    told += [f"note: {note}" for note in one.notes]
    return [*told, f"method: {one.method}", f"unrounded: {found.value:.10g}"] if details else told
