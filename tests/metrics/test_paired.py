"""PSNR and SSIM: closed forms, and the value of torchmetrics and, where it is installed, scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base import UsageError
from harness.metrics.paired import psnr, ssim


def pair(channels=3, seed=0):
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (24, 31, channels)).astype(np.uint8)
    return one, np.clip(one + rng.integers(-40, 60, one.shape), 0, 255).astype(np.uint8)


def test_psnr_of_a_constant_error_is_that_of_its_square():
    one = np.full((5, 6, 3), 100, np.uint8)
    assert psnr(one, one + np.uint8(10)) == pytest.approx(20 * np.log10(25.5), abs=1e-12)
    assert psnr(one, one) == np.inf


def test_ssim_of_flat_images_is_their_luminance_term_alone():
    one, other = np.full((11, 14, 1), 60, np.uint8), np.full((11, 14, 1), 200, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(one, other) == pytest.approx((2 * 60 * 200 + c1) / (60**2 + 200**2 + c1), abs=1e-12)
    assert ssim(*[pair()[0]] * 2) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_both_are_torchmetrics_values(channels):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.image")
    one, other = pair(channels)
    tensors = [torch.tensor(image, dtype=torch.float64).permute(2, 0, 1)[None] for image in (other, one)]
    _, everywhere = functional.structural_similarity_index_measure(*tensors, data_range=255.0, return_full_image=True)
    theirs = float(everywhere[..., 5:-5, 5:-5].mean())  # its own mean has windows over reflected edges too
    assert ssim(one, other) == pytest.approx(theirs, abs=1e-9)
    theirs = float(functional.peak_signal_noise_ratio(*tensors, data_range=255.0))
    assert psnr(one, other) == pytest.approx(theirs, abs=1e-5)


def test_both_are_scikit_images_values():
    measures = pytest.importorskip("skimage.metrics")
    one, other = pair()
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert ssim(one, other) == pytest.approx(
        measures.structural_similarity(one, other, channel_axis=2, **how), abs=1e-9
    )
    assert psnr(one, other) == pytest.approx(measures.peak_signal_noise_ratio(one, other, data_range=255), abs=1e-9)


def test_what_cannot_be_compared_is_refused():
    one, other = pair()
    with pytest.raises(UsageError, match="cannot be compared pixel by pixel"):
        psnr(one, other[1:])
    with pytest.raises(UsageError, match="needs 11 × 11"):
        ssim(one[:10], other[:10])
