"""What `harness stats` says: of a file, of a peer's way to find it, and of a distance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
            return [*told, "made by    the file does not say; its name is that of a published one", *known]
        return [*told, "made by    the file does not say; `harness stats fd` takes it with --assume-protocol only"]
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
        f"{kernel_file(out)}: features, for clean-fid's KID",
        f"clean-fid finds them as dataset_name='NAME', mode='{CLEAN_MODES[protocol]}', dataset_split='custom' once "
        f"they lie in its folder `stats` as name_{CLEAN_MODES[protocol]}_custom_na.npz and "
        f"name_{CLEAN_MODES[protocol]}_custom_na_kid.npz (lower case)",
    ]


def _says(path: Path) -> str:
    return "its registered name says so" if of_file(path) is not None else "--assume-protocol says so"


def distance_words(found: Distance) -> list[str]:
    """The distance, with its interval where there is one and what was assumed of files that do not say."""
    one = found.estimate
    value = f"{found.value:.6g}" if one is None else f"{one.value:.6g} [{one.low:.6g}, {one.high:.6g}]"
    told = [f"FD {value} under {found.protocol}"]
    told += [
        f"assumed: {path} is of protocol {found.protocol}; {_says(path)}, the file does not" for path in found.silent
    ]
    if found.random:
        told.append(RANDOM)
    n_real, n_fake = (size or "unknown" for size in (found.n_real, found.n_fake))
    told.append(f"n_real = {n_real}, n_fake = {n_fake}: FD falls as either grows, so compare it at the same two only")
    if one is None:
        return [*told, "no interval: statistics have no rows to vary; give the images of FAKE for one"]
    words = " (conservative)" if one.conservative else ""
    told.append(f"95% interval{words} about the expectation at this n_fake (T_N), the reference held fixed")
    return [*told, f"method: {one.method}", *(f"note: {note}" for note in one.notes)]
