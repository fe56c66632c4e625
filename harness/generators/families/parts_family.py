"""What the families of diffusion kind share around their mathematics: data, training, seeds, a model kept as arrays.

Networks compute in float32: in float64 their convolutions take three to four times as long, and a minute would not do.
So training on another processor may give another model. Sampling is always in blocks of CHUNK images, the last one
filled up: an image is then the same bytes in any batch, and alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.base import UsageError
from harness.encoders import one_thread
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

BATCH = 64
AVERAGE = 0.995  # decay of the running mean of the weights that sampling uses
CHUNK = 64  # images made at a time, always


class Family(ABC):
    """A model of small images and their classes; a family says what its networks are, how they learn and are sampled.

    `iterations` and `learning_rate` are of its training, `evaluations` counts the network's for one image.
    """

    iterations: int
    learning_rate: float
    evaluations: int

    @abstractmethod
    def _made(self, generator: torch.Generator) -> nn.ModuleDict:
        """Networks for images of `self._shape` and `self._classes` classes, not trained."""

    @abstractmethod
    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> None:
        """Train `self._networks` on pixels (n, C, H, W) in [-1, 1] and labels 0 to `self._classes` - 1."""

    @abstractmethod
    def _drawn(self, draws: Draws) -> torch.Tensor:
        """Images (n, C, H, W) in [-1, 1] from what their seeds draw."""

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C) and, where they are given, their labels."""
        import numpy as np
        import torch

        self._shape: tuple[int, ...] = images.shape[1:]
        known = np.empty(0, np.int64) if labels is None else np.unique(labels)
        self._known, self._classes = known, len(known)
        rows = np.zeros(len(images), np.int64) if labels is None else np.searchsorted(known, labels)
        generator = torch.Generator().manual_seed(seed)
        self._networks = self._made(generator)
        self._learn(scaled(images), torch.from_numpy(rows), generator)
        self._networks.requires_grad_(False)

    def state(self) -> Mapping[str, np.ndarray]:
        """Shape, labels of the classes and weights (float32), which is all that sampling needs."""
        import numpy as np

        weights = {name: values.numpy().copy() for name, values in self._networks.state_dict().items()}
        return {"shape": np.array(self._shape), "labels": self._known, **weights}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the place of `fit`."""
        import numpy as np
        import torch

        self._shape = tuple(int(side) for side in state["shape"])
        self._known = np.array(state["labels"])
        self._classes = len(self._known)
        self._networks = self._made(torch.Generator().manual_seed(0))
        weights = {name: values for name, values in state.items() if name not in ("shape", "labels")}
        self._networks.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.items()})
        self._networks.requires_grad_(False)

    @property
    def parameters(self) -> int:
        """How many weights were trained."""
        return sum(weights.numel() for weights in self._networks.parameters())

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C), each of a class and from noise that its seed draws."""
        import numpy as np
        import torch

        made = [np.empty((0, *self._shape), np.uint8)]
        for start in range(0, len(seeds), CHUNK):
            block = list(seeds[start : start + CHUNK])
            draws = Draws(block + block[-1:] * (CHUNK - len(block)), self._drawn_shape, self._classes)
            with torch.no_grad():
                images = self._drawn(draws)[: len(block)]
            made.append(quantised(((images.double() + 1) / 2).permute(0, 2, 3, 1).numpy()))
        return np.concatenate(made)

    @property
    def _drawn_shape(self) -> tuple[int, ...]:
        """Shape (C, H, W) of the noise."""
        height, width, channels = self._shape
        return channels, height, width

    def _shown(self, labels: np.ndarray | None, n: int) -> torch.Tensor:
        """The classes (n,) of labels; "none" without labels, and for one that training did not show."""
        import numpy as np
        import torch

        if labels is None or not self._classes:
            return torch.full((n,), self._classes)
        place = np.searchsorted(self._known, labels).clip(max=self._classes - 1)
        return torch.from_numpy(np.where(self._known[place] == labels, place, self._classes))

    def _of_classes(self, what: str) -> None:
        """Refuse what needs classes where training had none."""
        if not self._classes:
            raise UsageError(f"`{what}` needs classes, and the training split has no labels; leave it at its default")


class Draws:
    """What each image's own seed draws: first its class, evenly, then as much noise as is asked for.

    `labels` (n,) are class 0 where there are no classes.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], classes: int) -> None:
        import torch

        self._rngs = [image_rng(seed) for seed in seeds]
        self._shape = tuple(shape)
        self.labels = torch.tensor([int(rng.integers(max(classes, 1))) for rng in self._rngs])

    def normal(self) -> torch.Tensor:
        """Fresh standard normal noise, float32 (n, *shape)."""
        import numpy as np
        import torch

        return torch.from_numpy(np.stack([rng.standard_normal(self._shape, np.float32) for rng in self._rngs]))


def scaled(images: np.ndarray) -> torch.Tensor:
    """Pixels in [-1, 1], float32 (n, C, H, W), of uint8 (n, H, W, C)."""
    import torch

    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def trained(network: nn.Module, loss: Callable[[], torch.Tensor], *, iterations: int, learning_rate: float) -> None:
    """Lower `loss()` by AdamW with one cycle of the learning rate; the network ends with its weights' running mean."""
    import torch

    weights: list[Any] = list(network.parameters())
    averaged = [parameter.detach().clone() for parameter in weights]
    optimiser = torch.optim.AdamW(weights, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=max(iterations, 2), pct_start=0.1, cycle_momentum=False
    )
    for iteration in range(iterations):
        value = loss()
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        decay = min(AVERAGE, (1 + iteration) / (10 + iteration))  # forget the initial weights soon
        with torch.no_grad():
            torch._foreach_lerp_(averaged, weights, 1 - decay)
    with torch.no_grad():
        torch._foreach_copy_(weights, averaged)


def spread(n: int, generator: torch.Generator) -> torch.Tensor:
    """Times (n,) in [0, 1), one in each of n equal parts: their mean loss varies less than that of independent ones."""
    import torch

    return (torch.arange(n) + torch.rand(n, generator=generator)) / n


def batch(
    pixels: torch.Tensor, labels: torch.Tensor, generator: torch.Generator, *, none: int, dropout: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """BATCH random images and their labels; a share `dropout` of these is replaced by `none`, all where `none` is 0."""
    import torch

    rows = torch.randint(len(pixels), (BATCH,), generator=generator)
    dropped = torch.rand(BATCH, generator=generator) < dropout
    return pixels[rows], torch.where(dropped, none, labels[rows])
