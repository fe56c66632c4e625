"""The peers' own programs on two folders: their readers, their networks, their arithmetic, one weight file of ours.

Each reads the folders by its own code and gives its features and what it prints of them. Where a peer would download
its weights, the registered file (or random weights of the same names) lies in the place where its own code looks first;
none of the peers' functions is replaced.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base import UsageError, unknown
from harness.uncertainty import Rows

if TYPE_CHECKING:
    import torch

BATCH = 32
SEED = 2020  # of the subsets of KID: torch-fidelity's own; numpy's global generator is set to it for clean-fid
SUBSETS, SUBSET_SIZE = 100, 1000


@dataclass(frozen=True)
class Task:
    """Two folders of image files, the weight file, and where to compute (`cpu` or `cuda…`)."""

    real: Path
    fake: Path
    weights: Path
    device: str

    @property
    def folders(self) -> tuple[str, str]:
        """Real, then fake."""
        return str(self.real), str(self.fake)


@dataclass(frozen=True)
class Told:
    """Features of a peer, real and fake, (n, 2048), the values that it computes of them, and those it fails at, why."""

    real: Rows
    fake: Rows
    values: Mapping[str, float]
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, real: Rows, fake: Rows, **quantities: Callable[[], Any]) -> Told:
        """Each quantity computed by the peer; one at which its own code fails costs none of the others."""
        values: dict[str, float] = {}
        failed: dict[str, str] = {}
        for name, compute in quantities.items():
            try:
                values[name] = float(compute())
            except Exception as problem:  # whatever the peer's own code does of these features is what is reported
                failed[name] = reason(problem)
        return cls(real, fake, values, failed)


def reason(problem: Exception) -> str:
    """What a peer's own code raised, in one line, and what helps where that is known."""
    first = next(iter(str(problem).strip().splitlines()), "")
    text = f"{type(problem).__name__}: {first}" if first else type(problem).__name__
    if "'disp'" in first:  # scipy.linalg.sqrtm(product, disp=False)
        text += f" (scipy {release('scipy')} has no sqrtm(disp=), which it calls; pip install 'scipy<1.18')"
    return text


@dataclass(frozen=True)
class Program:
    """A peer: its modules, the protocol of ours that says what it does, and the run of its functions.

    The first module is the package; all are imported before the clock starts.
    """

    modules: tuple[str, ...]
    protocol: str
    run: Callable[[Task], Told]


def clean_fid(task: Task) -> Told:
    """clean-fid, mode clean: what `compute_fid` and `compute_kid` of two folders do, on one pass over the images."""
    import torch
    from cleanfid import fid
    from cleanfid.inception_torchscript import InceptionV3W

    with _placed(task.weights, "inception-2015-12-05.pt") as folder:
        model = InceptionV3W(str(folder), download=False).to(task.device).eval()
    device = torch.device(task.device)
    real, fake = (
        fid.get_folder_features(
            path, model, num_workers=0, batch_size=BATCH, device=device, mode="clean", verbose=False
        )
        for path in task.folders
    )

    def kid() -> float:
        before = np.random.get_state()  # noqa: NPY002 - the peer draws from numpy's global generator
        np.random.seed(SEED)  # noqa: NPY002
        try:
            return float(fid.kernel_distance(real, fake, num_subsets=SUBSETS, max_subset_size=SUBSET_SIZE))
        finally:
            np.random.set_state(before)  # noqa: NPY002

    return Told.of(real, fake, FID=lambda: fid.fid_from_feats(real, fake), KID=kid)


def pytorch_fid(task: Task) -> Told:
    """pytorch-fid: the features and the distance that `calculate_fid_given_paths` makes."""
    import torch
    from pytorch_fid import fid_score, inception

    home = torch.hub.get_dir()
    with _placed(task.weights, f"checkpoints/{Path(inception.FID_WEIGHTS_URL).name}") as folder:
        torch.hub.set_dir(str(folder))
        try:
            model = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).to(task.device)
        finally:
            torch.hub.set_dir(home)
    rows = []
    for path in task.folders:
        files = sorted(file for end in fid_score.IMAGE_EXTENSIONS for file in Path(path).glob(f"*.{end}"))
        if not files:
            raise UsageError(f"it finds no image in {path}: it ignores sub-folders")
        rows.append(fid_score.get_activations(files, model, BATCH, 2048, task.device, 0))
    (mu, sigma), (mu_fake, sigma_fake) = ((one.mean(0), np.cov(one, rowvar=False)) for one in rows)
    return Told.of(*rows, FID=lambda: fid_score.calculate_frechet_distance(mu, sigma, mu_fake, sigma_fake))


def torch_fidelity(task: Task) -> Told:
    """torch-fidelity: the steps of `calculate_metrics` with FID and KID; its first input is the fake set."""
    from torch_fidelity import metric_fid, metric_kid, utils

    options = {
        "cuda": task.device != "cpu",
        "verbose": False,
        "cache": False,
        "save_cpu_ram": True,
        "batch_size": BATCH,
        "feature_extractor_weights_path": str(task.weights),
        "input1": task.folders[1],
        "input2": task.folders[0],
    }
    extractor = utils.create_feature_extractor("inception-v3-compat", ["2048"], **options)
    fake, real = (utils.extract_featuresdict_from_input_id(number, extractor, **options) for number in (1, 2))

    def distance() -> float:
        statistics = [metric_fid.fid_featuresdict_to_statistics(one, "2048") for one in (fake, real)]
        return float(metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[metric_fid.KEY_METRIC_FID])

    def kid() -> float:
        drawn = {"kid_subsets": SUBSETS, "kid_subset_size": min(SUBSET_SIZE, len(real["2048"]), len(fake["2048"]))}
        told = metric_kid.kid_featuresdict_to_metric(fake, real, "2048", rng_seed=SEED, **{**options, **drawn})
        return float(told[metric_kid.KEY_METRIC_KID_MEAN])

    return Told.of(real["2048"].numpy(), fake["2048"].numpy(), FID=distance, KID=kid)


def torchmetrics(task: Task) -> Told:
    """torchmetrics: `FrechetInceptionDistance`, given uint8 tensors; it reads no files, so these are our decoding."""
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    peer = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(task.weights)).to(task.device)
    rows: list[Rows] = []
    # Its own network is asked once for each batch: what `update` computes is kept on the way.
    found: list[torch.Tensor] = []
    handle = peer.inception.register_forward_hook(lambda _, __, out: found.append(out.detach().cpu()))
    try:
        for path in task.folders:
            found.clear()
            for images in _batches(Path(path)):
                peer.update(images.to(task.device), real=path == task.folders[0])
            rows.append(torch.cat(found).numpy())
    finally:
        handle.remove()
    return Told.of(*rows, FID=peer.compute)


PROGRAMS: Mapping[str, Program] = {
    "clean-fid": Program(("cleanfid", "cleanfid.fid"), "clean", clean_fid),
    "torch-fidelity": Program(("torch_fidelity", "torch_fidelity.utils"), "torch-fidelity", torch_fidelity),
    "pytorch-fid": Program(("pytorch_fid", "pytorch_fid.fid_score"), "pytorch-fid", pytorch_fid),
    # It takes the network of torch-fidelity.
    "torchmetrics": Program(
        ("torchmetrics", "torch_fidelity", "torchmetrics.image.fid"), "torchmetrics-1.8", torchmetrics
    ),
}
NAMES = tuple(PROGRAMS)


def asked(words: str | None) -> tuple[str, ...]:
    """The peers of a comma-separated list, all of them without one. Raises UsageError for a name that is none."""
    if words is None:
        return NAMES
    names = [name.strip() for name in words.split(",") if name.strip()]
    if problems := [unknown("peer", name, NAMES) for name in names if name not in NAMES]:
        raise UsageError(problems)
    return tuple(dict.fromkeys(names))


def why_not(name: str) -> str | None:
    """Why a peer cannot run here, in words; None where it can."""
    packages = [module for module in PROGRAMS[name].modules if "." not in module]
    if not all(find_spec(module) for module in packages):
        return f"not installed: pip install {' '.join([name, *(one.replace('_', '-') for one in packages[1:])])}"
    if name == "torchmetrics" and _release(name) < (1, 8):
        return f"torchmetrics {release(name)} has no antialiased resize; 1.8 or newer is compared"
    return None


def release(name: str) -> str:
    """The version of a peer that is installed."""
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout on the path
        return "unknown"


def _release(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release(name).split(".")[:2] if part.isdigit())


@contextmanager
def _placed(file: Path, name: str) -> Iterator[Path]:
    """A temporary folder in which `file` lies under the name by which a peer looks for it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file.absolute())
        yield Path(folder)


def _batches(folder: Path) -> Iterator[torch.Tensor]:
    """The images of a folder, uint8 RGB (n, 3, H, W). Raises UsageError where their sizes differ."""
    import torch

    from harness.images import open_images

    source = open_images("folder", {"path": str(folder)})
    if source.shape is None:
        raise UsageError("it needs images of one size, and these differ")
    for start in range(0, source.size, BATCH):
        images = np.asarray(source.read(range(start, min(start + BATCH, source.size))))
        yield torch.from_numpy(np.broadcast_to(images, (*images.shape[:3], 3)).copy()).permute(0, 3, 1, 2)
