"""What a benchmark asks for, as keys of the store: nothing is computed or imported here that a key does not need."""

from __future__ import annotations

import functools
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.base import UsageError, digest
from harness.benchmark import registry, trust
from harness.generators import GROUPS_FORMAT
from harness.images import preprocessing
from harness.pipeline.checked import Look, checked_parts, last_look, open_split, remember
from harness.pipeline.places import StorePlace, open_store
from harness.pipeline.planned import COPIES, FakeSet, Planned, PlannedSet, RealSet, plain
from harness.pipeline.store import Entry, Store

if TYPE_CHECKING:
    from harness.metrics import Processor

DEVICE = re.compile(r"auto|cpu|(cuda|mps|xpu)(:\d+)?")
# Part of every key of its kind. Raise one when the stage's own code changes what it makes.
FORMATS = {"images": 3, "features": 2, "scores": 3, "models": 1}


@dataclass(frozen=True)
class Plan(Planned):
    """A benchmark bound to a store. Picklable: every worker process gets its own copy."""

    store_root: StorePlace
    device: str = "auto"

    @cached_property
    def store(self) -> Store:
        """Where everything made is kept."""
        return open_store(self.store_root)

    def check_place(self) -> None:
        """Raise UsageError for a store that cannot be a folder, a device of no library, and code that may not run."""
        if not DEVICE.fullmatch(self.device):
            raise UsageError(f"--device {self.device}: unknown; use auto, cpu, cuda, cuda:1, mps or xpu")
        trust.check(self.benchmark)
        self.store.check_place()

    # ---------------------------------------------------------------- sent to where work runs

    @cached_property
    def name(self) -> str:
        """Tells this plan from any other, in whatever process it is."""
        return uuid.uuid4().hex

    def __getstate__(self) -> dict[str, Any]:
        here = ("store", "_encoders", "tested", "processor")  # of this process
        return {"name": self.name, **{key: value for key, value in self.__dict__.items() if key not in here}}

    def learn(self, other: Plan) -> None:
        """Take over what another copy of this plan knows by now."""
        self.__dict__.update(other.__getstate__())

    # ---------------------------------------------------------------- identities

    @cached_property
    def _identities(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {}

    def identity(self, kind: str, name: str) -> dict[str, Any]:
        """What decides the bytes of a generator, encoder or metric of this benchmark."""
        if (kind, name) not in self._identities:
            found = self._identity(kind, name)
            if kind == "encoders" and self.is_own(name):
                found["declared"] = None if name in self.unusable else self.own_identity(name)
            self._identities[kind, name] = found
        return self._identities[kind, name]

    @cached_property
    def _code(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {}

    def _identity(self, kind: str, name: str) -> dict[str, Any]:
        """The part of an identity that needs no import; the code of one component is read once for all its entries."""
        entry, folder = getattr(self.benchmark, kind)[name], self.benchmark.folder
        if (kind, entry.use) not in self._code:
            self._code[kind, entry.use] = registry.code(kind, entry.use, folder)
        return registry.identity(kind, entry.use, entry.parameters, folder, of_code=self._code[kind, entry.use])

    @cached_property
    def unusable(self) -> set[str]:
        """Encoders of the user's own that could not say what they are: nothing of theirs is in the store."""
        return set()

    def is_own(self, encoder: str) -> bool:
        """Whether an encoder is code of the user's own, which alone can say what it is."""
        return not registry.is_built_in("encoders", self.benchmark.encoders[encoder].use)

    def own_identity(self, encoder: str) -> Any:
        """What an encoder of the user's own says it is; UsageError where that is not JSON."""
        declared = self.encoder(encoder).identity
        if problem := _not_json(declared, "identity"):
            raise UsageError(
                f"encoder {encoder}: its `identity` must be JSON (text, numbers, true, false, null, lists, mappings), "
                f"to form a stable key; {problem}"
            )
        return plain(declared)

    def remember(self, encoder: str, declared: Any) -> None:
        """Take for known what an encoder of the user's own said it is, or, for None, that it could not say it."""
        if declared is None:
            self.unusable.add(encoder)
        self._identities["encoders", encoder] = {**self._identity("encoders", encoder), "declared": declared}
        self._feature_keys.clear()

    def component(self, kind: str, name: str) -> Any:
        """A generator, encoder or metric of this benchmark, made with its parameters."""
        entry = getattr(self.benchmark, kind)[name]
        return registry.make(kind, entry.use, entry.parameters, self.benchmark.folder)

    @cached_property
    def _encoders(self) -> dict[str, Any]:
        return {}

    @cached_property
    def tested(self) -> set[str]:
        """Encoders that were seen in this process to give an image one row."""
        return set()

    def encoder(self, name: str) -> Any:
        """The encoder, loaded once per process and moved to the device; kept until another one is asked for."""
        if name not in self._encoders:
            encoder = self.component("encoders", name)
            for attribute in ("identity", "dim", "encode"):
                if not hasattr(encoder, attribute):
                    raise UsageError(
                        f"encoder {name}: {self.benchmark.encoders[name].use} has no `{attribute}`; an encoder has "
                        "`identity`, `dim` and `encode(images)`"
                    )
            if hasattr(encoder, "to"):
                encoder.to(self.resolved_device)
            self._encoders.clear()  # units come encoder by encoder, and a large one is gigabytes
            self._encoders[name] = encoder
        return self._encoders[name]

    def device_of(self, name: str) -> str:
        """Where the encoder computes: an encoder that cannot be moved stays on the CPU."""
        return self.resolved_device if hasattr(self.encoder(name), "to") else "cpu"

    @cached_property
    def resolved_device(self) -> str:
        """The device that `auto` stands for here."""
        if self.device == "auto":
            import torch

            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.device

    @cached_property
    def processor(self) -> Processor:
        """What multiplies features in metrics, on the device that `--device` says."""
        from harness.pipeline.on_device import processor_of  # not for keys

        return processor_of(self.device)

    # ---------------------------------------------------------------- keys

    def image_key(self, source: PlannedSet) -> str:
        """The store's key for an image set, from its declaration alone."""
        split = source.split if isinstance(source, RealSet) else self.fit_split(source.generator)
        labels = self.labels_digest(split) if isinstance(source, FakeSet) or self.grouping(source) else None
        if (source, labels) not in self._image_keys:
            self._image_keys[source, labels] = self._image_key(source)
        return self._image_keys[source, labels]

    @cached_property
    def _image_keys(self) -> dict[tuple[PlannedSet, str | None], str]:
        return {}

    def _image_key(self, source: PlannedSet) -> str:
        benchmark = self.benchmark
        parts: dict[str, Any] = {"format": FORMATS["images"], "source": type(source).__name__}
        if isinstance(source, RealSet):
            parts |= {"split": self.split_digest(source.split), "n": source.n}
            if kind := self.grouping(source):
                parts |= {"groups": GROUPS_FORMAT, "grouping": kind, "labels": self.labels_digest(source.split)}
            if source.n is not None:
                parts["seed"] = benchmark.seed
        else:
            parts |= {
                "generator": self.identity("generators", source.generator),
                "fitted_on": self.split_digest(self.fit_split(source.generator)),
                "fitted_on_labels": self.labels_digest(self.fit_split(source.generator)),
                "seed": benchmark.seed,
                "training_seed": source.training_seed,
                **self._draw(source),
                "n": benchmark.n_fake,
                "batch_size": benchmark.batch_size,
            }
            if benchmark.generators[source.generator].grouping is not None:
                parts["groups"] = GROUPS_FORMAT  # said outside its own source; what has none keeps its key
        return digest(parts)

    def model_key(self, generator: str, training_seed: int | None) -> str:
        """The store's key for a trained model: what it is and learnt from, whatever only its sampling reads."""
        split = self.fit_split(generator)
        identity = self.identity("generators", generator)
        sampling = self.benchmark.generators[generator].component.sampling
        kept = {name: value for name, value in identity["parameters"].items() if name not in sampling}
        return digest(
            {
                "format": FORMATS["models"],
                "generator": {**identity, "parameters": kept},
                "fitted_on": self.split_digest(split),
                "fitted_on_labels": self.labels_digest(split),
                "seed": self.training_seed(generator, training_seed),
            }
        )

    def _draw(self, source: FakeSet) -> dict[str, int]:
        # A finite pool is cut into blocks, one per sampling seed: there the seed's position decides, not its value.
        if self.benchmark.pool(source.generator) is None:
            return {"sampling_seed": source.sampling_seed}
        return {"block": self.block(source)}

    def split_digest(self, split: str | None) -> str | None:
        """The pinned digest of a split's images."""
        return None if split is None else str(self.benchmark.data.splits[split].digest)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """What is known of the splits: filled by the stage `check`, else when first asked for."""
        return {}

    @property
    def unread_since(self) -> str | None:
        """When the splits that were not read whole now were read last, the earliest; None where all were."""
        return min((look.when for look in self.looks.values() if not look.new), default=None)

    def labels_digest(self, split: str | None) -> str | None:
        """The digest of a split's labels; None where it has none. A split that nobody has looked at is read whole."""
        if split is None:
            return None
        if split not in self.looks:
            data = self.benchmark.data
            found = last_look(self.store, data, split)
            if found is None:
                opened = open_split(data, split)
                for _ in checked_parts(data, split, opened):
                    pass
                found = remember(self.store, data, split, opened.labels)
            self.looks[split] = found
        return self.looks[split].labels

    def images(self, source: PlannedSet) -> Entry | None:
        """The stored image set."""
        return self.store.find("images", self.image_key(source))

    def feature_key(self, images: Entry, encoder: str) -> str:
        """The store's key for features: the images' content, the recipe, the encoder."""
        content = images.facts["content"]
        if (content, encoder) not in self._feature_keys:
            self._feature_keys[content, encoder] = self._feature_key(content, encoder)
        return self._feature_keys[content, encoder]

    @cached_property
    def _feature_keys(self) -> dict[tuple[str, str], str]:
        return {}

    def _feature_key(self, content: str, encoder: str) -> str:
        recipe = self.benchmark.recipe(encoder)
        return digest(
            {
                "format": FORMATS["features"],
                "images": content,
                "recipe": preprocessing.recipe_digest(recipe),
                "recipe_libraries": preprocessing.libraries(recipe),
                "encoder": self.identity("encoders", encoder),
                "batch_size": self.benchmark.batch_size,
            }
        )

    def features(self, source: PlannedSet, encoder: str) -> Entry | None:
        """The stored features."""
        if encoder in self.unusable:
            return None
        images = self.images(source)
        return None if images is None else self.store.find("features", self.feature_key(images, encoder))

    def groups(self, source: FakeSet) -> dict[str, Any]:
        """The digests of the groups of an image set and of the reference; empty where scores know of none."""
        found: dict[str, Any] = {}
        for side, images in (("real", self.images(self.reference)), ("fake", self.images(source))):
            if images is not None and (held := images.facts.get("groups")):
                found[side] = dict(held)
        reading = self.benchmark.generators[source.generator].groups
        if reading == "none":
            found.pop("fake", None)
        elif reading is not None:
            found["read_as"] = reading
        return found

    def score_key(
        self, real: Entry, fake: Entry, training: Entry | None, metric: str, groups: Mapping[str, Any]
    ) -> str:
        """The store's key for one metric of one pair of feature sets (`metric` "copies" is the harness's own check).

        `groups` are those of both sides.
        """
        return digest(
            {
                "format": FORMATS["scores"],
                "real": real.facts["content"],
                "fake": fake.facts["content"],
                "training": training.facts["content"] if training and self.trains(metric) else None,
                # Copies are told by the images as the encoder saw them, not by their features.
                "images": [real.facts["images"], fake.facts["images"]] if metric == COPIES else None,
                "metric": self.method(metric) | ({} if metric == COPIES else self.identity("metrics", metric)),
                "replicates": self.benchmark.interval.replicates,
                "seed": self.benchmark.seed,
                **({"groups": groups} if groups and metric != COPIES else {}),
            }
        )

    def method(self, metric: str) -> dict[str, Any]:
        """What of the harness itself decides a score: the analysis of the metric, and what all analyses go through."""
        if metric == COPIES:
            return {"statistics": statistics("harness.metrics.manifold.authenticity")}
        analysis = self.benchmark.metrics[metric].component.analysis.partition(":")[0]
        return {"statistics": statistics("harness.metrics.analyses", analysis)}

    def trains(self, *metrics: str) -> bool:
        """Whether one of the metrics, or the check for copies, reads the training split's features."""
        return any(metric == COPIES or self.benchmark.metrics[metric].component.trains for metric in metrics)

    def scores(self, source: FakeSet, encoder: str) -> dict[str, Entry | None]:
        """The stored score of every metric of the encoder, and of the check for copies (None: not made yet)."""
        return self._scores(source, encoder, self.score_names(encoder))

    def copies(self, source: FakeSet, encoder: str) -> Entry | None:
        """The stored check for copies."""
        return self._scores(source, encoder, (COPIES,))[COPIES]

    def _scores(self, source: FakeSet, encoder: str, metrics: Sequence[str]) -> dict[str, Entry | None]:
        keys = self._score_keys(source, encoder, metrics)
        return {metric: None if key is None else self.store.find("scores", key) for metric, key in keys.items()}

    def _score_keys(self, source: FakeSet, encoder: str, metrics: Sequence[str]) -> dict[str, str | None]:
        """The key of each score; None where the features that it is of are not there."""
        real = self.features(self.reference, encoder)
        fake = self.features(source, encoder)
        training = self.features(self.training, encoder) if self.training else None
        groups = self.groups(source)
        return {
            metric: None
            if real is None or fake is None or (self.training and training is None and self.trains(metric))
            else self.score_key(real, fake, training, metric, groups)
            for metric in metrics
        }

    def bring(self, sources: Sequence[PlannedSet], encoders: Sequence[str] = (), *, scores: bool = False) -> None:
        """Let the store bring what it has of image sets, of their features and scores, in few requests.

        For a store that is far; one in a folder of this machine does not even hear the keys.
        """
        store = self.store
        store.bring("images", (self.image_key(source) for source in sources))
        pairs = [(source, encoder) for encoder in encoders for source in sources]
        stored = ((self.images(source), encoder) for source, encoder in pairs if encoder not in self.unusable)
        store.bring("features", (self.feature_key(images, encoder) for images, encoder in stored if images))
        if scores:
            fakes = ((source, encoder) for source, encoder in pairs if isinstance(source, FakeSet))
            keys = (self._score_keys(source, encoder, self.score_names(encoder)) for source, encoder in fakes)
            store.bring("scores", (key for of_one in keys for key in of_one.values() if key is not None))


@functools.cache
def statistics(*modules: str) -> str:
    """The digest of the sources of modules that compute scores, and of all that they import."""
    # The table has a row of every metric: what counts of one row is its parameters and what it names.
    return registry.source_digest(modules, apart=("harness/metrics/table.py",))


def _not_json(value: Any, place: str) -> str | None:
    """Where something lies that JSON does not have, in words; None where nothing does."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return None
    if isinstance(value, Mapping):
        parts = [(f"{place}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{place}[{i}]", item) for i, item in enumerate(value)]
    else:
        return f"{place} is a {type(value).__name__}" + (f" ({value})" if isinstance(value, float) else "")
    return next((problem for name, item in parts if (problem := _not_json(item, name))), None)


def _pins(plan: Plan, split: str) -> dict[str, Any]:
    pinned = plan.benchmark.data.splits[split]
    labels = plan.labels_digest(split) if split in plan.splits else None
    return {"size": pinned.size, "digest": pinned.digest, **({"labels_digest": labels} if labels else {})}


def declared(plan: Plan) -> dict[str, Any]:
    """The part of the lock that is known before the first image is made."""
    benchmark = plan.benchmark
    return {
        "benchmark": plain(benchmark.resolved()),
        "dataset": {name: _pins(plan, name) for name in benchmark.data.splits},
        "components": {
            kind: {name: plan.identity(kind, name) for name in getattr(benchmark, kind)}
            for kind in ("generators", "encoders", "metrics")
        },
        "statistics": registry.source_digest(
            ("harness.metrics", "harness.uncertainty", "harness.pipeline.leaderboard", "harness.pipeline.rank")
        ),
    }
