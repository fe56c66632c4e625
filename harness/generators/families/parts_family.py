"""What every family shares around its mathematics: data, training, seeds, a model kept as arrays. Read this one first.

A family is a class of this kind: `_made` builds its network, `_learn` trains it, `_drawn` turns what seeds draw into
images. torch computes on one thread and in float32, which convolves five to eight times as fast as float64 on a CPU.
Images are made in blocks of CHUNK, the last one filled up: each is then the same bytes in any batch, and alone. Another
processor may round otherwise: training there ends in slightly other weights, and a stored model's images can differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base import UsageError
from harness.encoders import drawn, one_thread
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    import torch

CHUNK = 64  # images computed at a time, always
AVERAGE = 0.995  # decay of the running mean of the weights that sampling uses


class Family(ABC):
    """A model of small images and, where training shows labels, of their classes.

    `iterations` and `learning_rate` are of its training, `evaluations` counts the network's for one image. Images are
    float32 (n, C, H, W) in [-1, 1]. Classes are numbers from 0 to K - 1, whatever the labels are; without labels, or
    with `conditional` false, all are 0. Each image draws its class from its own seed, with the training split's shares.
    """

    sides: ClassVar[int] = 1  # images' sides must be multiples of this
    evaluations: int = 1
    conditional: bool = True
    iterations: int
    learning_rate: float
    _network: Any  # a torch module, or a ModuleDict of several; its methods are the family's own

    @abstractmethod
    def _made(self) -> Any:
        """The network, not trained: weights come from torch's global random state.

        `self._shape` is that of the images, (H, W, C), `self._classes` the number of classes, 1 without labels.
        """

    @abstractmethod
    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        """Train `self._network` on images and their classes (n,), with torch's global random state."""

    @abstractmethod
    def _drawn(self, draws: Draws) -> torch.Tensor:
        """Images from what their seeds draw."""

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C) and, where they are given, their labels: any whole numbers."""
        import numpy as np
        import torch

        if any(length % self.sides for length in images.shape[1:3]):
            raise UsageError(
                f"{type(self).__name__} needs images whose sides are multiples of {self.sides}, found "
                f"{images.shape[1]} × {images.shape[2]}"
            )
        self._shape: tuple[int, ...] = images.shape[1:]
        known = np.empty(0, np.int64) if labels is None or not self.conditional else np.unique(labels)
        rows = np.searchsorted(known, labels) if labels is not None and len(known) else np.zeros(len(images), np.int64)
        self._known, self._shares = known, np.bincount(rows) / len(rows)
        with drawn(seed):
            self._network = self._made()
            self._learn(scaled(images), torch.from_numpy(rows))
        self._network.eval().requires_grad_(False)

    def state(self) -> Mapping[str, np.ndarray]:
        """All that sampling needs: the images' shape, labels and shares of the classes, the weights (float32)."""
        import numpy as np

        weights = {f"network.{name}": values.numpy().copy() for name, values in self._network.state_dict().items()}
        return {"shape": np.array(self._shape), "labels": self._known, "shares": self._shares, **weights}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the place of `fit`: the same samples bit for bit."""
        import numpy as np
        import torch

        self._shape = tuple(int(side) for side in state["shape"])
        self._known, self._shares = np.array(state["labels"]), np.array(state["shares"])
        with drawn(0):  # these weights are replaced
            self._network = self._made()
        weights = {name[8:]: torch.tensor(values) for name, values in state.items() if name[:8] == "network."}
        self._network.load_state_dict(weights)
        self._network.eval().requires_grad_(False)

    @property
    def parameters(self) -> int:
        """How many weights were trained."""
        return sum(weights.numel() for weights in self._network.parameters())

    @property
    def _classes(self) -> int:
        return max(len(self._known), 1)

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C), each of a class and from noise that its seed draws."""
        import numpy as np
        import torch

        made = [np.empty((0, *self._shape), np.uint8)]
        for start in range(0, len(seeds), CHUNK):
            block = list(seeds[start : start + CHUNK])
            draws = Draws(block + block[-1:] * (CHUNK - len(block)), self._shape, self._shares)
            with torch.no_grad():
                images = self._drawn(draws)[: len(block)]
            made.append(quantised(((images.double() + 1) / 2).permute(0, 2, 3, 1).numpy()))
        return np.concatenate(made)

    def _numbers(self, labels: np.ndarray | None, n: int, *, none: int | None = None) -> torch.Tensor:
        """The classes (n,) under which images of these labels are scored; `none` stands for "of no class".

        That is for images without a label, and with one that training did not show; without a `none` they are refused.
        """
        import numpy as np
        import torch

        if not len(self._known):
            return torch.zeros(n, dtype=torch.int64)
        found = np.full(n, -1)
        if labels is not None:
            place = np.searchsorted(self._known, labels).clip(max=self._classes - 1)
            found = np.where(self._known[place] == labels, place, -1)
        if none is None and (found < 0).any():
            which = "images without" if labels is None else f"label {np.asarray(labels)[found < 0][0]}, not one of"
            raise UsageError(f"{type(self).__name__} is class-conditional: it cannot score {which} the training labels")
        return torch.from_numpy(np.where(found < 0, -1 if none is None else none, found))

    def _of_classes(self, what: str) -> None:
        """Refuse what needs classes where training had none."""
        if not len(self._known):
            raise UsageError(f"`{what}` needs classes, but the training split has no labels; use the default")


class Draws:
    """What each image's own seed draws: first its class, with the given shares, then what is asked for, in order.

    `labels` (n,) are 0 where there are no classes.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], shares: np.ndarray) -> None:
        import numpy as np
        import torch

        self._rngs = [image_rng(seed) for seed in seeds]
        self._image = (shape[2], shape[0], shape[1])
        first = [rng.random() for rng in self._rngs]
        self.labels = torch.from_numpy(np.searchsorted(np.cumsum(shares)[:-1], first, side="right"))

    def normal(self, *shape: int) -> torch.Tensor:
        """Fresh standard normal numbers, float32 (n, *shape); of an image's shape (C, H, W) where none is given."""
        import numpy as np
        import torch

        return torch.from_numpy(np.stack([rng.standard_normal(shape or self._image, np.float32) for rng in self._rngs]))

    def uniform(self, *shape: int) -> torch.Tensor:
        """Fresh numbers in [0, 1), float32 (n, *shape)."""
        import numpy as np
        import torch

        return torch.from_numpy(np.stack([rng.random(shape, np.float32) for rng in self._rngs]))


def scaled(images: np.ndarray) -> torch.Tensor:
    """Pixels in [-1, 1], float32 (n, C, H, W), of uint8 (n, H, W, C)."""
    import torch

    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def blocks(n: int) -> Iterator[slice]:
    """Places of n images, CHUNK at a time."""
    return (slice(start, start + CHUNK) for start in range(0, n, CHUNK))


def batch(
    pixels: torch.Tensor, labels: torch.Tensor, *, size: int = 64, none: int = 0, dropout: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images and their classes, a share `dropout` of which is replaced by the class `none`."""
    import torch

    rows = torch.randint(len(pixels), (size,))
    return pixels[rows], torch.where(torch.rand(size) < dropout, none, labels[rows])


def spread(n: int) -> torch.Tensor:
    """Times (n,) in [0, 1), one in each of n equal parts: their mean loss varies less than that of independent ones."""
    import torch

    return (torch.arange(n) + torch.rand(n)) / n


def trained(
    network: Any, loss: Callable[[], torch.Tensor], *, iterations: int, learning_rate: float, clip: float = 0.0
) -> None:
    """Lower `loss()` by AdamW with one cycle of the learning rate; the network ends with its weights' running mean.

    Gradients longer than `clip`, if it is given, are cut to that norm.
    """
    import torch

    weights = list(network.parameters())
    averaged = [weight.detach().clone() for weight in weights]
    optimiser = torch.optim.AdamW(weights, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=max(iterations, 2), pct_start=0.1, cycle_momentum=False
    )
    for iteration in range(iterations):
        value = loss()
        optimiser.zero_grad()
        torch.autograd.backward(value)
        if clip:
            torch.nn.utils.clip_grad_norm_(weights, clip)
        optimiser.step()
        schedule.step()
        decay = min(AVERAGE, (1 + iteration) / (10 + iteration))  # forget the initial weights soon
        with torch.no_grad():
            torch._foreach_lerp_(averaged, weights, 1 - decay)
    with torch.no_grad():
        torch._foreach_copy_(weights, averaged)
