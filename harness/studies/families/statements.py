"""The statements about families as data: `statements.yaml`, or a file of the user's in its form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.base import Frozen, FrozenMapping, UsageError, found, read_yaml

SHIPPED = Path(__file__).parent / "statements.yaml"
NAME = "families"  # of the shipped file, for `harness reproduce`
Axis = Literal["quality", "diversity", "stability", "speed"]
Drop = Literal["minimal", "moderate", "large"]


class Family(Frozen):
    """A family's adjectives; None is an axis on which nothing is said. `generator` is what stands for it in a run."""

    generator: str
    quality: str | None = None
    diversity: str | None = None
    stability: str | None = None
    speed: str | None = None
    likelihood: Literal["exact", "bound", "ode", "none"] | None = None


class Steps(Frozen):
    """What is said of a sampler at a number of steps: how much worse `cell` is than `against`."""

    says: str
    cell: str
    against: str
    drop: Drop


class Control(Frozen):
    """What is known of a control beforehand: how `cell`'s value of a metric lies to that of `against`."""

    says: str
    cell: str
    against: str
    metric: str
    is_: Literal["higher", "lower", "not lower", "same"] = Field(alias="is")


class Statements(Frozen):
    """The file: families with adjectives on ordered scales, sentences about steps, and what controls must show."""

    title: str
    source: str
    scales: FrozenMapping[tuple[str, ...]] = Field(strict=False)
    families: FrozenMapping[Family]
    steps: tuple[Steps, ...] = Field(default=(), strict=False)
    controls: tuple[Control, ...] = Field(default=(), strict=False)


def is_statements(path: Path) -> bool:
    """Whether a file has statements about families, and not claims of numbers."""
    return "families" in read_yaml(path).value


def load(path: Path = SHIPPED) -> Statements:
    """The statements of a YAML file. Raises UsageError with every problem and its place."""
    document = read_yaml(path)
    value = dict(document.value)
    scales = value.get("scales")
    if isinstance(scales, Mapping):
        value["scales"] = {axis: tuple(words) if isinstance(words, list) else words for axis, words in scales.items()}
    made = document.check(Statements, value)
    if made is not None:
        for name, family in made.families.items():
            for axis, scale in made.scales.items():
                word = getattr(family, axis, None)
                if word is not None and word not in scale:
                    document.complain(("families", name, axis), f"{found(word)}; the scale is {', '.join(scale)}")
    if problems := document.lines():
        raise UsageError(problems)
    assert made is not None
    return made
