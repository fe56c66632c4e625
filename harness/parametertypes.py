"""What the models of built-in components' parameters are made of."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
PathText = Annotated[str, Field(min_length=1)]


class Parameters(BaseModel):
    """What a built-in component can be given in the YAML.

    paths    parameters that are files or folders of the user's own: each counts by content, not by name
    modules  parameters that are `module:thing`: the component is given the thing, and its source counts
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    paths: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
