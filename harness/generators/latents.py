"""Generators that are networks in files: latents, one image's from its own seed, through TorchScript, ONNX or PyTorch.

Latents are float32, and images are made in batches of the benchmark's `batch_size`, which their key names. Rounding in
the network may differ with the batch's size, the device and the number of threads, so that a pixel may move by
TOLERANCE level where its value lies between two. With the first batch this is tested: an image that moves by more when
it is made alone is refused, as is a network that draws randomness of its own, which no seed of this harness reaches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.base import Count, Parameters, PathText, UsageError, derive_seed, found
from harness.generators.contract import image_rng
from harness.generators.levels import Rule, to_levels

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1  # level of 255 by which an image alone may differ from the same one in a batch


def _known_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is not None and given not in ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)):
        raise ValueError(f"found {list(given)}; [-1, 1], [0, 1] or [0, 255] is allowed")
    return given


def _latent(value: Any) -> Any:
    shape = list(value) if isinstance(value, list | tuple) else [value]
    if not 1 <= len(shape) <= 4 or any(type(side) is not int or side < 1 for side in shape):
        raise ValueError(f"{found(value)}; expected a whole number such as 128, or a shape such as [4, 32, 32]")
    return value if isinstance(value, int) else tuple(shape)


OutputRange = Annotated[tuple[float, float] | None, Field(strict=False), AfterValidator(_known_range)]

# One message for both forms, where a union would tell of each by itself.
Latent = Annotated[Any, AfterValidator(_latent)]


class NetworkParameters(Parameters):
    """Parameters of a generator that is a network in a file: what it takes, what it gives, how that becomes uint8.

    latent        shape of one image's latent: 128 or [4, 32, 32]
    distribution  `normal`, standard; `uniform` on [-1, 1)
    truncation    multiplies the latent
    range         of the output: [-1, 1], [0, 1] or [0, 255]; values outside are clipped
    quantise      how it becomes uint8: `round`, `truncate`, `adm`, see `harness.generators.levels`; `network` where
                  the network gives uint8 itself
    classes       how many there are, where the network takes a label after the latent
    labels        `drawn` evenly from each image's seed, or `balanced`: cycled by the image's place in its set, which
                  intervals then count as strata
    label_form    `index` (int64) or `onehot` (float32)
    """

    paths = ("file",)
    file: PathText
    latent: Latent = Field(description="shape of one latent, such as 128 or [4, 32, 32]")
    distribution: Literal["normal", "uniform"] = "normal"
    truncation: Annotated[float, Field(gt=0, le=1)] = 1.0
    range: OutputRange = None
    quantise: Literal["round", "truncate", "adm", "network"] = Field(
        description="how the output becomes uint8: round, truncate, adm, or network (already uint8)"
    )
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"
    label_form: Literal["index", "onehot"] = "index"

    @model_validator(mode="after")
    def _a_range_where_it_is_read(self) -> NetworkParameters:
        if (self.range is None) != (self.quantise == "network"):
            raise ValueError("`range` is missing: [-1, 1], [0, 1] or [0, 255] (not with `quantise: network`)")
        if self.classes is None and {"labels", "label_form"} & self.model_fields_set:
            raise ValueError("`labels` and `label_form` need `classes`; add it or leave them out")
        return self


def draw_latents(
    seeds: Sequence[int], shape: Sequence[int], *, distribution: Literal["normal", "uniform"], truncation: float = 1.0
) -> np.ndarray:
    """Latents float32 (n, *shape), row i from `seeds[i]` alone: standard normal or uniform on [-1, 1), × `truncation`.

    `truncation` scales, which narrows their spread; BigGAN redraws from a truncated normal instead, and StyleGAN moves
    its intermediate latent towards a mean that only the network knows.
    """
    import numpy as np

    rows = np.empty((len(seeds), *shape), np.float32)
    for row, seed in enumerate(seeds):
        rng = image_rng(seed)
        drawn = rng.standard_normal(tuple(shape)) if distribution == "normal" else rng.uniform(-1, 1, tuple(shape))
        rows[row] = truncation * drawn
    return rows


def choose(
    seeds: Sequence[int], places: Sequence[int] | None, n: int, *, how: Literal["drawn", "balanced"], what: str
) -> np.ndarray:
    """One of `n` choices (labels, prompts) for each image, int64 (len(seeds),).

    `drawn`: each from its image's seed, independently of its latent and evenly. `balanced`: cycled by place, so that a
    set holds each equally often. Balanced sets are not independent draws: to first order, intervals that take them for
    such are too wide rather than too narrow; `harness.estimate` counts the balance as `strata_fake`.
    """
    import numpy as np

    if how == "drawn":
        return np.array([image_rng(derive_seed(what, seed)).integers(n) for seed in seeds], np.int64)
    if places is None:
        raise UsageError(f"balanced: which {what} an image has depends on its place in the set; call sample_at")
    return np.asarray(places, np.int64) % n


def balanced(
    labels: Literal["drawn", "balanced"], classes: int | None, seeds: Sequence[int], places: Sequence[int]
) -> dict[str, list[int]]:
    """Balanced labels of a set's images, as strata; nothing where labels are drawn, which leaves images independent."""
    if labels == "drawn" or classes is None or classes < 2:
        return {}
    return {"strata": choose(seeds, places, classes, how="balanced", what="label").tolist()}


@dataclass(kw_only=True)
class Network(ABC):
    """What the three share: latents and labels in, NCHW out, levels by the declared rule, and the checks.

    The fields are the parameters of `NetworkParameters`.
    """

    file: str
    latent: int | Sequence[int]
    distribution: Literal["normal", "uniform"] = "normal"
    truncation: float = 1.0
    range: tuple[float, float] | None = None
    quantise: Rule
    classes: int | None = None
    labels: Literal["drawn", "balanced"] = "drawn"
    label_form: Literal["index", "onehot"] = "index"

    def __post_init__(self) -> None:
        self._shape = (self.latent,) if isinstance(self.latent, int) else tuple(self.latent)
        self._range = None if self.range is None else (float(self.range[0]), float(self.range[1]))
        self._tested = 0  # images in the largest batch that was tested: 2 stands for all larger ones

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one image's latent."""
        return self._shape

    def unrounded(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Images float32 (n, H, W, C) of latents (n, …), on the scale 0 to 255 but neither rounded nor clipped.

        A network that gives uint8 itself has rounded already. `labels` (n,) where it takes classes.
        """
        import numpy as np

        inputs = [latents]
        if self.classes is not None:
            given = np.asarray(labels, np.int64)
            inputs.append(np.eye(self.classes, dtype=np.float32)[given] if self.label_form == "onehot" else given)
        images: np.ndarray = np.moveaxis(self._run(inputs).astype(np.float32), 1, -1)
        if self._range is None:
            return images
        low, high = self._range
        scaled: np.ndarray = (images - np.float32(low)) * np.float32(255.0 / (high - low))
        return scaled

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C), each from its seed alone; refused where labels are balanced."""
        return self._sample(seeds, None)

    def sample_at(self, seeds: Sequence[int], places: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C); balanced labels are those of the images' places in the set."""
        return self._sample(seeds, places)

    def groups(self, seeds: Sequence[int], places: Sequence[int]) -> dict[str, list[int]]:
        """Balanced labels as strata, see `harness.generators.labels`."""
        return balanced(self.labels, self.classes, seeds, places)

    def _sample(self, seeds: Sequence[int], places: Sequence[int] | None) -> np.ndarray:
        import numpy as np

        if not len(seeds):
            raise ValueError("`seeds` are none; the network alone knows the size of an image")
        inputs = [draw_latents(seeds, self._shape, distribution=self.distribution, truncation=self.truncation)]
        if self.classes is not None:
            labels = choose(seeds, places, self.classes, how=self.labels, what="label")
            one_hot = self.label_form == "onehot"
            inputs.append(np.eye(self.classes, dtype=np.float32)[labels] if one_hot else labels)
        images = self._images(inputs)
        if min(len(seeds), 2) > self._tested:  # an image alone has no neighbours to depend on
            self._check(inputs, images)
            self._tested = min(len(seeds), 2)
        return images

    def _images(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        import numpy as np

        given = self._run(inputs)
        n = len(inputs[0])
        if given.ndim != 4 or len(given) != n or given.shape[1] not in (1, 3):
            raise UsageError(
                f"{self.file} gives {given.shape} for {n} latents; ({n}, C, H, W) with C = 1 or 3 is needed"
            )
        try:
            return np.ascontiguousarray(np.moveaxis(to_levels(given, self._range, self.quantise), 1, -1))
        except UsageError as problem:
            raise UsageError(f"{self.file}: {problem}") from None

    def _check(self, inputs: Sequence[np.ndarray], images: np.ndarray) -> None:
        """Refuse a network whose image i depends on more than row i of its inputs."""
        alone = [self._images([rows[-1:] for rows in inputs]) for _ in range(2)]
        again = images if len(images) == 1 else self._images(inputs)
        if _differ(*alone) or _differ(again, images):
            raise UsageError(
                f"{self.file} gives different images for the same latent: it is random beyond the "
                "seeds set here; export it with constant noise, or make the noise part of the latent"
            )
        if _differ(alone[0], images[-1:]):
            raise UsageError(
                f"{self.file} gives a different image for the same latent in another batch: it depends "
                "on the batch, as batch norm in training mode does; export it in evaluation mode"
            )

    @abstractmethod
    def _run(self, inputs: Sequence[np.ndarray]) -> np.ndarray: ...


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    import numpy as np

    return one.shape != other.shape or int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max()) > TOLERANCE


def refusal(file: str, inputs: Sequence[np.ndarray], problem: Exception) -> UsageError:
    """The error for a network that fails on its inputs, by their shapes."""
    shapes = " and ".join(f"{name} {rows.shape}" for name, rows in zip(("latents", "labels"), inputs, strict=False))
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()] or [type(problem).__name__]
    return UsageError(f"{file} does not accept {shapes}: {lines[-1][:200]}; see `latent`, `classes` and `label_form`")
