"""The Fréchet distance of a set to statistics that lie in a file, refused where the two went different ways."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.metrics import distance, estimate_against_moments
from harness.studies.statistics.admission import admitted, refuse_other, refuse_other_making
from harness.studies.statistics.make import encode, is_own
from harness.studies.statistics.npz import holds_statistics, read
from harness.studies.statistics.result import Distance


def distance_to(
    ref: Path,
    fake: Path,
    *,
    protocol: str | None = None,
    assumed: str | None = None,
    random_weights: bool = False,
    **where: Any,
) -> Distance:
    """The Fréchet distance of `fake`, images or statistics, to the statistics of `ref`, with an interval for images.

    `protocol` is what `ref` must be of, `assumed` what a file that does not say is of; `where` is the store and the
    device. Raises UsageError, every difference named, for what cannot be compared.
    """
    held = read(ref)
    other = read(fake) if holds_statistics(fake) else None
    silent = tuple(path for path, file in ((ref, held), (fake, other)) if file is not None and file.made is None)
    if assumed is not None and not silent:
        raise UsageError(f"{ref} states how it was made; leave --assume-protocol out")
    wanted = admitted(ref, held, protocol=protocol, assumed=assumed if held.made is None else None)
    if other is not None:
        if not (is_own(wanted) and other.made is not None):  # two encoders are told apart by what they are
            admitted(fake, other, protocol=wanted.name, assumed=assumed if other.made is None else None)
        refuse_other(ref, held, fake, other)
        if len(other.mu) != len(held.mu):
            raise UsageError(f"{ref} has {len(held.mu)} features and {fake} {len(other.mu)}")
        drawn = any(file.made is not None and file.made.random for file in (held, other))
        value = distance(held.moments(), other.moments())
        return Distance(wanted.name, silent, value, n_real=held.n, n_fake=other.n, random=drawn)
    if held.made is not None and random_weights and not held.made.random:
        raise UsageError(f"{ref} was made with trained weights; leave --random-weights out")
    drawn = random_weights if held.made is None else held.made.random
    admit = partial(refuse_other_making, ref, held)
    encoded = encode(fake, wanted, random_weights=drawn, admit=admit, **where)
    if len(held.mu) != encoded.rows.shape[1]:
        raise UsageError(f"{ref} has {len(held.mu)} features, {wanted.name} gives {encoded.rows.shape[1]}")
    found = estimate_against_moments(held.moments(), encoded.rows, n_real=held.n)
    return Distance(wanted.name, silent, found.value, n_real=held.n, n_fake=found.n_fake, random=drawn, estimate=found)
