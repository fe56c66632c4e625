"""What the models of built-in components' parameters are made of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

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
    modules  parameters that are `module:thing`: the component is given the thing, and its source counts
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    paths: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()


class Inference(Parameters, Quiet):
    """Parameters of an encoder that is a PyTorch network: the numbers that it computes in; features are float32."""

    quiet = ("dtype",)
    dtype: Literal["float32", "bfloat16", "float16", "float64"] = "float32"
