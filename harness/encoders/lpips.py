"""LPIPS, the learned perceptual distance of two images (Zhang et al. 2018), version 0.1 with linear heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from harness.base import UsageError
from harness.encoders.arithmetic import exact
from harness.encoders.torchnet import Origin, filled, weights_digest, whole

if TYPE_CHECKING:
    import numpy as np
    import torch

Net = Literal["alex", "vgg"]
# Where each of the five features ends among torchvision's layers, their channels, and the smallest side.
CUTS = {"alex": (2, 5, 8, 10, 12), "vgg": (4, 9, 16, 23, 30)}
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
SMALLEST = {"alex": 31, "vgg": 16}
BACKBONES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth"}
HEADS = {"alex": "lpips-alex-v0.1.pth", "vgg": "lpips-vgg-v0.1.pth"}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
CHUNK = 8  # pairs a forward pass


class LPIPS:
    """Distance of pairs of images by five layers of a network, each layer's channels weighted by a learned head.

    Images are scaled to [-1, 1] and by the paper's own mean and spread; features are divided by their length over
    channels; squared differences, weighted, are averaged over positions and added up over layers. 0 for equal images,
    lower is more alike. `net` "alex" is what its authors recommend to compare with, "vgg" what StyleGAN's path length
    reads. `weights` "random" draws backbone and heads from `seed`: no measure of anything but the arithmetic.
    """

    def __init__(
        self, *, net: Net = "alex", weights: Literal["official", "random"] = "official", seed: int = 0
    ) -> None:
        from torch import nn
        from torchvision import models

        make = {"alex": models.alexnet, "vgg": models.vgg16}[net]
        of_backbone, of_heads = ("random", "random") if weights == "random" else (BACKBONES[net], HEADS[net])
        network = filled(lambda: make(weights=None), type(self).__name__, whole, Origin(of_backbone, seed))
        self.net, self.random = net, weights == "random"
        self._layers: Any = network.features.eval()
        for layer in self._layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # features are kept from layer to layer
        self._heads: Any = filled(lambda: _Heads.of(CHANNELS[net]), "LPIPS heads", whole, Origin(of_heads, seed))
        self.identity = {
            "architecture": f"LPIPS 0.1, {net}",
            "weights": [weights_digest(self._layers), weights_digest(self._heads)],
        }
        self._device = "cpu"

    def to(self, device: str) -> None:
        """Compute on a device from now on."""
        self._layers.to(device)
        self._heads.to(device)
        self._device = device

    def distances(self, one: np.ndarray, other: np.ndarray, *, side: int | None = None) -> np.ndarray:
        """Distances float64 (n,) of pairs of images (n, H, W, 1 or 3), 0 to 255; grey counts as three equal channels.

        `side` resizes both to side × side first, as torch-fidelity does: larger ones by areas, others bilinearly.
        Raises UsageError for images of unlike shapes, or too small for the network.
        """
        import numpy as np
        import torch

        if one.shape != other.shape or one.ndim != 4:
            raise UsageError(f"images of {one.shape[1:]} and {other.shape[1:]} pixels cannot be compared by LPIPS")
        if (side or min(one.shape[1:3])) < SMALLEST[self.net]:
            raise UsageError(
                f"images have {one.shape[1]} × {one.shape[2]} pixels; LPIPS with {self.net} needs {SMALLEST[self.net]}"
            )
        found = []
        with exact(), torch.inference_mode():
            for start in range(0, len(one), CHUNK):
                pair = [_scaled(images[start : start + CHUNK]).to(self._device) for images in (one, other)]
                pair = [_resized(images, side) for images in pair]
                found.append(self._apart(*pair).double().cpu().numpy())
        return np.concatenate(found) if found else np.zeros(0)

    def _apart(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        total: Any = 0.0
        start = 0
        for cut, head in zip(CUTS[self.net], self._heads.weights(), strict=True):
            for layer in self._layers[start:cut]:
                one, other = layer(one), layer(other)
            start = cut
            unlike = (_unit(one) - _unit(other)) ** 2
            total = total + (unlike * head).sum(dim=1).mean(dim=(1, 2))
        found: torch.Tensor = total
        return found


class _Heads:
    """Makes the module whose state dict is that of the published files: one weight a channel of each layer."""

    @staticmethod
    def of(channels: tuple[int, ...]) -> Any:
        from torch import nn

        class Heads(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                for number, width in enumerate(channels):
                    convolution = nn.Conv2d(width, 1, 1, bias=False)
                    nn.init.uniform_(convolution.weight)  # no distance is below 0
                    # Dropout comes first in the published files, which number the convolution 1.
                    head = nn.Sequential(nn.Dropout(), convolution)
                    self.add_module(f"lin{number}", nn.ModuleDict({"model": head}))

            def weights(self) -> list[torch.Tensor]:
                return [part["model"][1].weight[0][None] for part in self.children()]  # type: ignore[index]

        return Heads().eval()


def _scaled(images: np.ndarray) -> torch.Tensor:
    import numpy as np
    import torch

    colour = np.broadcast_to(images, (*images.shape[:3], 3)).astype(np.float32)
    within = torch.from_numpy(np.ascontiguousarray(colour)).permute(0, 3, 1, 2) / 127.5 - 1.0
    return (within - torch.tensor(SHIFT)[:, None, None]) / torch.tensor(SCALE)[:, None, None]


def _resized(images: torch.Tensor, side: int | None) -> torch.Tensor:
    from torch.nn.functional import interpolate

    if side is None:
        return images
    if min(images.shape[2:]) > side:
        return interpolate(images, (side, side), mode="area")
    return interpolate(images, (side, side), mode="bilinear", align_corners=False)


def _unit(features: torch.Tensor) -> torch.Tensor:
    """Features of length 1 at each position, as the authors' package and torch-fidelity make them.

    torchmetrics adds 1e-8 below the root instead, which tells where all channels are near 0.
    """
    length: torch.Tensor = (features**2).sum(dim=1, keepdim=True).sqrt()
    return features / (length + 1e-10)
