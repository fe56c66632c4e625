"""Reads the published values of a protocol, and says everything that is wrong with a file of them at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.base import Document, Frozen, FrozenMapping, UsageError, read_yaml, unknown
from harness.benchmark import protocols

FOLDER = Path(__file__).parent
SUFFIXES = (".yaml", ".yml")
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

# What each metric must be told, and what it may be told besides. `n` is a seeded draw of so many rows of each set.
BALLS = (("k", "closed"), ("n",))
PARAMETERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fd": ((), ()),
    "sfid": ((), ()),
    "kid": (("subsets", "subset_size", "seed"), ()),
    "kid_spread": (("subsets", "subset_size", "seed"), ()),
    "is": (("splits",), ("order_seed",)),
    "is_spread": (("splits",), ("order_seed",)),
    "precision": BALLS,
    "recall": BALLS,
    "density": BALLS,
    "coverage": BALLS,
}
OF_ONE_SET = ("is", "is_spread")  # all others compare with a real set
OF_IMAGES = ("sfid", "is", "is_spread")  # another layer than the protocol's own: given features do not have it
Metric = Literal["fd", "sfid", "kid", "kid_spread", "is", "is_spread", "precision", "recall", "density", "coverage"]


class Draw(Frozen):
    """A subset without repeats: RandomState(seed).choice(size, n, replace=False), kept in the order of the whole."""

    n: Count
    seed: Annotated[int, Field(ge=0)]


class TorchvisionSet(Frozen):
    """A data set in torchvision's layout below the data folder; it checks the files' digests itself."""

    use: Literal["torchvision"]
    dataset: Literal["CIFAR10", "CIFAR100"]
    split: Literal["train", "test"]
    draw: Draw | None = None


class FileSet(Frozen):
    """A folder or file of images (or an npz of statistics) of this name in the data folder."""

    use: Literal["file"]
    file: str
    url: str | None = None


class NormalSet(Frozen):
    """Features drawn from N(0, I), (n, d) in float64."""

    use: Literal["normal"]
    n: Annotated[int, Field(ge=2)]
    d: Count
    seed: Annotated[int, Field(ge=0)]


class GaussianSet(Frozen):
    """No rows but a mean of `mean` in each of d coordinates, and the covariance I."""

    use: Literal["gaussian"]
    d: Count
    mean: Finite


Set = Annotated[TorchvisionSet | FileSet | NormalSet | GaussianSet, Field(discriminator="use")]


class Case(Frozen):
    """One published value, and how far ours may lie from it.

    `value` and `tolerance` in the unit of the metric; `because` says where the tolerance is from.
    """

    metric: Metric
    real: str | None = None
    fake: str
    parameters: FrozenMapping[int | bool] = Field(default_factory=dict)
    value: Finite
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    because: str
    source: str

    @property
    def words(self) -> str:
        """What was compared, as `fd of cifar10-test against cifar10-train`."""
        return f"{self.metric} of {self.fake}" + (f" against {self.real}" if self.real else "")


class Selftest(Frozen):
    """The published values of one protocol, and the sets that they are of.

    `random_weights` is for a file of one's own: values that one got with drawn weights, to see that they stay.
    """

    protocol: str
    random_weights: bool = False
    sets: FrozenMapping[Set]
    cases: Annotated[list[Case], Field(min_length=1)]


@cache
def names() -> tuple[str, ...]:
    """The protocols of which published values can be computed from public data, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load(name: str) -> Selftest:
    """The published values of a protocol, or those of a YAML file of the user's own.

    Raises UsageError for an unknown protocol, one without such values, and for everything wrong with the file.
    """
    if name.endswith(SUFFIXES):
        return _read(Path(name))
    if name not in names():
        protocols.load(name)  # a misspelt one is told as such
        raise UsageError(
            f"no value published for protocol {name} can be computed from public data alone; those of "
            f"{', '.join(names())} can. You can also give a FILE.yaml with your own values"
        )
    return _read(FOLDER / f"{name}.yaml")


def _read(path: Path) -> Selftest:
    document = read_yaml(path)
    found = document.check(Selftest, document.value)
    if found is not None:
        _consistent(document, found)
    if problems := document.lines():
        raise UsageError(problems)
    assert found is not None
    return found


def _consistent(document: Document, found: Selftest) -> None:
    if found.protocol not in protocols.names():
        document.complain(("protocol",), unknown("protocol", found.protocol, protocols.names()))
    for i, case in enumerate(found.cases):
        if (case.real is None) != (case.metric in OF_ONE_SET):
            needs = "is of one set, `fake`; leave `real` out" if case.real else "needs a `real` set"
            document.complain(("cases", i), f"`{case.metric}` {needs}")
        for role in ("real", "fake"):
            name = getattr(case, role)
            if name is not None and name not in found.sets:
                document.complain(("cases", i, role), unknown("set", name, found.sets))
            elif name is not None and (problem := _unfit(case.metric, found.sets[name])):
                document.complain(("cases", i, role), f"`{case.metric}` {problem}")
        _check_parameters(document, i, case)


def _check_parameters(document: Document, i: int, case: Case) -> None:
    needed, allowed = PARAMETERS[case.metric]
    for name, value in case.parameters.items():
        place = ("cases", i, "parameters", name)
        if name not in (*needed, *allowed):
            document.complain(place, unknown(f"parameter of {case.metric}", name, (*needed, *allowed)))
        elif isinstance(value, bool) != (name == "closed"):
            rule = "true or false" if name == "closed" else "a whole number"
            document.complain(place, f"`{name}` is {str(value).lower()}; it must be {rule}")
        elif not isinstance(value, bool) and value < (0 if name.endswith("seed") else 1):
            document.complain(place, f"`{name}` is {value}; that is too small")
    if missing := [name for name in needed if name not in case.parameters]:
        document.complain(("cases", i), f"`{case.metric}` needs `parameters` {', '.join(missing)}")


def _unfit(metric: str, given: Any) -> str:
    """Why a metric cannot be computed of such a set, or ""."""
    if isinstance(given, GaussianSet) and metric != "fd":
        return "needs rows; a `gaussian` set has a mean and a covariance only"
    if isinstance(given, NormalSet) and metric in OF_IMAGES:
        return "needs images; a `normal` set has features only"
    return ""
