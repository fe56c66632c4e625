"""A file of statistics made from images, with what one peer keeps beside mu and sigma."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError, write_atomically
from harness.benchmark import protocols
from harness.studies.statistics.formats import PEERS, PLAIN
from harness.studies.statistics.make import Encoded, encode
from harness.studies.statistics.npz import Statistics, of_features, write


def make_file(
    real: Path, out: Path, *, way: protocols.Protocol, form: str = PLAIN, random_weights: bool = False, **where: Any
) -> Statistics:
    """The statistics of the images of `real` in features of `way`, written to the npz `out` as `form` has it.

    `way` is a published protocol or that of an encoder (`of_encoder`); `where` is the store and the device. Raises
    UsageError for a form that the way does not fit, a file name without .npz, and as `encode` does.
    """
    if form != PLAIN and way.name not in PEERS[form]:
        raise UsageError(
            f"--format {form}: {form} uses {' or '.join(PEERS[form])}, not {way.name}, and would "
            f"compare different features without warning; use such a protocol, or --format {PLAIN}"
        )
    if out.suffix != ".npz":
        raise UsageError(f"--out {out}: must end in .npz, so that other programs recognise it")
    encoded = encode(real, way, random_weights=random_weights, adm=form == "adm", **where)
    made = of_features(encoded.rows, made=encoded.made)
    write(out, made, also=_of_adm(encoded) if form == "adm" else None)
    if form == "clean-fid":
        payload = BytesIO()
        np.savez(payload, feats=encoded.rows)
        write_atomically(kernel_file(out), payload.getvalue())
    return made


def kernel_file(out: Path) -> Path:
    """Where the features lie that clean-fid's KID reads, beside the statistics `out`."""
    return out.with_name(f"{out.stem}_kid.npz")


def _of_adm(encoded: Encoded) -> dict[str, np.ndarray]:
    """What ADM's evaluator reads besides: statistics of spatial features, and images for precision and recall."""
    assert encoded.spatial is not None
    assert encoded.images is not None
    spatial = of_features(encoded.spatial)
    return {"mu_s": spatial.mu, "sigma_s": spatial.sigma, "arr_0": encoded.images}
