"""Tiny data sets in torchvision's layouts on disk."""

import hashlib
import pickle
import struct

import numpy as np
from torchvision.datasets import CIFAR10


def write_cifar10(root, monkeypatch):
    """Fifteen train and twelve test images of CIFAR-10's layout, whose digests are declared to be the right ones.

    Returns {part: (images uint8 (n, 32, 32, 3), labels)}.
    """
    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    held, digests = {"train": ([], []), "test": ([], [])}, {}

    def put(name, value):
        payload = pickle.dumps(value)
        (folder / name).write_bytes(payload)
        digests[name] = hashlib.md5(payload).hexdigest()
        return [name, digests[name]]

    def batch(name, part, n):
        pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        labels = rng.integers(0, 10, n).tolist()
        held[part][0].append(pixels.reshape(n, 3, 32, 32).transpose(0, 2, 3, 1))
        held[part][1].extend(labels)
        return put(name, {"data": pixels, "labels": labels})

    train = [batch(f"data_batch_{i}", "train", 3) for i in range(1, 6)]
    test = [batch("test_batch", "test", 12)]
    put("batches.meta", {"label_names": ["a"]})
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", test)
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": digests["batches.meta"]})
    return {part: (np.concatenate(pixels), labels) for part, (pixels, labels) in held.items()}


def write_mnist(root, name="MNIST"):
    """Forty train and thirty test images of MNIST's layout; torchvision does not check their digests.

    Returns {part: (images uint8 (n, 28, 28, 1), labels)}.
    """
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    rng, held = np.random.default_rng(1), {}
    for part, prefix, n in (("train", "train", 40), ("test", "t10k", 30)):
        pixels, labels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 10
        header = struct.pack(">BBBBIII", 0, 0, 8, 3, n, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = struct.pack(">BBBBI", 0, 0, 8, 1, n)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
        held[part] = pixels[..., None], labels.tolist()
    return held
