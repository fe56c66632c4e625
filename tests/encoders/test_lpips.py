"""LPIPS: torchmetrics' network with the same random weights gives the same distances; its files are in the registry."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base import UsageError
from harness.encoders.lpips import BACKBONES, HEADS, LPIPS
from harness.encoders.weights import registered


def images(side=40):
    return np.random.default_rng(0).integers(0, 256, (2, 3, side, side + 5, 3)).astype(np.uint8)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_distances_are_torchmetrics_with_the_same_weights(net):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.functional.image.lpips")._LPIPS(
        pretrained=False, net=net, pnet_rand=True
    )
    ours = LPIPS(net=net, weights="random", seed=3)
    state = {f"lin{i}.model.1.weight": head[0].clone()[None] for i, head in enumerate(ours._heads.weights())}
    parts = [
        (f"net.slice{s + 1}.{i}.{name}", layer.state_dict()[name])
        for s, (start, stop) in enumerate(zip((0, *ours_cuts(net)[:-1]), ours_cuts(net), strict=True))
        for i, layer in zip(range(start, stop), list(ours._layers)[start:stop], strict=True)
        for name in layer.state_dict()
    ]
    missing = theirs.load_state_dict({**state, **dict(parts)}, strict=False)
    assert not missing.unexpected_keys
    assert not [name for name in missing.missing_keys if "lins" not in name]
    one, other = images()
    tensors = [torch.tensor(each).permute(0, 3, 1, 2).float() / 127.5 - 1 for each in (one, other)]
    with torch.no_grad():
        expected = theirs(*tensors).flatten().double().numpy()
    assert ours.distances(one, other) == pytest.approx(expected, rel=1e-5)
    assert ours.distances(one, one) == pytest.approx(np.zeros(3), abs=1e-12)
    assert ours.random


def ours_cuts(net):
    from harness.encoders.lpips import CUTS

    return CUTS[net]


def test_official_weights_are_registered_files_and_missing_ones_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    for name in (*BACKBONES.values(), *HEADS.values()):
        assert registered()[name].sha256
    with pytest.raises(UsageError, match=r"weights alexnet-owt-7be5be79\.pth not found"):
        LPIPS()


def test_images_below_the_networks_size_are_refused():
    one, other = images(20)
    with pytest.raises(UsageError, match="LPIPS with alex needs 31"):
        LPIPS(weights="random").distances(one, other)
