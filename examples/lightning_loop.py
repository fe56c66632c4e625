"""The same in Lightning: `python examples/lightning_loop.py`, about a minute; also under torchrun."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import tiny
import torch

import harness
from harness import adapters


class Kept(pl.Callback):
    """The images of the last evaluation, gathered before Lightning leaves the processes' group."""

    def __init__(self, sample: tiny.Sampler, n: int) -> None:
        self.sample, self.n = sample, n

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Gather."""
        self.images = self.sample.last(self.n)


class Module(pl.LightningModule):
    """The VAE as Lightning trains it."""

    def __init__(self) -> None:
        super().__init__()
        self.vae = tiny.VAE()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """The loss."""
        return self.vae(batch[0])["loss"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), 1e-3)


def main(steps: int = 10_000, every: int = 2_000, n: int = 797, out: Path = Path("results/lightning")) -> bool:
    """Train, evaluate every so many steps; whether files of the last images give the same numbers, to the bit."""
    train, real = tiny.digits()
    pl.seed_everything(0, verbose=False)
    data = torch.utils.data.TensorDataset(train)
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)

    sample, found = tiny.Sampler(), []
    monitor = harness.Monitor(real, encoder="digits_convnet", n=n, every=every)
    log = [adapters.stdout, lambda step, estimates: found.append(estimates)]
    callback = adapters.lightning(monitor, lambda module, k: sample(module.vae, k), log=log)

    kept = Kept(sample, n)
    quiet: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    quiet["devices"] = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's number of processes
    trainer = pl.Trainer(max_steps=steps, accelerator="cpu", logger=False, callbacks=[callback, kept], **quiet)
    trainer.fit(Module(), loader)

    return not trainer.is_global_zero or tiny.same_offline(found[-1], real, kept.images, out)


if __name__ == "__main__":
    main()
