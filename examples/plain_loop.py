"""A monitor in a training loop of one's own: `python examples/plain_loop.py`, about a minute."""

from __future__ import annotations

from pathlib import Path

import tiny
import torch

import harness
from harness import adapters


def main(steps: int = 15_000, every: int = 3_000, n: int = 797, out: Path = Path("results/plain")) -> None:
    """Train, evaluate every so many steps, and score the last images once more from files."""
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
    assert dict(found) == tiny.offline(real, sample.last(n), out)
    print("the last evaluation is that of `harness score` on the same images, to the bit")


if __name__ == "__main__":
    main()
