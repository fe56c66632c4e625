"""A monitor in a training loop of one's own: `python examples/plain_loop.py`, about a minute."""

from __future__ import annotations

from pathlib import Path

import tiny
import torch

import harness
from harness import adapters


def main(steps: int = 15_000, every: int = 3_000, n: int = 797, out: Path = Path("results/plain")) -> bool:
    """Train, evaluate every so many steps; whether files of the last images give the same numbers, to the bit."""
    train, real = tiny.digits()
    torch.manual_seed(0)
    model = tiny.VAE()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)

    sample = tiny.Sampler()
    monitor = harness.Monitor(real, encoder="digits_convnet", n=n, every=every)
    on_step = adapters.loop(monitor, sample, log=[adapters.stdout])

    found = None
    for step in range(1, steps + 1):
        loss = model(train[torch.randint(len(train), (64,))])["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found = on_step(step, model) or found

    assert found is not None
    return tiny.same_offline(found, real, sample.last(n), out)


if __name__ == "__main__":
    main()
