"""`python -m tests.bench.encoding`: CPU seconds an image from PNG files to FID's features, beside the peers.

Each package reads the same files with its own code and runs its own network with the same random weights, on one
thread. In one process, in turn: whatever else the machine does slows all of them. Memory is the peak of a process of
each package's own, at its own default batch size.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED, SIDES, WARM = 7, (32, 256, 512), 2
BARS = {32: 1.7, 256: 1.6, 512: 1.5}  # the best peer's time over ours, at one batch size
# What each takes when nobody says a batch size; the harness's is a benchmark's own default.
DEFAULTS = {"harness": 64, "pytorch-fid": 50, "clean-fid": 128, "torch-fidelity": 64}
Features = NDArray[np.float32]
Read = Callable[[Sequence[Path], int], Features]


def textures(folder: Path, n: int, side: int) -> list[Path]:
    """`n` PNG files of smooth random textures, side × side RGB."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        rng = np.random.default_rng([SEED, side, i])
        frequencies = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) + 1 / side
        waves = np.fft.fft2(rng.standard_normal((side, side, 3)), axes=(0, 1)) / frequencies[..., None] ** 1.2
        values = np.fft.ifft2(waves, axes=(0, 1)).real
        values = (values - values.min()) / (values.max() - values.min()) * 255
        paths.append(folder / f"{i:05d}.png")
        Image.fromarray(values.astype(np.uint8)).save(paths[-1])
    return paths


def harness(root: Path) -> Read:
    """The harness's stage from files to rows and fingerprints, `clean` preprocessing."""
    import hashlib

    from harness.encoders.inception import RandomInception
    from harness.images import open_images, preprocessing
    from harness.images.preprocessing.recipes import RECIPES

    encoder, recipe = RandomInception(seed=SEED), RECIPES["clean-inception"]

    def read(paths: Sequence[Path], batch: int) -> Features:
        source = open_images("folder", {"path": paths[0].parent})
        rows = []
        for start in range(0, len(paths), batch):
            images = source.read(range(start, min(start + batch, len(paths))))
            seen = preprocessing.apply(recipe, images)
            for image in seen:
                hashlib.sha256(image.data).digest()
            rows.append(encoder.encode(seen))
        return np.concatenate(rows)

    return read


def pytorch_fid(root: Path) -> Read:
    """pytorch-fid's get_activations."""
    from pytorch_fid import fid_score, inception

    from harness.encoders.inception_graph import random_state

    inception.load_state_dict_from_url = lambda *_, **__: random_state(SEED)
    model = inception.InceptionV3([3])

    def read(paths: Sequence[Path], batch: int) -> Features:
        rows: Features = fid_score.get_activations(list(map(str, paths)), model, batch, num_workers=0)
        return rows.astype(np.float32)

    return read


def clean_fid(root: Path) -> Read:
    """clean-fid's get_files_features with a TorchScript network, as it has."""
    import torch
    from cleanfid.fid import get_files_features
    from cleanfid.inception_torchscript import InceptionV3W

    from harness.encoders.random_files import write_random_inception

    write_random_inception(root / "inception-2015-12-05.pt", seed=SEED)
    model = InceptionV3W(str(root), download=False, resize_inside=False).eval()

    def read(paths: Sequence[Path], batch: int) -> Features:
        device = torch.device("cpu")
        rows: Features = get_files_features(
            list(map(str, paths)), model, num_workers=0, batch_size=batch, device=device, verbose=False
        )
        return rows

    return read


def torch_fidelity(root: Path) -> Read:
    """torch-fidelity's loop over its dataset; it resizes inside its network."""
    import torch
    from torch_fidelity.datasets import ImagesPathDataset
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from harness.encoders.inception_graph import random_state

    torch.save(random_state(SEED), root / "net.pth")
    model = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(root / "net.pth")).eval()

    def read(paths: Sequence[Path], batch: int) -> Features:
        loader = torch.utils.data.DataLoader(ImagesPathDataset(list(map(str, paths))), batch_size=batch)
        with torch.no_grad():
            return np.concatenate([model(images)[0].numpy() for images in loader])

    return read


METHODS: dict[str, Callable[[Path], Read]] = {
    "harness": harness,
    "pytorch-fid": pytorch_fid,
    "clean-fid": clean_fid,
    "torch-fidelity": torch_fidelity,
}


def seconds(n: int, batch: int, rounds: int, sides: Sequence[int] = SIDES) -> list[dict[str, Any]]:
    """A row for each side: CPU seconds an image of each package (median), and the best peer's over the harness's.

    That ratio is the median of the rounds' own. `error` is the harness's largest distance from clean-fid, which
    prepares images as it does, in its largest feature.
    """
    import torch

    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as place, _quiet():
        root = Path(place)
        read = {name: make(root) for name, make in METHODS.items()}
        for side in sides:
            paths = textures(root / str(side), n, side)
            taken: dict[str, list[float]] = {name: [] for name in read}
            rows: dict[str, Features] = {}
            for name in read:  # imports, the JIT's first passes
                for _ in range(2):
                    read[name](paths[:WARM], WARM)
            for _ in range(rounds):
                for name in read:
                    start = time.process_time()
                    rows[name] = read[name](paths, batch)
                    taken[name].append((time.process_time() - start) / n)
            ratios = [min(each[1:]) / each[0] for each in zip(*taken.values(), strict=True)]
            error = np.abs(rows["harness"] - rows["clean-fid"]).max() / np.abs(rows["clean-fid"]).max()
            found.append(
                {
                    "side": side,
                    "batch": batch,
                    "seconds": {name: median(times) for name, times in taken.items()},
                    "ratio": median(ratios),
                    "error": float(error),
                }
            )
    return found


def at_defaults(name: str, n: int, side: int = 256) -> dict[str, float]:
    """One package in this process at its own batch size: CPU seconds an image, the process's peak memory in MB."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place, _quiet():
        read = METHODS[name](Path(place))
        paths = textures(Path(place) / "images", n, side)
        for _ in range(2):
            read(paths[:WARM], WARM)
        start = time.process_time()
        read(paths, DEFAULTS[name])
        taken = (time.process_time() - start) / n
    return {"seconds": taken, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def section(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of docs/bench.md on `seconds`' rows: a table, and which bars hold."""
    lines = [f"| px | batch | {' | '.join(METHODS)} | best peer / harness | bar | | from clean-fid's features |"]
    lines.append("|" + "---|" * (len(METHODS) + 6))
    for row in rows:
        taken = " | ".join(f"{row['seconds'][name]:.3f}" for name in METHODS)
        bar = BARS[row["side"]]
        held = "reached" if row["ratio"] >= bar else "**not reached**"
        lines.append(
            f"| {row['side']} | {row['batch']} | {taken} | {row['ratio']:.2f} | ≥ {bar} | {held} | {row['error']:.0e} |"
        )
    return ["## FID's features from PNG files, CPU seconds an image", "", *lines, ""]


def _quiet() -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def main() -> None:
    """Measure and print one JSON line a row."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.encoding", description=__doc__)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES)
    parser.add_argument("--defaults", type=int, metavar="N", help="N images of 256 px at each package's defaults")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(at_defaults(given.one[0], int(given.one[1]))))
        return
    if given.defaults:
        for name in METHODS:
            words = [sys.executable, "-m", "tests.bench.encoding", "--one", name, str(given.defaults)]
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            print(json.dumps({"package": name, "batch": DEFAULTS[name], **json.loads(said)}), flush=True)
        return
    for side in given.sides:
        for row in seconds(given.images, given.batch, given.rounds, [side]):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
