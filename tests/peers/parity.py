"""`python -m tests.peers.parity`: ours against each peer's own package, same files, same random weights.

Writes docs/parity.md. The peers read the folders themselves, by their own code; `test_parity.py` runs one size.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from harness import metrics
from harness.benchmark.protocols.catalogue import load
from harness.encoders.inception import Inception
from harness.encoders.inception_graph import random_state
from harness.encoders.random_files import write_random_inception
from harness.images.files import open_images
from harness.images.preprocessing.applying import apply
from harness.images.preprocessing.recipes import RECIPES
from harness.studies.selftest.published import inception_score, subset_kernel_distance

DOCS = Path(__file__).resolve().parents[2] / "docs"
SEED, N, SUBSETS = 11, 40, 20
FEATURE, VALUE, SHARE = "the largest feature", "the value", "1 (a share)"
KERNEL, LENGTH = "the kernel's mean", "the features' squared length"
KINDS = ((".png", False), (".jpg", False), (".png", True))
SIZES = ((32, 32), (256, 256), (512, 512), (300, 200))


@dataclass(frozen=True)
class Parity:
    """One quantity of one protocol: the difference between ours and the peer's in a unit, and what it is held to.

    The unit is what the peer adds up: a KID near 0 is a difference of sums of kernel values of about 1, in float32.
    """

    protocol: str
    peer: str
    images: str
    quantity: str
    difference: float
    unit: str
    allowed: float

    @property
    def exceeded(self) -> bool:
        """Whether ours or the peer's is at fault: no rounding makes such a difference."""
        return not self.difference <= self.allowed


@dataclass(frozen=True)
class Files:
    """Two folders of images of one size and format, real and fake, cut from scikit-learn's photographs."""

    root: Path
    size: tuple[int, int]
    suffix: str
    grey: bool
    n: int = N

    @property
    def words(self) -> str:
        """What the images are."""
        return f"{self.size[0]}×{self.size[1]} {self.suffix[1:].upper()}{' grey' if self.grey else ''}"

    def folder(self, side: str) -> Path:
        """Where one side's images lie."""
        return self.root / side

    def write(self) -> Files:
        """Write both folders. The fake side is darker, and of one photograph only: precision and recall differ."""
        from sklearn.datasets import load_sample_images

        photographs = [np.repeat(np.repeat(p, 2, 0), 2, 1) for p in load_sample_images().images]
        for number, side in enumerate(("real", "fake")):
            rng = np.random.default_rng([SEED, number, *self.size])
            self.folder(side).mkdir(parents=True)
            for i in range(self.n):
                photograph = photographs[i % 2 if number == 0 else 0]
                top = rng.integers(photograph.shape[0] - self.size[0])
                left = rng.integers(photograph.shape[1] - self.size[1])
                piece = photograph[top : top + self.size[0], left : left + self.size[1]]
                piece = piece if number == 0 else (piece.astype(np.float64) * 0.8).astype(np.uint8)
                picture = Image.fromarray(piece)
                picture = picture.convert("L") if self.grey else picture
                options = {"quality": 90} if self.suffix == ".jpg" else {}
                picture.save(self.folder(side) / f"{i:04d}{self.suffix}", **options)
        return self


@dataclass(frozen=True)
class Ours:
    """Our features of both folders under one recipe."""

    files: Files
    recipe: str

    @cached_property
    def _pixels(self) -> dict[str, np.ndarray]:
        found = {}
        for side in ("real", "fake"):
            source = open_images("folder", {"path": str(self.files.folder(side))})
            found[side] = apply(RECIPES[self.recipe], source.read(range(source.size)))
        return found

    def features(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Features of one layer, real and fake."""
        encoder = Inception.of(random_state(SEED), layer=layer)
        return encoder.encode(self._pixels["real"]), encoder.encode(self._pixels["fake"])


def relative(ours: float | np.ndarray, theirs: float | np.ndarray) -> float:
    """The largest difference over the largest value."""
    return float(np.abs(np.asarray(ours) - np.asarray(theirs)).max() / np.abs(np.asarray(theirs)).max())


def kernel_mean(real: np.ndarray, fake: np.ndarray) -> float:
    """The mean of the cubic kernel over all pairs of rows, which KID is a difference of."""
    rows = np.concatenate([real, fake]).astype(np.float64)
    return float(np.mean((rows @ rows.T / rows.shape[1] + 1) ** 3))


def squared_length(real: np.ndarray, fake: np.ndarray) -> float:
    """The mean squared length of a row of either set, added: what FID's means and traces add up to."""
    return float(sum(np.square(rows.astype(np.float64)).sum(1).mean() for rows in (real, fake)))


def pytorch_fid(files: Files, root: Path) -> Iterator[Parity]:
    """pytorch-fid: its folder reader, its network, its distance (64 features, so that covariances have full rank)."""
    from pytorch_fid import fid_score, inception

    with swapped(inception, "load_state_dict_from_url", lambda *_, **__: random_state(SEED)):
        model = inception.InceptionV3([0], normalize_input=True, resize_input=True)
    found = []
    for side in ("real", "fake"):
        paths = sorted(files.folder(side).iterdir())
        found.append(fid_score.get_activations(paths, model, batch_size=20, dims=64, num_workers=0))
    ours = Ours(files, load("pytorch-fid").recipe or "").features("64")
    row = partial(Parity, "pytorch-fid", "pytorch-fid", files.words)
    yield row("features, 64", max(map(relative, ours, found)), FEATURE, 1e-5)
    few = [rows[:, :24] for rows in found]
    moments = [(rows.mean(0), np.cov(rows, rowvar=False)) for rows in few]
    theirs = fid_score.calculate_frechet_distance(*moments[0], *moments[1])
    unit = squared_length(*few)
    value = metrics.frechet_distance(*few)
    yield row("FID of its features", abs(value - theirs) / unit, LENGTH, 1e-7)
    value = metrics.frechet_distance(*(rows[:, :24] for rows in ours))
    yield row("FID, end to end", abs(value - theirs) / unit, LENGTH, 1e-7)


def torch_fidelity(files: Files, root: Path) -> Iterator[Parity]:
    """torch-fidelity: `calculate_metrics` on the two folders; its first input is the fake one."""
    from torch_fidelity import calculate_metrics

    path = root / "weights.pth"
    torch.save(random_state(SEED), path)
    told = calculate_metrics(
        input1=str(files.folder("fake")),
        input2=str(files.folder("real")),
        cuda=False,
        verbose=False,
        cache=False,
        isc=True,
        kid=True,
        prc=True,
        fid=False,
        feature_extractor="inception-v3-compat",
        save_cpu_ram=True,
        feature_extractor_weights_path=str(path),
        kid_subsets=SUBSETS,
        kid_subset_size=files.n // 2,
        batch_size=16,
    )
    recipe = Ours(files, load("torch-fidelity").recipe or "")
    real, fake = recipe.features("pool3")
    rng = np.random.RandomState(2020)
    drawn = [
        (rng.choice(files.n, files.n // 2, replace=False), rng.choice(files.n, files.n // 2, replace=False))
        for _ in range(SUBSETS)
    ]
    kid = subset_kernel_distance(real, fake, [(x, y) for y, x in drawn])
    row = partial(Parity, "torch-fidelity", "torch-fidelity", files.words)
    unit = kernel_mean(real, fake)
    for name, found in (("mean", kid.mean), ("std", kid.spread)):
        difference = abs(found - told[f"kernel_inception_distance_{name}"]) / unit
        yield row("KID mean" if name == "mean" else "KID spread", difference, KERNEL, 1e-6)
    for name in ("precision", "recall"):
        value = getattr(metrics, name)(real, fake, k=3, closed=True)
        yield row(name, abs(value - told[name]), SHARE, 1e-6)
    _, logits = recipe.features("logits_unbiased")
    score = inception_score(logits, order=np.random.RandomState(2020).permutation(files.n))
    yield row("IS mean", relative(score.mean, told["inception_score_mean"]), VALUE, 1e-6)
    told = calculate_metrics(
        input1=str(files.folder("fake")),
        input2=str(files.folder("real")),
        cuda=False,
        verbose=False,
        cache=False,
        fid=True,
        feature_layer_fid="64",
        feature_extractor="inception-v3-compat",
        save_cpu_ram=True,
        feature_extractor_weights_path=str(path),
        batch_size=16,
    )
    real, fake = recipe.features("64")
    difference = abs(metrics.frechet_distance(real, fake) - told["frechet_inception_distance"])
    yield row("FID of 64 features", difference / squared_length(real, fake), LENGTH, 1e-7)


def clean_fid(files: Files, root: Path) -> Iterator[Parity]:
    """clean-fid, modes clean and legacy_pytorch: its folder reader and resizers, its KID from numpy's generator."""
    from cleanfid import fid as peer
    from cleanfid.inception_torchscript import InceptionV3W

    write_random_inception(root / "inception-2015-12-05.pt", seed=SEED)
    model = InceptionV3W(str(root), download=False)
    quiet = {"num_workers": 0, "device": torch.device("cpu"), "verbose": False, "batch_size": 16}
    theirs = [peer.get_folder_features(str(files.folder(s)), model, mode="clean", **quiet) for s in ("real", "fake")]
    ours = Ours(files, load("clean").recipe or "").features("pool3")
    row = partial(Parity, "clean", "clean-fid", files.words)
    yield row("features", max(map(relative, ours, theirs)), FEATURE, 1e-5)
    few = [rows[:, :24] for rows in theirs]
    difference = abs(metrics.frechet_distance(*few) - peer.fid_from_feats(*few))
    yield row("FID of its features", difference / squared_length(*few), LENGTH, 1e-7)
    np.random.seed(5)  # noqa: NPY002 - the peer's own generator
    value = peer.kernel_distance(*theirs, num_subsets=SUBSETS, max_subset_size=files.n // 2)
    rng = np.random.RandomState(5)
    drawn = [
        (rng.choice(files.n, files.n // 2, replace=False), rng.choice(files.n, files.n // 2, replace=False))
        for _ in range(SUBSETS)
    ]
    found = subset_kernel_distance(theirs[0], theirs[1], [(y, x) for x, y in drawn]).mean
    yield row("KID of its features", abs(found - value) / kernel_mean(*theirs), KERNEL, 1e-6)


def torchmetrics(files: Files, root: Path) -> Iterator[Parity]:
    """torchmetrics: its FID of 64 features, antialiased (since 1.8) and not (before)."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = root / "weights.pth"
    torch.save(random_state(SEED), path)
    for name, antialias in (("torchmetrics-1.8", True), ("torchmetrics-1.7", False)):
        peer = FrechetInceptionDistance(64, feature_extractor_weights_path=str(path), antialias=antialias)
        for side in ("real", "fake"):
            source = open_images("folder", {"path": str(files.folder(side))})
            pixels = source.read(range(source.size))
            pixels = np.repeat(pixels, 3, 3) if pixels.shape[3] == 1 else pixels
            for start in range(0, files.n, 8):
                peer.update(torch.from_numpy(pixels[start : start + 8]).permute(0, 3, 1, 2), real=side == "real")
        real, fake = Ours(files, load(name).recipe or "").features("64")
        difference = abs(metrics.frechet_distance(real, fake) - float(peer.compute()))
        unit = squared_length(real, fake)
        yield Parity(name, "torchmetrics", files.words, "FID of 64 features", difference / unit, LENGTH, 1e-7)


def prdc(files: Files, root: Path) -> Iterator[Parity]:
    """prdc: all four on our features, open balls."""
    from prdc import compute_prdc

    real, fake = Ours(files, "pytorch-fid").features("pool3")
    with contextlib.redirect_stdout(io.StringIO()):
        told = compute_prdc(real, fake, nearest_k=5)
    for name, value in told.items():
        found = getattr(metrics, name)(real, fake, k=5, closed=False)
        yield Parity("prdc", "prdc", files.words, name, abs(found - float(value)), SHARE, 1e-6)


PEERS = (pytorch_fid, torch_fidelity, clean_fid, torchmetrics, prdc)
PACKAGES = ("pytorch-fid", "torch-fidelity", "clean-fid", "torchmetrics", "prdc", "torch", "pillow", "numpy")


def compare(files: Files, root: Path) -> Iterator[Parity]:
    """Every peer on one pair of folders."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, peer in enumerate(PEERS):
            own = root / f"peer{number}"
            own.mkdir()
            yield from peer(files, own)


@contextlib.contextmanager
def swapped(module: object, name: str, value: object) -> Iterator[None]:
    """A peer's download, replaced by the random weights."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def table(rows: list[Parity]) -> str:
    """The largest difference of each protocol, peer and quantity over all images, as Markdown."""
    columns = "| protocol | peer | quantity | largest difference | allowed | in units of | images |"
    lines = [columns, "|---|---|---|---|---|---|---|"]
    for key in dict.fromkeys((row.protocol, row.peer, row.quantity) for row in rows):
        own = [row for row in rows if (row.protocol, row.peer, row.quantity) == key]
        worst = max(own, key=lambda row: row.difference)
        shown = f"{worst.difference:.1e}{' **exceeded**' * worst.exceeded} | {worst.allowed:.0e} | {worst.unit}"
        shown += f" | {len(own)}, worst {worst.images}"
        lines.append(f"| {' | '.join(key)} | {shown} |")
    return "\n".join(lines)


def document(rows: list[Parity]) -> str:
    """docs/parity.md: what was compared, in which units, and the table."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    sets = dict.fromkeys(row.images for row in rows)
    return f"""# Parity with the peers

Written by `python -m tests.peers.parity`; seed {SEED}; sets of {N} real and {N} fake images, cut from scikit-learn's
photographs; {versions}.

Each peer reads the same files with its own code, and runs its own network and metric. Both sides use the same random
weights: the table shows that the two code paths agree, not what a model scores. Each row is the largest difference
over these sets: {", ".join(sets)}. FID uses few features here (24 or 64): with fewer images than features, the peers'
root of a covariance product loses digits itself.

Each difference is divided by what is summed, because sums are what floating point rounds. For KID this is the mean
kernel value, about 1: KID is a difference of such means, and torch-fidelity and clean-fid sum them in float32 (2^-24
is 6e-8). For FID it is the mean squared length of a row of features, real plus fake. **exceeded** marks a difference
that rounding does not explain: a fault, ours or theirs.

{table(rows)}
"""


def main() -> None:
    """Compare at every size and format, and write docs/parity.md."""
    argparse.ArgumentParser(prog="python -m tests.peers.parity", description=__doc__).parse_args()
    rows: list[Parity] = []
    for size in SIZES:
        for suffix, grey in KINDS:
            with tempfile.TemporaryDirectory() as root:
                files = Files(Path(root) / "images", size, suffix, grey).write()
                rows += compare(files, Path(root))
    page = DOCS / "parity.md"
    _, heading, rest = page.read_text(encoding="utf-8").partition("\n## On your own images")
    page.write_text(document(rows) + heading + rest, encoding="utf-8")
    print(table(rows))
    if any(row.exceeded for row in rows):
        raise SystemExit("some are exceeded: a fault")


if __name__ == "__main__":
    main()
