"""Random weights of the FID Inception as a file, so that a peer's own loader can read what ours draws."""

from __future__ import annotations

import warnings
from pathlib import Path


def write_random_inception(path: Path, *, seed: int = 0) -> None:
    """Write the weights that `weights: random` draws from `seed`, as the file of this name holds trained ones.

    A path ending in `.pt` gets TorchScript whose `layers` give the 2,048 pooled features of 299×299 images, as NVIDIA's
    file has them; any other a state dict with the key names of pytorch-fid and torch-fidelity. No measure of quality.
    """
    import torch

    from harness.encoders.inception_graph import features, network, random_state

    state = random_state(seed)
    if path.suffix != ".pt":
        torch.save(state, path)
        return
    made = network().eval()
    made.load_state_dict(state)

    class Pool(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = made

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return features(self.net, "pool3", x)  # type: ignore[no-any-return]

    class Layers(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, layers: torch.nn.Module) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(x)  # type: ignore[no-any-return]

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and the form that clean-fid reads
        traced = torch.jit.trace(Pool().eval(), torch.zeros(1, 3, 299, 299), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.script(Layers(traced)).save(str(path))  # type: ignore[no-untyped-call]
