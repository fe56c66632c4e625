"""ConvNeXt, trained on ImageNet-22k with labels."""

from __future__ import annotations

from harness.encoders.torchnet import TorchEncoder, drawn, weight_path, weights_digest
from harness.networkfiles import fill, needs, read_state

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
        with drawn(seed):
            network = timm.create_model(f"convnext_{architecture}", pretrained=False, num_classes=0)
        if weights != "random":
            rename = needs("timm.models.convnext", "timm").checkpoint_filter_fn
            registered = f"convnext_{architecture}_22k_224.pth" if weights == "official" else weights
            state = rename(read_state(weight_path(registered, file, sha256)), network)
            body = {name: tensor for name, tensor in state.items() if not name.startswith("head.fc.")}
            fill(network, body, f"ConvNeXt {architecture}")
        super().__init__(network, network, dim=DIMS[architecture], side=224, dtype=dtype)
        self.identity = {"architecture": f"ConvNeXt {architecture}, pooled, normed", "weights": weights_digest(network)}
