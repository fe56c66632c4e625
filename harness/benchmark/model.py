"""One YAML file → one frozen Benchmark and its cells; whatever is wrong with the file is said in one go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from harness.base import (
    NAME,
    NAME_RULE,
    RANDOM,
    Cell,
    Document,
    Frozen,
    FrozenMapping,
    Reference,
    Seed,
    Target,
    UsageError,
    did_you_mean,
    found,
    holds_secret,
    read_yaml,
    unknown,
)
from harness.benchmark import datasets as pinned
from harness.benchmark import reading, sweeps
from harness.benchmark.audit import Audit, ImageCount
from harness.benchmark.checks import check
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import EncoderEntry, GeneratorEntry, MetricEntry
from harness.benchmark.parts import Parts
from harness.images import Preprocessing, recipes


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f"{found(text)}; {NAME_RULE}")
    return text


def _no_repeats(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if repeated := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise ValueError(f"repeated: {', '.join(map(str, repeated))}; the same seed gives the same images")
    return seeds


def _level(level: float) -> float:
    if not 0.5 <= level <= 0.999:
        percent = f"; did you mean {level / 100:g}?" if 50 <= level < 100 else ";"
        raise ValueError(f"found {level:g}{percent} 0.5 to 0.999 is allowed")
    return level


Name = Annotated[str, AfterValidator(_name)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, min_length=1), AfterValidator(_no_repeats)]


class Interval(Frozen):
    """What the intervals promise: how often they cover, which number, and whether the real set is a random sample."""

    level: Annotated[float, AfterValidator(_level)] = Field(default=0.95, description="confidence level, 0.5 to 0.999")
    target: Target = Field(
        default="T_N",
        description="T_N: expected value at n_real and n_fake images; T_inf: population value, without that bias",
    )
    reference: Reference = Field(
        default="random", description="treat the real set as one random sample (random), or as the whole truth (fixed)"
    )
    replicates: Annotated[int, Field(ge=50)] = Field(
        default=200, description="half-samples for metrics without an influence function"
    )


class Numerics(Frozen):
    """Other computations under which each generator's first image set and the reference are encoded once more."""

    batch_sizes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1)] = Field(
        description="batch sizes of the encoder to compare with batch_size"
    )


class RankBy(Frozen):
    """The metric and the encoder that order the leaderboard."""

    metric: str = Field(description="a name under metrics")
    encoder: str = Field(description="a name under encoders")


class Benchmark(Frozen):
    """Everything that decides the numbers of a benchmark, defaults filled in."""

    name: Name = Field(description="name of the benchmark; results go to results/<name>")
    description: str = Field("", description="free text, shown in the report")
    seed: Seed = Field(description="seed for everything random; all other seeds derive from it")
    dataset: str = Field(description="a name in datasets.yaml")
    reference_split: str = Field(
        "reference", description="split of the dataset that generated images are compared with"
    )
    training_split: str = Field("train", description="split of the dataset that generators are trained on")
    n_real: ImageCount = Field(description="number of real images per image set")
    n_fake: ImageCount = Field(description="number of generated images per image set")
    batch_size: Annotated[int, Field(ge=1)] = Field(64, description="images per forward pass of an encoder")
    preprocessing: Preprocessing = Field(description="the name of a recipe or a mapping of steps")
    encoders: FrozenMapping[EncoderEntry] = Field(
        description="encoders by name: built-in, {preset: …}, {protocol: …} or {use: module:thing}"
    )
    generators: FrozenMapping[GeneratorEntry] = Field(
        description="generators by name: built-in, folders and files of images, network files, or {use: module:thing}"
    )
    training_seeds: Seeds = Field((0,), description="a generator that is trained here is trained once per seed")
    sampling_seeds: Seeds = Field((0,), description="each trained generator is sampled once per seed")
    metrics: FrozenMapping[MetricEntry] = Field(
        description="metrics by name, with their parameters, or sets of them: core, dgm-eval, adm, all"
    )
    interval: Interval = Field(Interval(), description="what the confidence intervals promise")
    audit: Audit | None = Field(
        default=None, description="variants for `harness audit`, such as {jpeg: [90, 75], resize: [pillow lanczos]}"
    )
    sweep: sweeps.Sweep | None = Field(
        None, description="one generator per value, such as {generators: {ddpm: {steps: [1, 10]}}, n_fake: [100]}"
    )
    numerics: Numerics | None = Field(
        None, description="measure the effect of the batch size, such as {batch_sizes: [1, 7]}"
    )
    rank_by: RankBy = Field(description="{metric: …, encoder: …} that order the leaderboard")
    data: PinnedDataset
    folder: Path
    left_out: FrozenMapping[str] = Field(default_factory=dict, exclude=True)

    def cells(self) -> tuple[Cell, ...]:
        """Every combination that is scored: generators × training seeds × sampling seeds × encoders, in that order."""
        return tuple(self._cells())

    def training_seeds_of(self, generator: str) -> tuple[int | None, ...]:
        """The training seeds of a generator; (None,) where nothing is trained."""
        return self.training_seeds if self.generators[generator].trained else (None,)

    def sampling_seeds_of(self, generator: str) -> tuple[int, ...]:
        """The sampling seeds of a generator: of a finite pool as many as it has disjoint blocks of `n_fake` images."""
        pool = self.pool(generator)
        return self.sampling_seeds if pool is None else self.sampling_seeds[: pool // self.n_fake]

    def pool(self, generator: str) -> int | None:
        """How many images a generator has to show; None where it can make any number."""
        return self.generators[generator].pool

    def is_control(self, generator: str) -> bool:
        """Whether a generator is there for its known answer and takes no rank from the others.

        A benchmark of controls alone is about them: none of them counts as one then.
        """
        controls = {name for name, entry in self.generators.items() if entry.component.control}
        return generator in controls and len(controls) < len(self.generators)

    def recipe(self, encoder: str) -> Preprocessing:
        """What an encoder's images go through: its own recipe, or else the benchmark's."""
        return self.encoders[encoder].preprocessing or self.preprocessing

    def lower_is_better(self, metric: str) -> bool:
        """Whether small values of a metric are good."""
        return self.metrics[metric].better == "lower"

    def metrics_of(self, encoder: str) -> tuple[str, ...]:
        """The metrics that are computed under an encoder, in their order."""
        named = {name: metric.encoders for name, metric in self.metrics.items()}
        return tuple(name for name, encoders in named.items() if encoders is None or encoder in encoders)

    def is_random(self, encoder: str) -> bool:
        """Whether an encoder's weights were never trained."""
        entry = self.encoders[encoder]
        return entry.component.random or entry.parameters.get("weights") == RANDOM

    def resolved(self) -> dict[str, Any]:
        """The declaration as JSON, defaults filled in and the dataset's pins included; no path of this machine."""
        # Left out where it is not asked for: it decides no value.
        hidden = {"data", "folder"}
        hidden |= {name for name in ("numerics", "sweep") if getattr(self, name) is None}
        return {**self.model_dump(mode="json", exclude=hidden), "data": self.data.resolved()}

    def _cells(self) -> Iterator[Cell]:
        for generator in self.generators:
            for training_seed in self.training_seeds_of(generator):
                for sampling_seed in self.sampling_seeds_of(generator):
                    for encoder in self.encoders:
                        yield Cell(
                            self.dataset,
                            self.reference_split,
                            generator,
                            training_seed,
                            sampling_seed,
                            self.recipe(encoder).label,
                            encoder,
                        )


def load(path: str | Path) -> Benchmark:
    """The benchmark that a YAML file declares, checked against its datasets.yaml and against the files it names.

    Raises UsageError with every problem, each as `file:line:column: key: what was found, what is allowed`.
    """
    path = Path(path)
    document = read_yaml(path)
    return made_of(document, path.parent.absolute(), *_data(document, path.parent))


def made_of(
    document: Document, folder: Path, catalogue: pinned.Catalogue | None, data: PinnedDataset | None
) -> Benchmark:
    """The benchmark that a document declares, of a YAML file in `folder`, with its dataset; raises UsageError."""
    own = [key for key in Benchmark.model_fields if key not in ("data", "folder", "left_out")]
    for key in document.value:
        if key not in (*own, "datasets"):
            text = f"unknown key{did_you_mean(key, [*own, 'datasets'])} Allowed: {', '.join([*own, 'datasets'])}"
            document.complain((key,), text, key=True)
    _refuse_secrets(document)
    fields = {key: document.value[key] for key in own if key in document.value}
    if "preprocessing" in fields:
        fields["preprocessing"] = recipes.declared(document, fields["preprocessing"], ("preprocessing",))
    fields |= reading.read_all(document, data, folder)
    # A part that could not be made has its reasons noted already.
    fields = {key: value for key, value in fields.items() if value is not None or document.sound(key)}
    placeholder = data or PinnedDataset.model_construct()
    benchmark = document.check(Benchmark, {**fields, "data": placeholder, "folder": folder})
    check(Parts(document, data, fields, folder))
    if benchmark is not None:
        sweeps.check(document, benchmark.sweep, benchmark.n_fake)
    problems = [*document.lines(), *(catalogue.document.lines() if catalogue else [])]
    if problems:
        raise UsageError(problems)
    assert benchmark is not None
    return benchmark


# Keys that hold nothing else; `token` alone is a word of prompts too.
_SECRET_KEYS = ("password", "passwd", "secret", "api_key", "apikey", "access_token", "auth_token", "hf_token")


def _refuse_secrets(document: Document) -> None:
    """Note secrets: what a benchmark declares goes to the lock, to Records and to MLflow, which others read."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), document.value)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*place, str(key)), part) for key, part in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, i), part) for i, part in enumerate(value)]
        elif isinstance(value, str) and (holds_secret(value) or (value and str(place[-1]).lower() in _SECRET_KEYS)):
            text = "looks like a secret, and would go into every record; let your code read it from the environment"
            document.complain(place, text, key=True)


def _data(document: Document, folder: Path) -> tuple[pinned.Catalogue | None, PinnedDataset | None]:
    name, chosen = document.value.get("dataset"), document.value.get("datasets")
    if chosen is not None and not isinstance(chosen, str):
        document.complain(("datasets",), f"{found(chosen)}; expected the path of a datasets.yaml")
        return None, None
    path = folder / chosen if chosen else pinned.nearest(folder)
    try:
        catalogue = pinned.load(path or pinned.EMBEDDED)
    except UsageError as problem:
        for line in problem.problems:
            document.complain(("datasets",) if chosen else ("dataset",), line)
        return None, None
    if not isinstance(name, str):
        return catalogue, None
    if name not in catalogue.names and path is None:
        text = f"{found(name)}, but there is no datasets.yaml beside this file or in a folder above it"
        document.complain(("dataset",), f"{text}; without one: {', '.join(catalogue.names)}")
    elif name not in catalogue.names:
        document.complain(("dataset",), unknown("dataset", name, catalogue.names, place=str(path)))
    data = catalogue.datasets.get(name)
    if data is not None:
        pinned.check_files(catalogue.document, data)
    return catalogue, data
