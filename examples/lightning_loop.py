"""The same in Lightning: `python examples/lightning_loop.py`, about a minute."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import tiny
import torch

import harness
from harness import adapters


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


def main(steps: int = 10_000, every: int = 2_000, n: int = 797, out: Path = Path("results/lightning")) -> None:
    """Train, evaluate every so many steps, and score the last images once more from files."""
    train, real = tiny.digits()
    pl.seed_everything(0, verbose=False)
    data = torch.utils.data.TensorDataset(train)
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)

    sample, found = tiny.Sampler(), []
    monitor = harness.Monitor(real, encoder="digits_convnet", n=n, every=every)
    log = [adapters.stdout, lambda step, estimates: found.append(estimates)]
    callback = adapters.lightning(monitor, lambda module, k: sample(module.vae, k), log=log)

    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_steps=steps, accelerator="cpu", logger=False, callbacks=[callback], **quiet)
    trainer.fit(Module(), loader)

    assert dict(found[-1]) == tiny.offline(real, sample.last(n), out)
    print("the last evaluation is that of `harness score` on the same images, to the bit")


if __name__ == "__main__":
    main()
