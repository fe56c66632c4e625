"""`python benchmarks/gallery/few.py cifar10 FOLDER`: a benchmark of the gallery on a few drawn images, random weights.

Writes into FOLDER the benchmark, its data set and images where both look for them, so that everything but the numbers
can be tried without data or weights: `harness run FOLDER/cifar10.yaml`. A set that torchvision keeps becomes a folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
N = 24


def few(name: str, folder: Path, *, n: int = N) -> Path:
    """The benchmark of that name in `folder`, with `n` images a set; returns its path."""
    from harness import content_digest

    yaml = YAML()
    bench = yaml.load((HERE / f"{name}.yaml").read_text("utf-8"))
    dataset = yaml.load((HERE / "datasets.yaml").read_text("utf-8"))[bench["dataset"]]
    folder.mkdir(parents=True, exist_ok=True)
    sides = [256, 256, 3] if dataset["image"] == "any" else list(dataset["image"])
    if dataset["use"] == "torchvision":
        dataset.update({"use": "folder"})
        del dataset["dataset"], dataset["root"]
        for split, entry in dataset["splits"].items():
            del entry["split"]
            entry["path"] = f"data/{split}"
    for number, entry in enumerate(dataset["splits"].values()):
        images = drawn(folder / entry["path"], entry.get("array"), sides, n, seed=number)
        entry.update({"size": n, "digest": content_digest(images)})
    for number, entry in enumerate(bench["generators"].values()):
        if "path" in entry:
            drawn(folder / entry["path"], entry.get("array"), sides, n, seed=100 + number)
    bench.update({"n_real": n, "n_fake": n})
    bench["encoders"] = {key: {**entry, "weights": "random"} for key, entry in bench["encoders"].items()}
    bench.get("audit", {}).pop("n_fake", None)
    with (folder / "datasets.yaml").open("wb") as stream:
        yaml.dump({bench["dataset"]: dataset}, stream)
    path = folder / f"{name}.yaml"
    with path.open("wb") as stream:
        yaml.dump(bench, stream)
    return path


def drawn(path: Path, array: str | None, sides: list[int], n: int, *, seed: int) -> np.ndarray:
    """Smooth colours, written where `path` says: uint8 (n, H, W, C)."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, 8, 8, sides[2]), np.uint8)
    images = np.stack([np.asarray(Image.fromarray(one).resize((sides[1], sides[0]))) for one in small])
    path.parent.mkdir(parents=True, exist_ok=True)
    if array is not None:
        np.savez(path, **{array: images})
        return images
    path.mkdir(exist_ok=True)
    for number, one in enumerate(images):
        Image.fromarray(one).save(path / f"{number:05d}.png")
    return images


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(f"harness run {few(sys.argv[1], Path(sys.argv[2]))} --no-tracking")
