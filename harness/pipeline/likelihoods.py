"""How likely held-out images are under trained generators that can tell: bits per dimension, into the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.base import UsageError, digest
from harness.benchmark import registry
from harness.generators import Likelihood
from harness.pipeline import models
from harness.pipeline.checked import load_split
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.store import CorruptEntry
from harness.uncertainty import quantile_of

KIND, FORMAT = "likelihoods", 1
MOST = 500  # images: an ODE's takes a second each
KINDS = ("exact", "bound", "ode")
WORDS = {"exact": "exact", "bound": "an upper bound", "ode": "by an ODE solver"}


def offer(made: Any) -> dict[str, bool]:
    """The fact of an image set that its generator can tell likelihoods."""
    return {"likelihood": True} if callable(getattr(made, "likelihood", None)) else {}


def make(plan: Plan, generator: str, training_seed: int | None, made: Any) -> None:
    """Store the likelihoods of the first held-out images under a fitted generator, unless it has none or they are.

    Generators that differ only in how they sample share them: they are those of the model at the defaults of its
    sampling. Raises UsageError for an answer that is none.
    """
    key = _key(plan, generator, training_seed)
    if not offer(made) or plan.store.find(KIND, key) is not None:
        return
    from harness.pipeline.sample import drawn_rows

    held_out = load_split(plan.benchmark.data, plan.reference.split, folder=plan.store.temporary())
    rows = drawn_rows(plan, plan.reference, len(held_out.images))
    rows = (np.arange(len(held_out.images)) if rows is None else rows)[:MOST]
    labels = None if held_out.labels is None else held_out.labels[rows]
    told = _plain(plan, generator, training_seed, made).likelihood(held_out.images[rows], labels)
    _check(plan, generator, told, len(rows))
    facts = {"kind": told.kind, "words": told.words}
    plan.store.put(KIND, key, [{"bits_per_dim": np.asarray(told.bits_per_dim, np.float64)}], facts)


def _plain(plan: Plan, name: str, training_seed: int | None, made: Any) -> Any:
    """The generator with every sampling parameter at its default, its model restored."""
    entry = plan.benchmark.generators[name]
    sampling = entry.component.sampling
    if not sampling or not models.is_kept(made):
        return made
    own = {key: value for key, value in entry.parameters.items() if key not in sampling}
    plain = registry.make("generators", entry.use, own, plan.benchmark.folder)
    models.fitted(plan, name, training_seed, plain)
    return plain


def _check(plan: Plan, generator: str, told: Any, n: int) -> None:
    shape = np.shape(getattr(told, "bits_per_dim", 0.0))
    if not isinstance(told, Likelihood) or told.kind not in KINDS or shape != (n,):
        raise UsageError(
            f"generator {generator}: likelihood(images, labels) must give a harness.generators.Likelihood of kind "
            f"{', '.join(KINDS)} with one number for each of the {n} images"
        )
    if not np.isfinite(told.bits_per_dim).all():
        raise UsageError(f"generator {generator}: its bits per dimension are not all finite")


def _key(plan: Plan, generator: str, training_seed: int | None) -> str:
    reference = plan.reference
    return digest(
        {
            "format": FORMAT,
            "model": plan.model_key(generator, training_seed),
            "images": [plan.split_digest(reference.split), plan.labels_digest(reference.split), reference.n],
            "seed": plan.benchmark.seed,
            "most": MOST,
        }
    )


def is_missing(plan: Plan, fake: FakeSet) -> bool:
    """Whether the generator of a stored image set can tell likelihoods, and they are not there."""
    images = plan.images(fake)
    if images is None or not images.facts.get("likelihood"):
        return False
    return plan.store.find(KIND, _key(plan, fake.generator, fake.training_seed)) is None


@dataclass(frozen=True)
class BitsPerDim:
    """Bits per dimension of held-out images over a generator's training seeds, lower is better.

    `se_images` is the standard error of the mean over held-out images, `se_seeds` that over training seeds; None of
    one seed. `low` to `high` is Student's t over seeds plus the images' part, as metrics have it.
    """

    value: float
    se_images: float
    se_seeds: float | None
    low: float
    high: float
    n: int
    seeds: int
    kind: str
    words: str

    def facts(self) -> dict[str, Any]:
        """As JSON, for records."""
        return asdict(self)


def bits_per_dim(values: np.ndarray, *, level: float, kind: str, words: str) -> BitsPerDim:
    """The mean over images and seeds of `values` (seeds, n), with an interval for the training procedure.

    All seeds meet the same images, so the images' part does not shrink with more seeds.
    """
    seeds, n = values.shape
    means = values.mean(axis=1)
    images = float(values.mean(axis=0).std(ddof=1) / np.sqrt(n))
    over = float(means.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else None
    half = quantile_of(np.inf, level) * images
    if over is not None:
        half = float(np.hypot(half, quantile_of(seeds - 1, level) * over))
    centre = float(means.mean())
    return BitsPerDim(centre, images, over, centre - half, centre + half, n, seeds, kind, words)


def read(plan: Plan, generator: str, training_seed: int | None) -> tuple[Mapping[str, Any], np.ndarray] | None:
    """What is stored of one trained model: its facts and bits per dimension (n,)."""
    key = _key(plan, generator, training_seed)
    entry = plan.store.find(KIND, key)
    if entry is None:
        return None
    try:
        return entry.facts, entry.arrays()["bits_per_dim"]
    except CorruptEntry:
        plan.store.discard(KIND, key)
        return None


def of_generator(plan: Plan, generator: str) -> dict[str, Any] | None:
    """The bits per dimension of all training seeds as JSON; None where they are not all there."""
    images = plan.images(next(fake for fake in plan.fakes if fake.generator == generator))
    if images is None or not images.facts.get("likelihood"):
        return None
    found = [read(plan, generator, seed) for seed in plan.benchmark.training_seeds_of(generator)]
    told = [one for one in found if one is not None]
    if len(told) < len(found):
        return None
    facts = told[0][0]
    values = np.stack([own for _, own in told])
    level = plan.benchmark.interval.level
    return bits_per_dim(values, level=level, kind=facts["kind"], words=facts["words"]).facts()
