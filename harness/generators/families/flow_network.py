"""The layers of `flow`: each is invertible and knows the logarithm of its Jacobian's determinant."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import nn
from torch.nn.functional import one_hot

Pair = tuple[torch.Tensor, torch.Tensor]


class Flow(nn.Module):
    """Vectors (n, d) ⇄ noise (n, d) of independent Student t, given classes (n,): a rotation, scales, couplings."""

    def __init__(self, size: int, classes: int, *, steps: int, width: int) -> None:
        super().__init__()
        self.rotate = Rotation(size)
        self.scale = ClassScale(size, classes)
        # Each changes half of the numbers, in turn those at even and at odd places.
        self.steps = nn.ModuleList(Coupling(size, classes, width, odd=bool(place % 2)) for place in range(steps))

    def forward(self, rows: torch.Tensor, label: torch.Tensor) -> Pair:
        """The noise (n, d), and log |det| of the map (n,)."""
        rows, total = self.scale(self.rotate(rows), label)
        for step in self.steps:
            rows, log_determinant = step(rows, label)
            total = total + log_determinant
        return rows, total

    def inverse(self, noise: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The vectors that `forward` maps to this noise."""
        for step in reversed(self.steps):
            noise = cast(Coupling, step).inverse(noise, label)
        return self.rotate.inverse(self.scale.inverse(noise, label))

    def log_density(self, rows: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """log p(x | y) (n,): the change of variables, Dinh et al. 2017, eq. 3."""
        noise, log_determinant = self(rows, label)
        log_student = math.log(3 / 8) - 2.5 * torch.log1p(noise.square() / 4)
        density: torch.Tensor = log_student.sum(1) + log_determinant
        return density


def student(normal: torch.Tensor) -> torch.Tensor:
    """Student t with 4 degrees of freedom from standard normal numbers of the same ranks: Shaw 2006, eq. 36."""
    below = torch.special.ndtr(-normal.abs())
    spread = (4 * below * (1 - below)).clamp(min=1e-300)
    ratio = torch.cos(torch.arccos(spread.sqrt().clamp(max=1)) / 3) / spread.sqrt()
    drawn: torch.Tensor = normal.sign() * 2 * (ratio - 1).clamp(min=0).sqrt()
    return drawn


class Rotation(nn.Module):
    """A fixed rotation to the principal components of the training images; volumes stay.

    Numbers that hardly vary, such as pixels of the border, stay as they are: one that is lit for once is then one
    surprise, not one in every component.
    """

    axes: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("axes", torch.eye(size, dtype=torch.float64))  # else its transpose were not its inverse

    def fit(self, rows: torch.Tensor) -> None:
        """Take the axes from vectors (n, d)."""
        centred = rows.double() - rows.double().mean(0)
        spread = centred.square().mean(0).sqrt()
        (alive,) = torch.nonzero(spread > spread.max() / 5, as_tuple=True)
        moments = centred[:, alive].T @ centred[:, alive]
        self.axes[alive[:, None], alive] = torch.linalg.eigh(moments).eigenvectors

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Coordinates along the axes."""
        return rows @ self.axes.to(rows)

    def inverse(self, rows: torch.Tensor) -> torch.Tensor:
        """Vectors of these coordinates."""
        return rows @ self.axes.T.to(rows)


class ClassScale(nn.Module):
    """A learned scale and shift of each coordinate for each class: by itself, a Gaussian for each class."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.mean, self.log_sd = nn.Embedding(classes, size), nn.Embedding(classes, size)

    def fit(self, rows: torch.Tensor, label: torch.Tensor) -> None:
        """Begin with each class's mean and the deviation common to all."""
        with torch.no_grad():
            for own in sorted(set(label.tolist())):
                self.mean.weight[own] = rows[label == own].mean(0)
            self.log_sd.weight.copy_((rows - self.mean(label)).std(0).clamp(min=1e-3).log())

    def forward(self, rows: torch.Tensor, label: torch.Tensor) -> Pair:
        """The rows scaled, and log |det|."""
        log_sd = self.log_sd(label)
        return (rows - self.mean(label)) * torch.exp(-log_sd), -log_sd.sum(1)

    def inverse(self, rows: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The rows before they were scaled."""
        unscaled: torch.Tensor = rows * self.log_sd(label).exp() + self.mean(label)
        return unscaled


class Coupling(nn.Module):
    """Half of the numbers scale and shift the other half: Dinh et al. 2017, eq. 7; trivially inverted, eq. 8."""

    def __init__(self, size: int, classes: int, width: int, *, odd: bool) -> None:
        super().__init__()
        self.classes, self.odd = classes, odd
        kept, changed = (size // 2, size - size // 2) if odd else (size - size // 2, size // 2)
        self.network = nn.Sequential(
            nn.Linear(kept + classes, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2 * changed),
        )
        last = cast(nn.Linear, self.network[-1])
        nn.init.zeros_(last.weight)  # the coupling is the identity at first
        nn.init.zeros_(last.bias)

    def forward(self, rows: torch.Tensor, label: torch.Tensor) -> Pair:
        """The rows, half of them changed, and log |det|."""
        kept, changed = self._halves(rows)
        log_scale, shift = self._said(kept, label)
        return self._joined(kept, changed * log_scale.exp() + shift), log_scale.sum(1)

    def inverse(self, rows: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The rows before half of them were changed."""
        kept, changed = self._halves(rows)
        log_scale, shift = self._said(kept, label)
        return self._joined(kept, (changed - shift) * torch.exp(-log_scale))

    def _halves(self, rows: torch.Tensor) -> Pair:
        even, odd = rows[:, 0::2], rows[:, 1::2]
        return (odd, even) if self.odd else (even, odd)

    def _joined(self, kept: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
        even, odd = (changed, kept) if self.odd else (kept, changed)
        rows = torch.empty(len(kept), kept.shape[1] + changed.shape[1], dtype=kept.dtype)
        rows[:, 0::2], rows[:, 1::2] = even, odd
        return rows

    def _said(self, kept: torch.Tensor, label: torch.Tensor) -> Pair:
        told = torch.cat([kept, one_hot(label, self.classes).to(kept)], dim=1)
        log_scale, shift = self.network(told).chunk(2, dim=1)
        return 2 * torch.tanh(log_scale / 2), shift  # bounded: no single step can blow up
