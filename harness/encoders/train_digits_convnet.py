"""Trains the weights of `digits_convnet`: `python -m harness.encoders.train_digits_convnet [FILE]`.

On one machine and one torch it writes the same bytes every time. It trains in float64 and rounds at the end, so that on
another processor a weight can differ by its last bit; float32 training would end in other weights altogether.
The holdout accuracy it prints and stores is a report: no choice was made by it.
"""

from __future__ import annotations

import argparse
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from harness.base import canonical_json
from harness.encoders.arithmetic import one_thread
from harness.encoders.convnet import WEIGHTS, convnet, initialise
from harness.images import Digits, Images, content_digest

SEED = 0
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 3e-3
SPLIT_SEED = 0


def classifier() -> nn.Sequential:
    """The convnet with what it needs only in training: an activation, dropout, ten classes."""
    features = OrderedDict(convnet(channels=1, dim=32).named_children())
    return nn.Sequential(OrderedDict(features, head_relu=nn.ReLU(), head=nn.Linear(32, 10)))


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Uint8 NHWC → float64 NCHW in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).double() / 255


def distorted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image turned (up to 12°), scaled (12 %) and shifted (0.8 pixels): another hand, the same digit."""
    n = len(images)
    turn, scale, right, down = (torch.rand(4, n, generator=generator, dtype=torch.float64) * 2 - 1).unbind()
    turn, scale = turn * math.radians(12), 1 + 0.12 * scale
    shift = 0.8 * 2 / images.shape[-1]  # affine_grid's coordinates span 2 per image
    rows = [torch.cos(turn) * scale, -torch.sin(turn) * scale, right * shift]
    rows += [torch.sin(turn) * scale, torch.cos(turn) * scale, down * shift]
    maps = torch.stack(rows, dim=1).reshape(n, 2, 3)
    grid = nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


@one_thread()
def train(network: nn.Sequential, split: Images, *, epochs: int, seed: int) -> nn.Sequential:
    """The classifier, drawn anew, after `epochs` passes over the split, in float64 on one thread."""
    generator = torch.Generator().manual_seed(seed)
    network = network.double()
    initialise(network, generator)
    images, labels = as_tensor(np.asarray(split.images)), torch.from_numpy(split.labels)
    steps = epochs * (len(images) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for rows in torch.split(order[: len(images) // BATCH * BATCH], BATCH):
            logits = network(distorted(images[rows], generator))
            loss = nn.functional.cross_entropy(logits, labels[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return network.eval()


def accuracy(network: nn.Module, split: Images) -> float:
    """Share of the split's images whose class is named rightly."""
    with torch.no_grad():
        return float((network(as_tensor(np.asarray(split.images))).argmax(1).numpy() == split.labels).mean())


def weights() -> tuple[bytes, float]:
    """The content of the weights file, and the accuracy on the holdout split."""
    digits = Digits(split_seed=SPLIT_SEED)
    split = digits.load("train")
    network = train(classifier(), split, epochs=EPOCHS, seed=SEED)
    right = accuracy(network, digits.load("holdout"))
    # One metadata entry: safetensors does not promise an order for several.
    training = {
        "dataset": "digits",
        "split": content_digest(split.images),
        "seed": SEED,
        "epochs": EPOCHS,
        "holdout_accuracy": round(right, 4),
    }
    return save(network.float().state_dict(), {"training": canonical_json(training)}), right


def main() -> None:
    """Write the weights where the encoder looks for them, or to FILE."""
    parser = argparse.ArgumentParser(description="Train the weights of the digits_convnet encoder.")
    parser.add_argument("file", nargs="?", type=Path, default=WEIGHTS)
    file = parser.parse_args().file
    content, right = weights()
    file.write_bytes(content)
    print(f"{file}: {len(content):,} bytes, {right:.1%} of the holdout digits named rightly")


if __name__ == "__main__":
    main()
