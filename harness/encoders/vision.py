"""Networks of torchvision that papers measure with: ImageNet's Inception-v3, and VGG16's second hidden layer."""

from __future__ import annotations

from typing import Literal, Unpack

from harness.base import VISION, Component, Count, Expects, Inference, Seed
from harness.encoders.arithmetic import drawn
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, filled, weights_digest, whole


class InceptionParameters(OwnWeights):
    """Parameters of `inception_torchvision`."""

    weights: Literal["inception_v3_google-0cc3c7bd.pth", "file", "random"] = "inception_v3_google-0cc3c7bd.pth"
    seed: Seed = 0


class VGG16Parameters(Inference):
    """Parameters of `vgg16`."""

    weights: Literal["vgg16-397923af.pth", "random"] = "vgg16-397923af.pth"
    seed: Seed = 0


class RandomVGG16Parameters(Inference):
    """Parameters of `random_vgg16`."""

    seed: Seed = 0
    dim: Count = 4096


INCEPTION = Component(
    "encoders",
    "inception_torchvision",
    f"{__name__}:InceptionTorchvision",
    "torchvision's ImageNet Inception-v3, 2048 features: not FID's",
    InceptionParameters,
    libraries=VISION,
    dim=2048,
    expects=Expects(None, (299, 299), 3),
    registered="{weights}",
)
VGG = Component(
    "encoders",
    "vgg16",
    f"{__name__}:VGG16",
    "VGG16's second hidden layer, 4096 features",
    VGG16Parameters,
    libraries=VISION,
    dim=4096,
    expects=Expects(None, (224, 224), 3),
    registered="{weights}",
)
RANDOM_VGG = Component(
    "encoders",
    "random_vgg16",
    f"{__name__}:RandomVGG16",
    "VGG16's second hidden layer with random weights",
    RandomVGG16Parameters,
    libraries=VISION,
    random=True,
    expects=Expects(None, (224, 224), 3),
)


class InceptionTorchvision(TorchEncoder):
    """Pooled features (2048) of torchvision's ImageNet Inception-v3, which is not FID's network.

    299×299 images in [-1, 1]. torcheval and ignite measure with it.
    """

    def __init__(
        self,
        *,
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        import torch
        from torch import nn
        from torchvision import models

        from harness.encoders.fused import fold

        network = filled(
            lambda: models.Inception3(transform_input=False, aux_logits=True, init_weights=False),
            "Inception3",
            whole,
            Origin.of(given, "inception_v3_google-0cc3c7bd.pth"),
        )
        network.fc = nn.Identity()
        weights = weights_digest(network)
        network.eval()
        if dtype == "float64":
            network.double()  # before the products of folding are rounded
        fold(network)
        network = network.to(memory_format=torch.channels_last)
        super().__init__(network, network, dim=2048, side=299, dtype=dtype)
        self.identity = {"architecture": "torchvision Inception-v3, pooled", "weights": weights}


class VGG16(TorchEncoder):
    """VGG16's second fully connected layer after its ReLU (4096), where improved precision and recall are measured.

    224×224 images with ImageNet's normalisation (Kynkäänniemi et al. 2019; random weights: Naeem et al. 2020).
    """

    def __init__(self, *, weights: str = "vgg16-397923af.pth", seed: int = 0, dtype: str = "float32") -> None:
        from torchvision import models

        network = filled(lambda: models.vgg16(weights=None), "VGG", whole, Origin(weights, seed))
        network.classifier = network.classifier[:5]
        super().__init__(network, network, dim=4096, side=224, dtype=dtype)
        self.identity = {"architecture": "torchvision VGG16, second hidden layer", "weights": weights_digest(network)}


class RandomVGG16(TorchEncoder):
    """VGG16's second fully connected layer after its ReLU, with weights that were never trained.

    Naeem et al. 2020 measure in such features where images are unlike ImageNet's; which weights they drew is not
    published. Here torchvision draws them (He et al. 2015 for convolutions) from `seed`. Any `dim` is what that layer
    is made with. 224×224 images. No measure of quality: tables say so.
    """

    random = True

    def __init__(self, *, seed: int = 0, dim: int = 4096, dtype: str = "float32") -> None:
        from torch import nn
        from torchvision import models

        with drawn(seed):
            network = models.vgg16(weights=None)
            network.classifier = network.classifier[:5]
            if dim != 4096:
                network.classifier[3] = nn.Linear(4096, dim)
                nn.init.normal_(network.classifier[3].weight, 0, 0.01)  # as torchvision draws this layer
                nn.init.zeros_(network.classifier[3].bias)
        super().__init__(network, network, dim=dim, side=224, dtype=dtype)
        self.identity = {
            "architecture": f"torchvision VGG16, second hidden layer, {dim} features, random weights",
            "weights": weights_digest(network),
        }
