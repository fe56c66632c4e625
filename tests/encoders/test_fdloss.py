"""FDr6's networks beside Inception: pooled and padded as its authors do, in timm itself with the same drawn weights."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from timm.data import resolve_data_config

from harness.base import UsageError, digest_file
from harness.benchmark import protocols
from harness.encoders import fdloss
from harness.encoders.weights import find
from harness.images.preprocessing.recipes import RECIPES


def drawn(model: str, **options):
    torch.manual_seed(3)
    return timm.create_model(model, pretrained=False, num_classes=0, **options).eval()


def theirs(network, x):
    """FD-loss's rule: spatial mean; else the first token; else the pool of a network without one."""
    features = network.forward_features(x)
    if features.ndim == 4:
        return features.mean(dim=[2, 3])
    return features[:, 0] if network.num_prefix_tokens > 0 else network.attn_pool(features)


SMALL = {
    "mae": ("test_vit", 160),
    "dinov2": ("vit_tiny_patch16_224", 200),  # 200 pixels are no whole number of patches: padded
    "siglip": ("test_vit3", 160),
    "convnextv2": ("test_convnext2", 160),
}


@pytest.mark.parametrize("network", SMALL)
def test_features_are_timms_with_the_same_weights(network, tmp_path, monkeypatch):
    model, side = SMALL[network]
    dynamic = {} if "convnext" in model else {"dynamic_img_size": True, "dynamic_img_pad": True}
    peer = drawn(model, **dynamic)
    monkeypatch.setitem(fdloss.NETWORKS, network, fdloss.Taken(model, peer.num_features, side))
    file = tmp_path / "model.pth"
    torch.save(peer.state_dict(), file)
    ours = fdloss.FDLoss(architecture=network, weights="file", file=str(file), sha256=digest_file(file))
    images = np.random.default_rng(0).normal(size=(3, side, side, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = theirs(peer, torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    found = ours.encode(images)
    assert found.shape == (3, peer.num_features)
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("network", fdloss.NETWORKS)
def test_images_and_files_are_those_that_timm_says(network):
    """Normalisation of timm's own configuration; the file of timm's own repository; the published side and width."""
    taken, protocol = fdloss.NETWORKS[network], protocols.load(f"fdr6-{network}")
    own = timm.get_pretrained_cfg(taken.model)
    recipe = RECIPES[protocol.recipe]
    wanted = resolve_data_config(own.to_dict())
    for ours, theirs in ((recipe.normalise.mean, wanted["mean"]), (recipe.normalise.sd, wanted["std"])):
        assert np.broadcast_to(ours, 3) == pytest.approx(theirs)
    assert recipe.resize.size == (taken.side, taken.side)
    assert recipe.resize.clip is False
    assert (protocol.encoder["dim"], protocol.encoder["weights"]) == (taken.dim, f"fdr6_{network}.safetensors")
    assert find(f"fdr6_{network}.safetensors").url == (
        f"https://huggingface.co/{own.hf_hub_id}/resolve/main/model.safetensors"
    )
    with torch.device("meta"):  # nothing is drawn
        made = fdloss.created(taken.model)
    assert made.num_features == taken.dim
    assert (made.num_prefix_tokens > 0 if hasattr(made, "num_prefix_tokens") else None) == {
        "siglip": False,
        "convnextv2": None,
    }.get(network, True)


def test_absent_weights_cost_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    monkeypatch.setitem(fdloss.NETWORKS, "mae", fdloss.Taken("test_vit", 64, 160))
    with pytest.raises(UsageError, match=r"weights fdr6_mae.safetensors not found.*--trust-first-use.*huggingface"):
        fdloss.FDLoss(architecture="mae")
