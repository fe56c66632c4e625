"""Densities of pixels: fitted to the images as vectors in [0, 1], two by scikit-learn, then sampled image by image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from harness.base import SKLEARN, Component, Count, Parameters, Positive
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]


class KernelDensityParameters(Parameters):
    """Parameters of `kde`."""

    bandwidth: Positive = 0.12


class GaussianMixtureParameters(Parameters):
    """Parameters of `gaussian_mixture`."""

    components: Count = 10
    covariance: Literal["full", "tied", "diag", "spherical"] = "full"


class PPCAParameters(Parameters):
    """Parameters of `ppca`."""

    components: Count = 16


def _density(name: str, thing: str, parameters: type[Parameters], summary: str) -> Component:
    target = f"{__name__}:{thing}"
    return Component("generators", name, target, summary, parameters, libraries=SKLEARN, trained=True, one_size=True)


DENSITIES = (
    _density("kde", "KernelDensity", KernelDensityParameters, "kernel density estimate of the pixels"),
    _density("gaussian_mixture", "GaussianMixture", GaussianMixtureParameters, "mixture of Gaussians on the pixels"),
    _density("ppca", "ProbabilisticPCA", PPCAParameters, "probabilistic PCA of the pixels"),
)
TRAINING_SHARE = 0.9  # of the split, drawn by the training seed for those models whose fit has no chance of its own


class _PixelDensity(ABC):
    """What the three share: images to vectors, vectors to images, a random generator per image."""

    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Fit the density to uint8 (n, H, W, C); labels are not used."""
        self._shape = images.shape[1:]
        self._fit(images.reshape(len(images), -1) / 255, seed)

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Draws from the fitted density, clipped to [0, 1]: uint8 (n, H, W, C)."""
        import numpy as np

        vectors = np.empty((len(seeds), int(np.prod(self._shape))))
        for row, seed in enumerate(seeds):
            vectors[row] = self._draw(image_rng(seed))
        return quantised(vectors).reshape(-1, *self._shape)

    @abstractmethod
    def _fit(self, vectors: np.ndarray, seed: int) -> None: ...

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> Vector: ...


def _training_share(vectors: np.ndarray, seed: int) -> np.ndarray:
    import numpy as np

    # Without replacement: in a bootstrap sample some images would count double, which a kernel density copies.
    rows = np.random.default_rng(seed).permutation(len(vectors))[: round(TRAINING_SHARE * len(vectors))]
    return vectors[np.sort(rows)]


class KernelDensity(_PixelDensity):
    """A Gaussian of sd `bandwidth` around every training image.

    Its fit is deterministic, so a training seed stands for the choice of 90 % of the training split.
    """

    # 0.12 has the highest 5-fold likelihood on the digits' training split among 0.06, 0.08, … 0.2.
    def __init__(self, *, bandwidth: float = 0.12) -> None:
        self.bandwidth = bandwidth

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        # To draw from it takes no more: scikit-learn's tree, for densities, is a second and a half to import.
        self._centres: Vector = _training_share(vectors, seed)

    def _draw(self, rng: np.random.Generator) -> Vector:
        centre: Vector = self._centres[rng.integers(len(self._centres))]
        return centre + self.bandwidth * rng.standard_normal(len(centre))


class GaussianMixture(_PixelDensity):
    """A mixture of `components` Gaussians fitted by EM; the training seed draws the initial clusters."""

    def __init__(
        self, *, components: int = 10, covariance: Literal["full", "tied", "diag", "spherical"] = "full"
    ) -> None:
        self.components = components
        self.covariance = covariance

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        import numpy as np
        from sklearn.mixture import GaussianMixture as Estimator

        # 1e-4 on the diagonal (2.5 grey levels) keeps a component of few images from collapsing onto them.
        estimator = Estimator(
            self.components, covariance_type=self.covariance, reg_covar=1e-4, random_state=seed % 2**32
        ).fit(vectors)
        self._weights = estimator.weights_ / estimator.weights_.sum()
        self._means: Vector = estimator.means_
        k, d = self._means.shape
        spread = estimator.covariances_
        if self.covariance == "spherical":
            spread = spread[:, None] * np.ones(d)
        if self.covariance in ("diag", "spherical"):
            spread = spread[:, :, None] * np.eye(d)
        self._factors: Vector = np.broadcast_to(np.linalg.cholesky(spread), (k, d, d))

    def _draw(self, rng: np.random.Generator) -> Vector:
        component = rng.choice(len(self._weights), p=self._weights)
        mean: Vector = self._means[component]
        factor: Vector = self._factors[component]
        return mean + factor @ rng.standard_normal(len(mean))


class ProbabilisticPCA(_PixelDensity):
    """One Gaussian with `components` free directions and equal noise in all others (Tipping & Bishop 1999).

    Its fit is deterministic, so a training seed stands for the choice of 90 % of the training split.
    """

    def __init__(self, *, components: int = 16) -> None:
        self.components = components

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        import numpy as np
        from sklearn.decomposition import PCA

        estimator = PCA(self.components, svd_solver="full").fit(_training_share(vectors, seed))
        self._mean: Vector = estimator.mean_
        self._noise = float(np.sqrt(estimator.noise_variance_))
        scale = np.sqrt(estimator.explained_variance_ - estimator.noise_variance_)
        self._directions: Vector = estimator.components_.T * scale

    def _draw(self, rng: np.random.Generator) -> Vector:
        latent = rng.standard_normal(self._directions.shape[1])
        return self._mean + self._directions @ latent + self._noise * rng.standard_normal(len(self._mean))
