"""What the families of one network share: its state, the classes of its images, its minibatches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base import UsageError
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

CHUNK = 256  # images sampled at a time: bounds memory, changes nothing


class OneNetwork:
    """A family whose model is one network, built from the images' shape and the number of classes.

    Networks train in float32, which convolves five to eight times as fast as float64 on a CPU, and then sample and
    score in float64, where no neighbour in a batch can move a pixel. Training on another processor may thus end in
    slightly other weights: stored ones (`state`) give the same images everywhere.

    A conditional model draws each image's class from the image's own seed, with the training split's shares.
    """

    evaluations: int = 1
    parameters: int = 0
    halvings: ClassVar[int] = 2  # how often the network halves an image's sides
    conditional: bool
    _network: Any  # its methods are those of the family's own

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        """The torch module with fresh weights, float32, from the global random state."""
        raise NotImplementedError

    def state(self) -> Mapping[str, np.ndarray]:
        """All that sampling needs: weights float64, the images' shape, the classes' shares."""
        import numpy as np

        weights = {f"network.{name}": tensor.numpy() for name, tensor in self._network.state_dict().items()}
        return {"shape": np.array(self._shape), "shares": self._shares, **weights}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a `state` instead of training: the same samples bit for bit."""
        import torch

        from harness.encoders import drawn

        self._shape = tuple(int(side) for side in state["shape"])
        self._shares = state["shares"]
        with drawn(0):  # the weights are replaced
            network = self._build(self._shape, len(self._shares))
        named = {name[8:]: torch.tensor(array) for name, array in state.items() if name[:8] == "network."}
        network.double().load_state_dict(named)
        self._keep(network)

    def _meet(self, images: np.ndarray, labels: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels float32 (n, C, H, W) in [0, 1] and classes (n,); all 0 where the model is not conditional."""
        import numpy as np
        import torch

        side = 2**self.halvings
        if any(length % side for length in images.shape[1:3]):
            raise UsageError(
                f"{type(self).__name__} halves images {self.halvings} times: sides must be multiples of {side}, found "
                f"{images.shape[1]} × {images.shape[2]}"
            )
        known = labels if self.conditional and labels is not None else np.zeros(len(images), np.int64)
        self._shape = images.shape[1:]
        self._shares = np.bincount(known) / len(known)
        return as_pixels(images), torch.from_numpy(known)

    def _classes_of(self, images: np.ndarray, labels: np.ndarray | None) -> torch.Tensor:
        """The classes that held-out images are scored under; all 0 where the model is not conditional."""
        import numpy as np
        import torch

        if len(self._shares) == 1:
            return torch.zeros(len(images), dtype=torch.int64)
        if labels is None:
            raise UsageError(f"{type(self).__name__} is class-conditional: images are scored with their labels")
        return torch.from_numpy(np.asarray(labels, np.int64))

    def _keep(self, network: nn.Module) -> None:
        self._network = network.double().eval().requires_grad_(False)
        self.parameters = sum(weight.numel() for weight in network.parameters())

    def _drawn(self, seeds: Sequence[int], numbers: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Standard normal numbers (n, numbers) and classes (n,), each row from its own seed."""
        import numpy as np
        import torch

        normal = np.empty((len(seeds), numbers))
        for row, seed in enumerate(seeds):
            rng = image_rng(seed)
            rng.random()  # the class
            normal[row] = rng.standard_normal(numbers)
        return torch.from_numpy(normal), self._classes(seeds)

    def _classes(self, seeds: Sequence[int]) -> torch.Tensor:
        """The class of each image (n,): the first number that its seed gives, held against the training shares."""
        import numpy as np
        import torch

        first = [image_rng(seed).random() for seed in seeds]
        return torch.from_numpy(np.searchsorted(np.cumsum(self._shares)[:-1], first, side="right"))


class LatentNetwork(OneNetwork):
    """A family that makes an image in one go from a standard normal latent of size `latent`, and a class."""

    latent: int

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images of latents drawn from each seed, uint8 (n, H, W, C)."""
        import numpy as np

        from harness.encoders import one_thread

        chunks = [np.empty((0, *self._shape))]
        with one_thread():
            for some in in_chunks(seeds):
                images = self._images(*self._drawn(some, self.latent))
                chunks.append(images.permute(0, 2, 3, 1).numpy())
        return quantised(np.concatenate(chunks))

    def _images(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The images (n, C, H, W), 0 black and 1 white, of latents and classes."""
        raise NotImplementedError


def as_pixels(images: np.ndarray) -> torch.Tensor:
    """Uint8 NHWC → float32 NCHW in [0, 1]."""
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float() / 255


def minibatches(n: int, *, size: int, iterations: int) -> Iterator[torch.Tensor]:
    """Rows of `iterations` minibatches, going through all images in a new order again and again (global randomness)."""
    import torch

    size = min(size, n)
    per_pass = n // size
    for _ in range(math.ceil(iterations / per_pass)):
        order = torch.randperm(n)
        for start in range(0, per_pass * size, size):
            if iterations == 0:
                return
            iterations -= 1
            yield order[start : start + size]


def in_chunks(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    """The seeds in their order, at most CHUNK at a time."""
    for start in range(0, len(seeds), CHUNK):
        yield seeds[start : start + CHUNK]
