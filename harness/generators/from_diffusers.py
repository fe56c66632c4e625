"""Generators that are pipelines of the library diffusers, saved in a folder; nothing is downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.base import TORCH, Component, Count, Parameters, PathText, Quiet, UsageError
from harness.encoders import exact, needs
from harness.generators.latents import balanced, choose
from harness.generators.levels import Rule, to_levels

if TYPE_CHECKING:
    import numpy as np

Sampler = Literal["ddpm", "ddim", "dpm++", "ode"]


class DiffusersParameters(Parameters, Quiet):
    """Parameters of `diffusers`: a pipeline's folder; what is null of the next four is the pipeline's own.

    `steps`, `sampler`, `guidance` and `eta` have the names that they have in the toy `diffusion`, so that a sweep of
    that runs here: `sampler` replaces the pipeline's scheduler, its settings kept, by that of DDPM, DDIM, DPM-Solver++
    (2M) or, for the `ode`, Heun.

    `variant` is the word in the names of the weight files to read, as in `diffusion_pytorch_model.fp16.safetensors`;
    they are computed in float32 all the same.

    With `prompts`, a text file with one in each line, image i shows one of them, and the images of one prompt count as
    one cluster: intervals speak about other prompts of the same kind too. Where these prompts are all that is asked
    about, `groups: none` in the entry takes images with drawn prompts as independent, and `groups: strata` counts
    balanced ones as strata.

    With `classes`, for pipelines that are called with `class_labels`, an image shows one of so many, numbered from 0.
    """

    paths = ("folder", "prompts")
    quiet = ("variant", "sampler", "eta")
    folder: PathText
    steps: Count | None = None
    guidance: Annotated[float, Field(ge=0)] | None = None
    sampler: Sampler | None = None
    eta: Annotated[float, Field(ge=0, le=1)] | None = None
    quantise: Literal["round", "truncate", "adm"] = "round"
    prompts: PathText | None = None
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"
    variant: Annotated[str, Field(pattern=r"^\w+$")] | None = None

    @model_validator(mode="after")
    def _labels_of_something(self) -> DiffusersParameters:
        if self.prompts is not None and self.classes is not None:
            raise ValueError("found both `prompts` and `classes`; keep one")
        if self.prompts is None and self.classes is None and "labels" in self.model_fields_set:
            raise ValueError("`labels` assigns `prompts` or `classes`; add one of them or leave it out")
        return self

    @model_validator(mode="after")
    def _eta_of_ddim(self) -> DiffusersParameters:
        if self.eta is not None and self.sampler not in (None, "ddim"):
            raise ValueError(f"`eta` is for `sampler: ddim`; found `sampler: {self.sampler}`")
        return self


FACTS = Component(
    "generators",
    "diffusers",
    f"{__name__}:Diffusers",
    "a diffusers pipeline in a folder",
    DiffusersParameters,
    libraries=(*TORCH, "diffusers", "transformers"),
    sampling=("steps", "guidance", "sampler", "eta"),
)
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm": ("DDPMScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "ode": ("HeunDiscreteScheduler", {}),
}
DRIFT = 1.0  # mean level of 255 by which an image alone may differ from the same one in a batch: steps amplify rounding


class Diffusers:
    """The families of diffusion kind as they are published: unconditional, with classes, with prompts.

    A pipeline in a folder as `save_pretrained` writes it, in float32, each image's noise from its own seed.

    With `prompts`, a file with one prompt a line, an image shows the prompt that its seed draws, or with `labels:
    balanced` that of its place in the set; with `classes` the same of class labels 0 to classes - 1, as `class_labels`.
    Images of one prompt vary together, see `harness.generators.labels`.

    After the first images, `evaluations` says how many rows the denoising network was asked for an image: guidance by
    asking twice counts twice. `parameters` counts the weights of all its networks.
    """

    def __init__(
        self,
        *,
        folder: str,
        steps: int | None = None,
        guidance: float | None = None,
        sampler: Sampler | None = None,
        eta: float | None = None,
        quantise: Literal["round", "truncate", "adm"] = "round",
        prompts: str | None = None,
        classes: int | None = None,
        labels: Literal["drawn", "balanced"] = "drawn",
        variant: str | None = None,
    ) -> None:
        import torch

        library = needs("diffusers", "'.[generators]', or pip install diffusers transformers")
        _check_runs_no_code(Path(folder), library)
        library.utils.logging.disable_progress_bar()
        try:
            self._pipeline = library.DiffusionPipeline.from_pretrained(
                folder, torch_dtype=torch.float32, variant=variant, local_files_only=True, low_cpu_mem_usage=False
            )
        except Exception as problem:  # whatever the many pipelines raise on a folder that is not theirs
            lines = [line.strip() for line in str(problem).splitlines() if line.strip()] or [type(problem).__name__]
            held = _variants(Path(folder))
            hint = "" if variant in held or not held else f"; it holds the variant {', '.join(held)}: set `variant`"
            raise UsageError(f"{folder} does not load as a diffusers pipeline: {lines[0][:200]}{hint}") from problem
        self._pipeline.set_progress_bar_config(disable=True)
        if sampler is not None:
            self._reschedule(library, sampler, folder)
        self.parameters = _weights(self._pipeline)
        self._prompts = None if prompts is None else _lines(Path(prompts))
        self._classes = classes
        self._folder = folder
        self._quantise: Rule = quantise
        self._labels: Literal["drawn", "balanced"] = labels
        self._asked = {"num_inference_steps": steps, "guidance_scale": guidance, "eta": eta}
        self._tested = 0  # as in `networks`

    def _reschedule(self, library: Any, sampler: Sampler, folder: str) -> None:
        """Give the pipeline another scheduler with the settings of its own."""
        name, settings = SCHEDULERS[sampler]
        own = getattr(self._pipeline, "scheduler", None)
        known = [made.__name__ for made in getattr(own, "compatibles", ())]
        if own is None or name not in known:
            kind = "no scheduler" if own is None else f"a {type(own).__name__}, which {name} cannot stand for"
            raise UsageError(f"{folder}: {type(self._pipeline).__name__} has {kind}; leave `sampler` out")
        self._pipeline.scheduler = getattr(library, name).from_config(own.config, **settings)

    def to(self, device: str) -> None:
        """Compute on a device from now on; noise is drawn on the CPU all the same."""
        self._pipeline.to(device)

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C), each from its seed alone; refused where prompts or classes are balanced."""
        return self._sample(seeds, None)

    def sample_at(self, seeds: Sequence[int], places: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C); balanced prompts or classes are those of the images' places."""
        return self._sample(seeds, places)

    def groups(self, seeds: Sequence[int], places: Sequence[int]) -> Mapping[str, list[Any]]:
        """Images of one prompt as clusters, balanced classes as strata; nothing where all show the same prompt."""
        if self._prompts is None:
            return balanced(self._labels, self._classes, seeds, places)
        if len(set(self._prompts)) < 2:  # one prompt: whatever varies is not the prompt
            return {}
        rows = choose(seeds, places, len(self._prompts), how=self._labels, what="prompt")
        return {"clusters": [self._prompts[row] for row in rows]}

    def _sample(self, seeds: Sequence[int], places: Sequence[int] | None) -> np.ndarray:
        import numpy as np

        shown: dict[str, list[Any]] = {}
        if self._prompts is not None:
            rows = choose(seeds, places, len(self._prompts), how=self._labels, what="prompt")
            shown = {"prompt": [self._prompts[row] for row in rows]}
        elif self._classes is not None:
            shown = {"class_labels": choose(seeds, places, self._classes, how=self._labels, what="label").tolist()}
        images = self._images(seeds, shown)
        if min(len(seeds), 2) > self._tested:
            alone = self._images(seeds[-1:], {name: values[-1:] for name, values in shown.items()})
            drift = float(np.abs(alone.astype(np.float64) - images[-1:]).mean())
            if drift > DRIFT:
                raise UsageError(
                    f"{self._folder}: an image changes by {drift:.3g} levels on average when generated alone; "
                    "this pipeline ignores the given random generators, or depends on the batch"
                )
            self._tested = min(len(seeds), 2)
        return images

    def _images(self, seeds: Sequence[int], shown: Mapping[str, list[Any]]) -> np.ndarray:
        import numpy as np
        import torch

        what: dict[str, Any] = dict(shown) or {"batch_size": len(seeds)}
        what |= {name: value for name, value in self._asked.items() if value is not None}
        asked: list[int] = []
        hook = _denoiser(self._pipeline)
        counting = hook.register_forward_hook(_counted(asked), with_kwargs=True) if hook is not None else None
        noise = [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds]
        try:
            with exact(), torch.inference_mode():
                made = self._pipeline(**what, generator=noise, output_type="np")
        except (TypeError, ValueError) as problem:
            name = type(self._pipeline).__name__
            raise UsageError(
                f"{self._folder}: {name} does not accept {', '.join(what)}: {problem}; see `prompts`, "
                "`classes`, `steps`, `guidance`, `sampler` and `eta`"
            ) from problem
        finally:
            if counting is not None:
                counting.remove()
        if asked:
            self.evaluations = round(sum(asked) / len(seeds))
        if getattr(made, "images", None) is None:
            raise UsageError(f"{self._folder}: {type(self._pipeline).__name__} gives no images (a video pipeline?)")
        if any(getattr(made, "nsfw_content_detected", None) or []):
            raise UsageError(
                f"{self._folder}: its safety checker blackened images; set safety_checker to "
                "[null, null] in its model_index.json to score the pipeline without it"
            )
        try:
            return to_levels(np.asarray(made.images), (0.0, 1.0), self._quantise)
        except UsageError as problem:
            raise UsageError(f"{self._folder}: {problem}") from None


def _denoiser(pipeline: Any) -> Any:
    """The network that is asked in every step: `unet`, `transformer` or `prior`; None where it has another name."""
    found = (getattr(pipeline, name, None) for name in ("unet", "transformer", "prior"))
    return next((network for network in found if hasattr(network, "register_forward_hook")), None)


def _counted(asked: list[int]) -> Callable[..., None]:
    def hook(network: Any, given: Sequence[Any], named: Mapping[str, Any], answer: Any) -> None:
        rows = given[0] if given else next(iter(named.values()))
        asked.append(len(rows))

    return hook


def _weights(pipeline: Any) -> int:
    parts = [part for part in getattr(pipeline, "components", {}).values() if hasattr(part, "parameters")]
    return sum(int(weights.numel()) for part in parts for weights in part.parameters())


def _check_runs_no_code(folder: Path, library: Any) -> None:
    """Refuse a pipeline whose folder brings Python along, which diffusers would import, or names other libraries.

    A folder that was downloaded is data; code of one's own is a generator `module:thing`.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        parts = {name: value for name, value in index.items() if isinstance(value, list) and name[:1] != "_"}
        custom = not isinstance(index.get("_class_name"), str)
        named = {str(value[0]) for value in parts.values() if value and value[0] is not None}
    except (OSError, ValueError, AttributeError):
        return  # diffusers says what is wrong with it
    code = [file for place in (folder, *(folder / name for name in parts)) for file in sorted(place.glob("*.py"))]
    if code or custom:
        what = f"contains Python code ({code[0].relative_to(folder)})" if code else "names a custom class"
        raise UsageError(
            f"{folder}: {what}, which would run; remove it if not needed, or write your own generator "
            "module:thing that imports it"
        )
    known = {"diffusers", "transformers"}
    if strange := sorted(name for name in named - known if not hasattr(library.pipelines, name)):
        raise UsageError(f"{folder}: model_index.json takes parts from {', '.join(strange)}, not from diffusers")


def _variants(folder: Path) -> list[str]:
    """Variants of the weight files in a pipeline's folder, sorted: fp16 of model.fp16-00001-of-00002.safetensors."""
    names = (file.name for file in folder.rglob("*") if file.suffix in (".safetensors", ".bin"))
    found = (re.fullmatch(r"\w+\.(\w+)(-\d+-of-\d+)?\.(safetensors|bin)", name) for name in names)
    return sorted({match[1] for match in found if match})


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path} cannot be read as prompts: {problem}") from problem
    if not any(lines):
        raise UsageError(f"{path} holds no prompt; expected one per line")
    return [line for line in lines if line]
