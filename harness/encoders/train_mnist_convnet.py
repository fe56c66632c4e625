"""Trains the weights of `mnist_convnet`: `python -m harness.encoders.train_mnist_convnet [FILE]`, some minutes.

As `train_digits_convnet`, whose training it shares: the same bytes every time on one machine and one torch, float64
throughout, and a holdout accuracy that is a report, by which nothing was chosen.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from pathlib import Path

from safetensors.torch import save
from torch import nn

from harness.base import canonical_json
from harness.encoders.mnist_convnet import WEIGHTS, features
from harness.encoders.train_digits_convnet import accuracy, train
from harness.images import Mnist5k, content_digest

SEED = 0
EPOCHS = 30
SPLIT_SEED = 0


def classifier() -> nn.Sequential:
    """The network with what it needs only in training: an activation and ten classes."""
    named = OrderedDict(features().named_children())
    return nn.Sequential(OrderedDict(named, head_relu=nn.ReLU(), head=nn.Linear(32, 10)))


def weights() -> tuple[bytes, float]:
    """The content of the weights file, and the accuracy on the holdout split."""
    scans = Mnist5k(split_seed=SPLIT_SEED)
    split = scans.load("train")
    network = train(classifier(), split, epochs=EPOCHS, seed=SEED)
    right = accuracy(network, scans.load("holdout"))
    # One metadata entry: safetensors does not promise an order for several.
    training = {
        "dataset": "mnist5k",
        "split": content_digest(split.images),
        "seed": SEED,
        "epochs": EPOCHS,
        "holdout_accuracy": round(right, 4),
    }
    return save(network.float().state_dict(), {"training": canonical_json(training)}), right


def main() -> None:
    """Write the weights where the encoder looks for them, or to FILE."""
    parser = argparse.ArgumentParser(description="Train the weights of the mnist_convnet encoder.")
    parser.add_argument("file", nargs="?", type=Path, default=WEIGHTS)
    file = parser.parse_args().file
    content, right = weights()
    file.write_bytes(content)
    print(f"{file}: {len(content):,} bytes, {right:.1%} of the holdout scans named rightly")


if __name__ == "__main__":
    main()
