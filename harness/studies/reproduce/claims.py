"""A claims file: what was published, under which conditions, and what of that nobody said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from harness.base import Document, Frozen, UsageError, did_you_mean, found, read_yaml, unknown
from harness.benchmark import Name, protocols

FOLDER = Path(__file__).parent

Metric = Literal[
    "fid", "sfid", "kid", "mmd", "fd", "kd", "inception_score", "precision", "recall", "density", "coverage", "fdr6"
]
HIGHER_IS_BETTER = ("inception_score", "precision", "recall", "density", "coverage")
# The part of a protocol that a metric's value depends on besides the features.
PART: Mapping[str, str] = {
    "fid": "fid",
    "fd": "fid",
    "sfid": "sfid",
    "kid": "kid",
    "kd": "kid",
    "mmd": "mmd",
    "inception_score": "inception_score",
    "precision": "precision_recall",
    "recall": "precision_recall",
    "density": "density_coverage",
    "coverage": "density_coverage",
    "fdr6": "average",
}
Selection = Literal["single", "mean", "best_of_three", "minimum_over_checkpoints", "unknown"]
BOUNDS = {"<": "below", "≤": "below", "<=": "below", ">": "above", "≥": "above", ">=": "above"}
NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
VALUE = re.compile(r"(<=|>=|[<>≤≥])?\s*(" + NUMBER.pattern + r")", re.ASCII)
MOST_DIGITS, MOST_EXPONENT = 40, 99  # of a number that somebody has printed


def _protocol_name(name: str) -> str:
    if name not in protocols.names():
        raise ValueError(unknown("protocol", name, protocols.names()))
    return name


Count = Annotated[int, Field(ge=1)]


class Facts(Frozen):
    """The conditions of a number; None is a fact that the source does not give.

    protocol         a name that `harness list protocols` shows
    pipeline         instead: the words for a pipeline that is no such protocol, the same words for the same pipeline
    n_real           of the reference; `all` is the whole split
    whole_split      whether a counted n_real is the whole split, where that is known
    selection        single: one evaluation; mean: of `seeds` evaluations; best_of_three: the best of three, as some
                     papers report; minimum_over_checkpoints: the best of an unsaid number; unknown
    constants        of an average over encoders: those that are not the protocol's, `{fdr6-mae: 0.0412}`
    images           a name for the very images that were scored: numbers that share it share their sampling noise
    inferred         facts among these that were read out of the context and not out of the source
    """

    metric: Metric | None = None
    protocol: Annotated[str, AfterValidator(_protocol_name)] | None = None
    pipeline: str | None = None
    dataset: str | None = None
    resolution: Count | None = None
    reference_split: str | None = None
    n_real: Count | Literal["all"] | None = None
    whole_split: bool | None = None
    n_fake: Count | None = None
    selection: Selection | None = None
    seeds: Count | None = None
    constants: Mapping[str, float] | None = None
    images: str | None = None
    inferred: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def divided_by(self) -> dict[str, float]:
        """The constant of each encoder of an average, as far as it is known; empty for any other number."""
        own = protocols.load(self.protocol).constants if self.protocol is not None else {}
        return {**own, **(self.constants or {})}

    @property
    def lower_is_better(self) -> bool:
        """Whether small values of the metric are good."""
        return self.metric not in HIGHER_IS_BETTER


class Pointer(Frozen):
    """A finished run that measured the model: `generator` and `metric` as that run calls them.

    `out` is its folder, relative to the claims file; without one `harness reproduce --out` says where to look.
    `retrained`: ours are other checkpoints of the method, so that the scatter of training seeds counts.
    `same`: facts that the run calls otherwise than the claim (`score` calls its data set `real`) and that are the same.
    """

    generator: str
    metric: str
    encoder: str | None = None
    out: str | None = None
    retrained: bool = False
    same: tuple[Literal["dataset", "reference_split", "resolution"], ...] = Field(default=(), strict=False)


class Claim(Facts):
    """One published number. Two claims with the same `model` are about the same checkpoint or the same image set.

    value, bound  the number as printed; `bound` is "below" for "< 2.0"
    decimals      how many were printed: half a unit in the last place is allowed for rounding
    std           the spread that was printed beside it; `std_of` says of what: only that of runs is noise of the value
    """

    id: Name
    model: str
    metric: Metric
    value: float
    decimals: Annotated[int, Field(ge=0)]
    bound: Literal["below", "above"] | None = None
    std: Annotated[float, Field(ge=0)] | None = None
    std_decimals: Annotated[int, Field(ge=0)] | None = None
    std_of: Literal["runs", "splits", "subsets"] = "runs"
    source: Annotated[str, Field(min_length=1)]
    note: str = ""
    ours: Pointer | None = None
    where: str = Field(default="", description="file:line of the claim")

    @property
    def rounding(self) -> float:
        """Half a unit in the last printed place."""
        return 0.0 if self.bound else 0.5 * 10.0**-self.decimals

    @property
    def spelled(self) -> str:
        """The number as it was printed."""
        sign = {"below": "< ", "above": "> ", None: ""}[self.bound]
        spread = "" if self.std is None else f" ± {self.std:.{self.std_decimals or 0}f}"
        return f"{sign}{self.value:.{self.decimals}f}{spread}"


class ClaimsFile(Frozen):
    """The claims of one file, in its order."""

    title: str
    note: str = ""
    claims: tuple[Claim, ...]
    folder: Path


OWN = ("title", "note", "common", "claims")
DERIVED = ("where", "std_decimals")


@cache
def names() -> tuple[str, ...]:
    """The claims files that the package ships, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def shipped(path: Path) -> bool:
    """Whether a claims file is one of the package's own."""
    return path.stem in names() and path == path_of(path.stem)


def path_of(name: str) -> Path:
    """The file that a path or the name of a shipped file means; UsageError where there is none."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    if name not in names():
        raise UsageError(unknown("claims file", name, names()) + "; or give the path of a .yaml file")
    return FOLDER / f"{name}.yaml"


def load(path: Path) -> ClaimsFile:
    """The claims of a YAML file; what stands under `common` counts for every claim that does not say otherwise.

    Raises UsageError with every problem, each as `file:line:column: key: what was found, what is allowed`.
    """
    document = read_yaml(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    for key in document.value:
        if key not in OWN:
            document.complain((key,), f"unknown key{did_you_mean(key, OWN)} Allowed: {', '.join(OWN)}", key=True)
    common = document.value.get("common", {})
    document.check(Facts, common, ("common",))
    if not isinstance(common, Mapping):
        common = {}
    claims: list[Claim] = []
    rows = document.value.get("claims")
    if not isinstance(rows, list) or not rows:
        document.complain(("claims",), f"{found(rows)}; expected a list of at least one claim", key=True)
        rows = []
    for number, row in enumerate(rows):
        claim = _claim(document, lines, number, row, common)
        if claim is not None:
            claims.append(claim)
    _no_repeated_ids(document, rows)
    fields = {key: document.value[key] for key in ("title", "note") if key in document.value}
    made = document.check(ClaimsFile, {**fields, "claims": tuple(claims), "folder": path.parent})
    if problems := document.lines():
        raise UsageError(problems)
    assert made is not None
    return made


def _claim(document: Document, lines: list[str], number: int, row: Any, common: Mapping[str, Any]) -> Claim | None:
    at = ("claims", number)
    if not isinstance(row, Mapping):
        document.complain(at, f"{found(row)}; expected a mapping of keys")
        return None
    for key in DERIVED:
        if key in row:
            document.complain((*at, key), "this is read from the printed number; leave it out", key=True)
    # A claim that names its own pipeline takes nothing of the common one.
    taken = {
        key: value
        for key, value in common.items()
        if key not in row and not (key in ("protocol", "pipeline") and {"protocol", "pipeline"} & set(row))
    }
    fields = {**taken, **{key: value for key, value in row.items() if key not in DERIVED}}
    fields["where"] = document.where(*at)
    for key, decimals in (("value", "decimals"), ("std", "std_decimals")):
        if row.get(key) is None:
            continue
        read_off = printed_number(_printed(document, lines, (*at, key), row[key]))
        if read_off is None or (key == "std" and read_off[0]):
            document.complain((*at, key), f"{found(row[key])}; expected a number as it was printed, such as 7.40")
            continue
        sign, fields[key], places = read_off
        fields.setdefault(decimals, places)
        if sign:
            fields.setdefault("bound", BOUNDS[sign])
    if "value" in fields and not document.sound(*at, "value"):
        fields |= {"value": 0.0, "decimals": 0}  # said already; the other keys are still checked
    # What is wrong under `common` was said there: it is neither missing here nor wrong once more for each claim.
    spoilt = {key for key in taken if key not in Facts.model_fields or not document.sound("common", key)}
    fields = {key: value for key, value in fields.items() if key not in spoilt}
    if "metric" in spoilt:
        fields["metric"] = "fid"  # stands in until it is mended, so that the other keys are still checked
    claim = document.check(Claim, fields, at)
    if claim is not None and not spoilt:
        _check_together(document, at, claim)
    return claim


def _check_together(document: Document, at: tuple[str, int], claim: Claim) -> None:
    if claim.protocol is not None and claim.pipeline is not None:
        document.complain((*at, "pipeline"), "a protocol is also given; keep one", key=True)
    if claim.protocol is not None and not getattr(protocols.load(claim.protocol), PART[claim.metric]):
        text = f"the protocol '{claim.protocol}' has no {PART[claim.metric]}, so it cannot have made a {claim.metric}"
        document.complain((*at, "protocol"), text)
    if claim.constants is not None:
        known = protocols.load(claim.protocol).constants if claim.protocol else {}
        for name, value in claim.constants.items():
            if known and name not in known:
                document.complain((*at, "constants"), unknown("encoder", name, known))
            elif not value > 0:
                document.complain((*at, "constants", name), f"found {value:g}; a constant is above 0")
        if claim.metric != "fdr6":
            document.complain(
                (*at, "constants"), f"found with {claim.metric}; only fdr6 is divided by constants", key=True
            )
    if claim.selection == "mean" and claim.seeds is None:
        document.complain((*at, "selection"), "found mean; `seeds`, the number of evaluations, is needed with it")
    if claim.std is not None and claim.std_of == "runs" and (claim.seeds or 0) < 2:
        document.complain((*at, "std"), "`seeds`, how many runs (at least 2) it is the spread of, is needed with it")
    if claim.n_real == "all" and claim.whole_split is False:
        document.complain((*at, "whole_split"), "found false, but `n_real` is all; leave one of them out")
    for name in claim.inferred:
        if name not in Facts.model_fields or name == "inferred":
            text = unknown("fact", name, [field for field in Facts.model_fields if field != "inferred"])
            document.complain((*at, "inferred"), text)


def _no_repeated_ids(document: Document, rows: list[Any]) -> None:
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        name = row.get("id") if isinstance(row, Mapping) else None
        if not isinstance(name, str):
            continue
        if name in first:
            where = document.where("claims", first[name], "id")
            document.complain(("claims", number, "id"), f"'{name}' is already at {where}; ids differ")
        first.setdefault(name, number)


def _printed(document: Document, lines: list[str], at: tuple[str | int, ...], value: Any) -> str:
    """The number as it stands in the file: YAML reads 7.40 as 7.4, and the last zero says how it was rounded."""
    if isinstance(value, str):
        return value.strip()
    line, column = document.places[at]
    text = NUMBER.match(lines[line - 1][column - 1 :])
    return text.group() if text else ""


def printed_number(text: str) -> tuple[str, float, int] | None:
    """The sign of a bound ("" for a value), the number, and its decimals; None for a text that is no such number."""
    parts = VALUE.fullmatch(text)
    exponent_of = re.search(r"[eE][-+]?0*(\d*)$", text)
    if parts is None or len(text) > MOST_DIGITS or (exponent_of and int(exponent_of[1] or 0) > MOST_EXPONENT):
        return None
    number = Decimal(parts.group(2).replace("_", ""))
    exponent = number.as_tuple().exponent
    return parts.group(1) or "", float(number), max(0, -exponent) if isinstance(exponent, int) else 0
