"""The network of `pixelcnn`: what is known of a pixel from those before it, for all pixels at once or one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

from harness.generators.families.parts_pixels import level_log_probability

Draw = Callable[[int, int, int, torch.Tensor], torch.Tensor]


class GatedPixelCNN(nn.Module):
    """Mixtures of logistics for each pixel of images (n, C, H, W) in [-1, 1], given those before it and the class.

    2 × 2 pixels make one position. Positions are read row by row, and within one its numbers in their order. A
    `vertical` stack sees all rows above, a `horizontal` one those and what is left of the position.
    """

    def __init__(
        self, channels: int, classes: int, sides: Sequence[int], *, width: int, layers: int, components: int
    ) -> None:
        super().__init__()
        self.numbers = 4 * channels  # of a position
        entering = [self.numbers, *[width] * (layers - 1)]
        self.layers = nn.ModuleList(GatedLayer(size, width) for size in entering)
        # What a class looks like where: a map with 8 numbers a position for each, learned like all else.
        self.looks = nn.Parameter(torch.randn(classes, 8, sides[0] // 2, sides[1] // 2) / 10)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width + k, width, 1), nn.ReLU(), nn.Conv2d(width, 3 * components, 1))
            for k in range(self.numbers)
        )

    def mixtures(self, images: torch.Tensor, label: torch.Tensor) -> list[torch.Tensor]:
        """What each head says, (n, 3 · components, H / 2, W / 2) for each number of a position."""
        pixels = pixel_unshuffle(images, 2)
        above = beside = pixels
        for layer in self._gated():
            # The first layer must not see its own place, and looks one row and one column further back.
            own = layer is self.layers[0]
            above_padded = pad(above, (1, 1, 2, 0))[:, :, :-1] if own else pad(above, (1, 1, 1, 0))
            beside_padded = pad(beside, (2, 0))[:, :, :, :-1] if own else pad(beside, (1, 0))
            above, beside = layer(above_padded, beside_padded, self.looks[label])
        return [self._head(k, beside, pixels) for k in range(self.numbers)]

    def log_probability(self, images: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """log p(x | y) (n,) of the 256 levels: the sum of every pixel's log-probability given those before it."""
        pixels = pixel_unshuffle(images, 2)
        each = [mixture_log_probability(pixels[:, k], said) for k, said in enumerate(self.mixtures(images, label))]
        return torch.stack(each).sum((0, 2, 3))

    def generate(self, shape: Sequence[int], label: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Images (n, C, H, W) whose pixels `draw(number, row, column, said)` gives (n,), in the order they are read.

        Every layer remembers the row above and the place to the left, so an image costs about one pass of the network
        (Ramachandran et al. 2017), not one for each pixel.
        """
        height, across = shape[0] // 2, shape[1] // 2
        layers, n, looks = list(self._gated()), len(label), self.looks[label]
        sizes = [self.numbers, *[layer.width for layer in layers]]
        dtype = next(self.parameters()).dtype
        pixels = torch.zeros(n, self.numbers, height, across, dtype=dtype)
        before = [
            torch.zeros(n, size, 1, across, dtype=dtype) for size in sizes
        ]  # each layer's `above` of the last row
        for row in range(height):
            start = max(0, row - 2)
            above = pad(pixels[:, :, start:row], (0, 0, 2 - (row - start), 0))
            look = looks[:, :, row : row + 1]
            known = []  # of each layer: what its vertical stack says of this row
            for depth, layer in enumerate(layers):
                window = above if depth == 0 else torch.cat([before[depth], above], dim=2)
                gates = layer.down(pad(window, (1, 1)))
                before[depth], above = above[:, :, -1:], gated(gates + layer.look_down(look))
                known.append(layer.across(gates) + layer.look_right(look))
            left = [
                torch.zeros(n, size, 1, 1, dtype=dtype) for size in sizes
            ]  # each layer's `beside`, one place before
            further = left[0]  # the pixels two places before
            for column in range(across):
                beside = left[0]
                for depth, layer in enumerate(layers):
                    window = torch.cat([further, beside] if depth == 0 else [left[depth], beside], dim=3)
                    if depth > 0:
                        left[depth] = beside
                    beside = layer.beside(window, known[depth][..., column : column + 1])
                place = pixels[:, :, row : row + 1, column : column + 1]
                for k in range(self.numbers):
                    place[:, k, 0, 0] = draw(k, row, column, self._head(k, beside, place)[..., 0, 0])
                further, left[0] = left[0], place.clone()
        return pixel_shuffle(pixels, 2)

    def _gated(self) -> Sequence[GatedLayer]:
        return cast(Sequence[GatedLayer], self.layers)

    def _head(self, k: int, beside: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.heads[k](torch.cat([beside, pixels[:, :k]], dim=1))
        return said


class GatedLayer(nn.Module):
    """One layer of both stacks: van den Oord et al. 2016, eq. 2 and figure 2."""

    def __init__(self, entering: int, width: int) -> None:
        super().__init__()
        self.entering, self.width = entering, width
        self.down = nn.Conv2d(entering, 2 * width, (2, 3))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.right = nn.Conv2d(entering, 2 * width, (1, 2))
        self.out = nn.Conv2d(width, width, 1)
        self.look_down = nn.Conv2d(8, 2 * width, 1, bias=False)
        self.look_right = nn.Conv2d(8, 2 * width, 1, bias=False)

    def forward(self, above: torch.Tensor, beside: torch.Tensor, look: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Both stacks, one row and one column less than the padded ones that entered."""
        gates = self.down(above)
        known = self.across(gates) + self.look_right(look)
        return gated(gates + self.look_down(look)), self.beside(beside, known)

    def beside(self, window: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """The horizontal stack, told `known` by the vertical one; what entered is added where sizes allow."""
        told: torch.Tensor = self.out(gated(self.right(window) + known))
        return told + window[..., 1:] if self.entering == self.width else told


def gated(gates: torch.Tensor) -> torch.Tensor:
    """tanh(a) ⊙ σ(b) of the two halves of the channels: van den Oord et al. 2016, eq. 2."""
    a, b = gates.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


def mixture_log_probability(pixels: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Log-probability of levels / 127.5 - 1 (n, …) under mixtures of discretised logistics (n, 3 · components, …)."""
    weight, mean, log_scale = parts(said)
    each = level_log_probability(pixels[:, None], mean, log_scale)
    return (weight.log_softmax(1) + each).logsumexp(1)


def parts(said: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-weights (not normalised), means and log-scales, (n, components, …) each."""
    weight, mean, log_scale = said.chunk(3, dim=1)
    return weight, mean, (log_scale - 1.3).clamp(min=-6.3)


def level(said: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """A level / 127.5 - 1 (n,) drawn from mixtures (n, 3 · components) by two uniform numbers each (n, 2)."""
    weight, mean, log_scale = parts(said)
    chosen = (weight.softmax(1).cumsum(1) < uniform[:, :1]).sum(1, keepdim=True).clamp(max=weight.shape[1] - 1)
    drawn = mean.gather(1, chosen) + log_scale.gather(1, chosen).exp() * torch.logit(uniform[:, 1:])
    return ((drawn[:, 0] + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
