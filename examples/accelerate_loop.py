"""The same with accelerate, as diffusers scripts: `accelerate launch --cpu --num_processes 2 accelerate_loop.py`."""

from __future__ import annotations

from pathlib import Path

import tiny
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

import harness
from harness import adapters


def main(steps: int = 10_000, every: int = 2_000, n: int = 797, out: Path = Path("results/accelerate")) -> bool:
    """Train, evaluate every so many steps; whether files of the last images give the same numbers, to the bit."""
    accelerator = Accelerator(cpu=True)
    set_seed(0)
    train, real = tiny.digits()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(train), batch_size=64, shuffle=True)
    model = tiny.VAE()
    model, optimiser, loader = accelerator.prepare(model, torch.optim.Adam(model.parameters(), 1e-3), loader)

    sample = tiny.Sampler()
    monitor = harness.Monitor(real, encoder="digits_convnet", n=n, every=every)
    on_step = adapters.accelerate(accelerator, monitor, sample, log=[adapters.stdout])

    step, found = 0, None
    while step < steps:
        for (images,) in loader:
            step += 1
            accelerator.backward(model(images)["loss"])
            optimiser.step()
            optimiser.zero_grad()
            found = on_step(step, model) or found
            if step == steps:
                break

    assert found is not None
    same = tiny.same_offline(found, real, sample.last(n), out)
    accelerator.end_training()
    return same


if __name__ == "__main__":
    main()
