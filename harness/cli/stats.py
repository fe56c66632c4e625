"""`harness stats make|show|fd`: reference statistics in the peers' npz, with the protocol that made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

    from harness.benchmark import protocols
    from harness.studies.statistics import Encoded, Statistics

# A peer reads whatever lies in its file; a file in its name must therefore hold what the peer itself would compute.
FORMATS: dict[str, tuple[str, ...]] = {
    "pytorch-fid": ("pytorch-fid",),
    "clean-fid": ("clean", "clean-legacy-pytorch", "clean-legacy-tensorflow"),
    "adm": ("adm",),
    "edm": ("edm",),
}
PLAIN = "plain"
CLEAN_MODES = {
    "clean": "clean",
    "clean-legacy-pytorch": "legacy_pytorch",
    "clean-legacy-tensorflow": "legacy_tensorflow",
}
RANDOM = "random weights: not a measure of quality"

STORE = click.option(
    "--store", type=click.Path(path_type=Path), help="Cache of images and features. [$HARNESS_STORE or .harness]"
)
DEVICE = click.option("--device", default="auto", show_default=True, help="Where encoders compute: cpu, cuda …")
FILE = click.Path(path_type=Path)


@click.group()
def stats() -> None:
    """Reference statistics (mu, sigma) as pytorch-fid, clean-fid, EDM and ADM read them: make, show, compare with."""


@stats.command()
@click.argument("real", type=FILE)
@click.option(
    "--protocol", "name", required=True, help="The pipeline that makes the features. `harness list protocols`"
)
@click.option("--out", required=True, type=FILE, help="The npz to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice([PLAIN, *FORMATS]),
    default=PLAIN,
    show_default=True,
    help="plain: mu and sigma, which all of them read. clean-fid adds OUT_kid.npz, adm mu_s, sigma_s and images.",
)
@click.option("--random-weights", is_flag=True, help="No weight file; no measure of quality.")
@STORE
@DEVICE
def make(real: Path, name: str, out: Path, form: str, random_weights: bool, **where: Any) -> None:
    """Compute the statistics of the images of REAL under a protocol.

    REAL is a folder, or a zip, npz, npy, tar, Parquet or Arrow file; a folder that save_to_disk left is read as Arrow.
    """
    from harness.base import UsageError
    from harness.benchmark import protocols
    from harness.studies.statistics import encode, of_features, write

    protocol = protocols.load(name)
    if form != PLAIN and name not in FORMATS[form]:
        raise UsageError(
            f"--format {form}: {form} itself computes under {' or '.join(FORMATS[form])}, not {name}, and would "
            f"compare features of two kinds without saying so; take such a protocol, or --format {PLAIN}"
        )
    if out.suffix != ".npz":
        raise UsageError(f"--out {out}: peers tell statistics by the suffix .npz; give it one")
    encoded = encode(real, protocol, random_weights=random_weights, adm=form == "adm", **where)
    made = of_features(encoded.rows, made=encoded.made)
    write(out, made, also=_spatial(encoded) if form == "adm" else None)
    _say(out, made)
    if form == "clean-fid":
        _clean(out, encoded, protocol)


@stats.command()
@click.argument("file", type=FILE)
def show(file: Path) -> None:
    """Say what a FILE of statistics holds, and what it says about how they were made."""
    from harness.studies.statistics import read

    _say(file, read(file))


@stats.command()
@click.argument("ref", type=FILE)
@click.argument("fake", type=FILE)
@click.option("--protocol", help="Refuse REF unless it was made under this one. [what REF says]")
@click.option("--assume-protocol", "assumed", help="Of a peer's REF, which does not say: the one you know it is of.")
@click.option("--random-weights", is_flag=True, help="With --assume-protocol: no weight file; no measure of quality.")
@STORE
@DEVICE
def fd(ref: Path, fake: Path, protocol: str | None, assumed: str | None, random_weights: bool, **where: Any) -> None:
    """The Fréchet distance of FAKE (images as for `stats make`, or statistics) to the statistics in REF."""
    from functools import partial

    from harness.base import UsageError
    from harness.metrics import distance, estimate_against_moments
    from harness.studies.statistics import admitted, encode, holds_statistics, read, refuse_other, refuse_other_making

    held = read(ref)
    other = read(fake) if holds_statistics(fake) else None
    silent = [path for path, file in ((ref, held), (fake, other)) if file is not None and file.made is None]
    if assumed is not None and not silent:
        raise UsageError(f"{ref} says itself how it was made; leave --assume-protocol out")
    wanted = admitted(ref, held, protocol=protocol, assumed=assumed if held.made is None else None)
    if other is not None:
        admitted(fake, other, protocol=wanted.name, assumed=assumed if other.made is None else None)
        refuse_other(ref, held, fake, other)
        if len(other.mu) != len(held.mu):
            raise UsageError(f"{ref} has {len(held.mu)} features and {fake} {len(other.mu)}")
        drawn = any(file.made is not None and file.made.random for file in (held, other))
        _say_value(wanted, silent, f"{distance(held.moments(), other.moments()):.6g}", (held.n, other.n), drawn)
        click.echo("no interval: statistics have no rows to vary; give the images of FAKE for one")
        return
    if held.made is not None and random_weights and not held.made.random:
        raise UsageError(f"{ref} was made with trained weights; leave --random-weights out")
    drawn = random_weights if held.made is None else held.made.random
    admit = partial(refuse_other_making, ref, held)
    encoded = encode(fake, wanted, random_weights=drawn, admit=admit, **where)
    if len(held.mu) != encoded.rows.shape[1]:
        raise UsageError(f"{ref} has {len(held.mu)} features, {wanted.name} makes {encoded.rows.shape[1]}")
    found = estimate_against_moments(held.moments(), encoded.rows, n_real=held.n)
    value = f"{found.value:.6g} [{found.low:.6g}, {found.high:.6g}]"
    _say_value(wanted, silent, value, (held.n, found.n_fake), drawn)
    words = " (conservative)" if found.conservative else ""
    click.echo(f"95% interval{words} about the expectation at this n_fake (T_N), the reference held fixed")
    click.echo(f"method: {found.method}")
    for note in found.notes:
        click.echo(f"note: {note}")


def _spatial(encoded: Encoded) -> dict[str, np.ndarray]:
    """What ADM's evaluator reads besides: statistics of spatial features, and images for precision and recall."""
    from harness.studies.statistics import of_features

    assert encoded.spatial is not None
    assert encoded.images is not None
    spatial = of_features(encoded.spatial)
    return {"mu_s": spatial.mu, "sigma_s": spatial.sigma, "arr_0": encoded.images}


def _clean(out: Path, encoded: Encoded, protocol: protocols.Protocol) -> None:
    from io import BytesIO

    import numpy as np

    from harness.base import write_atomically

    payload, kid = BytesIO(), out.with_name(f"{out.stem}_kid.npz")
    np.savez(payload, feats=encoded.rows)
    write_atomically(kid, payload.getvalue())
    mode = CLEAN_MODES[protocol.name]
    click.echo(
        f"{kid}: features, for clean-fid's KID\n"
        f"clean-fid finds them as dataset_name='NAME', mode='{mode}', dataset_split='custom' once they lie in its "
        f"folder `stats` as name_{mode}_custom_na.npz and name_{mode}_custom_na_kid.npz (lower case)"
    )


def _say(path: Path, held: Statistics) -> None:
    size = "an unknown number of" if held.n is None else f"{held.n:,}"
    click.echo(f"{path}: mean and covariance of {size} images, {len(held.mu)} features")
    made = held.made
    if made is None:
        click.echo("made by    the file does not say; `harness stats fd` takes it with --assume-protocol only")
        return
    protocol = made.protocol
    click.echo(f"protocol   {protocol['name']}, version {protocol['version']}, digest {made.protocol_digest}")
    click.echo(f"recipe     {made.recipe}")
    chosen = sorted(made.encoder.get("parameters", {}).items())
    parameters = ", ".join(f"{name}={value}" for name, value in chosen if value is not None)
    click.echo(f"encoder    {made.encoder['use']} ({parameters})")
    click.echo(f"weights    {RANDOM if made.random else made.encoder.get('weights', 'part of the encoder')}")
    click.echo(f"images     {made.images}")
    click.echo(f"software   {', '.join(f'{name} {version}' for name, version in made.software.items())}")


def _say_value(
    protocol: protocols.Protocol, silent: Sequence[Path], value: str, sizes: tuple[int | None, int | None], drawn: bool
) -> None:
    """The distance, with what was assumed of the files in `silent`, which do not say how they were made."""
    click.echo(f"FD {value} under {protocol.name}")
    for path in silent:
        click.echo(f"assumed: {path} is of protocol {protocol.name}; --assume-protocol says so, the file does not")
    if drawn:
        click.echo(RANDOM)
    n_real, n_fake = (size or "unknown" for size in sizes)
    click.echo(f"n_real = {n_real}, n_fake = {n_fake}: FD falls as either grows, so compare it at the same two only")
