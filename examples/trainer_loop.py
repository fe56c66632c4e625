"""The same with Hugging Face's Trainer: `python examples/trainer_loop.py`, about a minute; also under torchrun."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tiny
import torch
from transformers import Trainer, TrainingArguments

import harness
from harness import adapters


def main(steps: int = 10_000, every: int = 2_000, n: int = 797, out: Path = Path("results/trainer")) -> bool:
    """Train, evaluate every so many steps; whether files of the last images give the same numbers, to the bit."""
    train, real = tiny.digits()
    torch.manual_seed(0)

    sample, found = tiny.Sampler(), []
    monitor = harness.Monitor(real, encoder="digits_convnet", n=n, every=every)
    log = [adapters.stdout, lambda step, estimates: found.append(estimates)]
    callback = adapters.trainer(monitor, sample, log=log)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=64,
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        data = [{"pixel_values": image} for image in train]
        Trainer(tiny.VAE(), arguments, train_dataset=data, callbacks=[callback]).train()

    return tiny.same_offline(found[-1] if found else None, real, sample.last(n), out)


if __name__ == "__main__":
    main()
