"""ConvNeXt, trained on ImageNet-22k with labels."""

from __future__ import annotations

from typing import Any

from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import State, TorchEncoder, filled, weights_digest, without

DIMS = {"small": 768, "base": 1024, "large": 1536, "xlarge": 2048}


class ConvNeXt(TorchEncoder):
    """Features after the global pool and its norm, before the classifier (Liu et al. 2022); dgm-eval takes large.

    224×224 images with ImageNet's normalisation. Files in the authors' names or in timm's.
    """

    def __init__(
        self,
        *,
        architecture: str = "large",
        weights: str = "official",
        seed: int = 0,
        file: str | None = None,
        sha256: str | None = None,
        dtype: str = "float32",
    ) -> None:
        timm = needs("timm", "timm")

        def body(state: State, network: Any) -> State:
            rename = needs("timm.models.convnext", "timm").checkpoint_filter_fn
            return without(rename(state, network), "head.fc.")

        network = filled(
            lambda: timm.create_model(f"convnext_{architecture}", pretrained=False, num_classes=0),
            f"ConvNeXt {architecture}",
            body,
            weights=f"convnext_{architecture}_22k_224.pth" if weights == "official" else weights,
            seed=seed,
            file=file,
            sha256=sha256,
        )
        super().__init__(network, network, dim=DIMS[architecture], side=224, dtype=dtype)
        self.identity = {"architecture": f"ConvNeXt {architecture}, pooled, normed", "weights": weights_digest(network)}
