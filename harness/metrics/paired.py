"""An image beside the one it should be: PSNR and SSIM, for super-resolution, inpainting, compression.

They compare pixel by pixel, and say nothing of images that have no counterpart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from harness.base import UsageError

Image = npt.NDArray[np.uint8]
PEAK = 255.0
REACH, SIGMA = 5, 1.5  # a window of 11 × 11
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def psnr(one: Image, other: Image) -> float:
    """Peak signal-to-noise ratio of two uint8 images (H, W, C), in dB: 10 log10(255² / MSE); higher is better.

    The mean squared error is over all pixels and channels. Infinite for equal images. Raises UsageError for images of
    unlike shapes.
    """
    left, right = _alike(one, other)
    error = float(np.mean((left - right) ** 2))
    return float(10.0 * np.log10(PEAK**2 / error)) if error > 0 else float("inf")


def ssim(one: Image, other: Image) -> float:
    """Structural similarity of two uint8 images (H, W, C), in [-1, 1], 1 for equal ones; higher is better.

    Wang et al. 2004: Gaussian window of 11 × 11, σ = 1.5, K1 = .01, K2 = .03, data range 255, population variances,
    windows that lie whole in the image, and the mean over them and over channels; nothing is downsampled. The value of
    scikit-image with gaussian_weights, sigma=1.5, use_sample_covariance=False; its default is a flat window of 7 × 7.
    torchmetrics counts windows over mirrored edges too, which is another number (by .007 on a test image of 24 × 31).
    Raises UsageError for images of unlike shapes, or below 11 pixels.
    """
    left, right = _alike(one, other)
    if min(left.shape[:2]) < 2 * REACH + 1:
        raise UsageError(f"images have {left.shape[0]} × {left.shape[1]} pixels; SSIM's window needs 11 × 11")
    mean_left, mean_right = _windowed(left), _windowed(right)
    var_left, var_right = _windowed(left**2) - mean_left**2, _windowed(right**2) - mean_right**2
    both = _windowed(left * right) - mean_left * mean_right
    top = (2.0 * mean_left * mean_right + C1) * (2.0 * both + C2)
    return float(np.mean(top / ((mean_left**2 + mean_right**2 + C1) * (var_left + var_right + C2))))


def _windowed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weighted means over each window that lies whole in the image."""
    weights = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2.0 * SIGMA**2))
    weights /= weights.sum()
    found = correlate1d(correlate1d(values, weights, axis=0), weights, axis=1)
    return np.asarray(found[REACH:-REACH, REACH:-REACH])


def _alike(one: Image, other: Image) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if one.shape != other.shape or one.ndim != 3:
        raise UsageError(f"images of {one.shape} and {other.shape} pixels cannot be compared pixel by pixel")
    return one.astype(np.float64), other.astype(np.float64)
