"""What is known of a component before it is imported, and the types that parameters share.

Facts and parameters stand in the files of the components. They count in keys by their values, so a source that imports
this file does not hang on it: a fact more is no reason to encode a million images again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
)
from pydantic_core import CoreSchema, core_schema

from harness.base.words import found

DECIDES_NO_RESULT = True  # read by `harness.base.doors.inert`
Kind = Literal["generators", "encoders", "metrics", "datasets"]


def _no_class_twice(classes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(classes)) < len(classes):
        raise ValueError(f"found {list(classes)}; a class is named twice")
    return classes


def _path_or_paths(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    wrong = [path for path in listed if not (isinstance(path, str) and path)]
    if wrong or not listed:
        what = found(value) if not listed or wrong == [value] else f"{found(wrong[0])} in the list"
        raise ValueError(f"{what}; expected a path, a brace pattern such as part-{{000..012}}.tar, or a list of them")
    return value if isinstance(value, str) else tuple(value)


RANDOM = "random"  # instead of a weight file
FILE = "file"  # a weight file of the user's own, instead of a registered one
KINDS: tuple[Kind, ...] = ("generators", "encoders", "metrics", "datasets")
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
ShortSeed = Annotated[int, Strict(), Field(ge=0, lt=2**32)]  # what numpy's RandomState takes
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Row = Annotated[int, Strict(), Field(ge=0)]
Classes = Annotated[tuple[Row, ...], Field(strict=False, min_length=1), AfterValidator(_no_class_twice)]
# One message for both forms, where a union would tell of each by itself.
Paths = Annotated[Any, AfterValidator(_path_or_paths)]

# Distributions whose version can change what a component yields.
ARRAYS = ("numpy", "scipy")
SKLEARN = (*ARRAYS, "scikit-learn")
TORCH = ("numpy", "torch")
VISION = (*TORCH, "torchvision")
FILES = ("numpy", "pillow")


Count = Annotated[int, Field(ge=1)]

PathText = Annotated[str, Field(min_length=1)]


class Quiet(BaseModel):
    """A model whose JSON leaves the keys of `quiet` out where they have their defaults.

    A key that came later changes nothing, no digest and no record, of who does not use it.
    """

    quiet: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_quiet_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unused = [name for name in self.quiet if getattr(self, name) == fields[name].default]
        return {name: value for name, value in told.items() if name not in unused}


class Parameters(BaseModel):
    """What a built-in component can be given in the YAML.

    paths    parameters that are files or folders of the user's own: each counts by content, not by name
    onnx     those of the paths that are ONNX files: what lies beside them may be theirs too
    modules  parameters that are `module:thing`: the component is given the thing, and its source counts
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    paths: ClassVar[tuple[str, ...]] = ()
    onnx: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()


class Inference(Parameters, Quiet):
    """Parameters of an encoder that is a PyTorch network: the numbers that it computes in; features are float32."""

    quiet: ClassVar[tuple[str, ...]] = ("dtype",)
    dtype: Literal["float32", "bfloat16", "float16", "float64"] = "float32"


@dataclass(frozen=True, slots=True)
class Expects:
    """The images an encoder was made for; None where any will do."""

    range: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A name that a benchmark can use, and what is known about it before it is imported.

    target      "module:thing"
    parameters  model of its parameters; None for a user's own component, described by `takes` and `needs` instead
    takes       names of the keyword arguments of a user's component; None where its source does not tell
    libraries   distributions whose version can change the bytes it yields
    trained     a generator that learns from the training split, once per training seed
    sampling    names of its parameters that only sampling reads: cells that differ in them share one trained model
    pool        a generator with finitely many images: those of a `split`, of some `classes` of it, or its own `files`
    files       the container in which a component finds image files: a name of `images/formats`
    class_folders  its labels may be the folders that files lie in
    one_size    a generator that can learn from or spoil images of one size only
    control     a generator whose result is known beforehand: it shows real images, whole or spoilt
    absent      a dataset's "module:thing" that says what is missing of a split, from (parameters, split, folder)
    read_from   likewise, the files that a split is read from
    split       model of what a dataset's split is given beside its size and digest
    random      an encoder with random weights
    of_a_file   an encoder whose features are whatever the network in the user's file gives
    dim         features of an encoder that has no parameter `dim`; "pixels" where the image size decides
    layers      features of each value of an encoder's parameter `layer`
    per_image   why an encoder's features are the same bits in batches of any size; "" where they may not be
    weights     file in the package that holds an encoder's weights
    hangs_on    further "module:thing" that its results hang on
    registered  the registered weight file, with parameters in braces, of an encoder whose weights are not random
    """

    kind: Kind
    name: str
    target: str
    summary: str
    parameters: type[Parameters] | None = None
    takes: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    trained: bool = False
    sampling: tuple[str, ...] = ()
    pool: Literal["split", "classes", "files"] | None = None
    files: str | None = None
    class_folders: bool = False
    one_size: bool = False
    control: bool = False
    split: type[Parameters] | None = None
    absent: str | None = None
    read_from: str | None = None
    hangs_on: tuple[str, ...] = ()
    random: bool = False
    of_a_file: bool = False
    dim: int | Literal["pixels"] | None = None
    layers: tuple[tuple[str, int], ...] = ()
    expects: Expects | None = None
    per_image: str = ""
    weights: str | None = None
    registered: str | None = None
    origin: Literal["built-in", "entry point", "module"] = "built-in"

    @property
    def targets(self) -> tuple[str, ...]:
        """All that a component's results hang on besides its parameters: "module:thing" of each."""
        return (self.target, *self.hangs_on)

    def weight_file(self, parameters: Mapping[str, Any]) -> str | None:
        """The registered weight file that an encoder with these parameters needs; None for others."""
        if self.registered is None or parameters.get("weights") in (RANDOM, FILE):
            return None
        named = {**parameters, "reg": "_reg4" if parameters.get("registers") else ""}
        return self.registered.format(**named)

    def paths(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The parameters that are paths of the user's own and are given, as declared; images' paths are `files`."""
        names = self.parameters.paths if self.parameters else ()
        return {name: parameters[name] for name in names if parameters.get(name) is not None}

    def modules(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The parameters that are `module:thing` and are given, as declared."""
        names = self.parameters.modules if self.parameters else ()
        return {name: parameters[name] for name in names if parameters.get(name) is not None}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A field of this type takes an instance as it is; a schema of all the above would cost a tenth of a second."""
        return core_schema.is_instance_schema(cls)


class NoParameters(Parameters):
    """For what has nothing to choose."""


def imported(target: str) -> Any:
    """The object that a "module:thing" of the harness's own names, imported now."""
    module, _, thing = target.partition(":")
    return getattr(import_module(module), thing)
