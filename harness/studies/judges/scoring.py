"""Judges at work: every image of several sets with its prompt, to one number each by each judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError, as_csv, counted, named
from harness.encoders import RECIPE, Judge, too_long
from harness.images import RECIPES, ImageSet, open_images, preprocessing
from harness.studies.judges.files import Score

BATCH = 32  # images that are read at once


@dataclass(frozen=True)
class PromptedSet:
    """One generator's images: `read` gives them in parts, `names` what each is called, `prompts` what each shows.

    `prompts` is None where there are none; `training_seed` that of the checkpoint, where it has one.
    """

    generator: str
    names: tuple[str, ...]
    prompts: tuple[str, ...] | None
    read: Callable[[], Iterator[ImageSet]]
    training_seed: int | None = None

    @classmethod
    def of_files(
        cls, generator: str, kind: str, parameters: Mapping[str, Any], prompts: tuple[str, ...] | None
    ) -> PromptedSet:
        """The images of a container."""
        source = open_images(kind, parameters)

        def read() -> Iterator[ImageSet]:
            for start in range(0, source.size, BATCH):
                yield source.read(range(start, min(start + BATCH, source.size)))

        return cls(generator, tuple(map(str, source.names or range(source.size))), prompts, read)


@dataclass(frozen=True)
class Scored:
    """Every image's scores. `scores` is (images,) by the label of each judge; `judges` what each of them is, as JSON.

    `names` are those of the images, their places where they have none.
    """

    generators: tuple[str, ...]
    names: tuple[str, ...]
    prompts: tuple[str, ...] | None
    training_seeds: tuple[int | None, ...]
    scores: Mapping[str, npt.NDArray[np.float64]]
    judges: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = field(default=())

    def by(self, judge: str) -> list[Score]:
        """The scores of a judge, as `scored_by` takes them."""
        prompts = self.prompts or (None,) * len(self.names)
        seeds = [None if seed is None else str(seed) for seed in self.training_seeds]
        rows = zip(self.generators, self.scores[judge].tolist(), prompts, seeds, strict=True)
        return [Score(generator, value, prompt, seed) for generator, value, prompt, seed in rows]

    def to_csv(self) -> str:
        """A row an image, which `harness scores` reads: generator, image, prompt if there are any, a column a judge."""
        known: dict[str, Sequence[Any]] = {"generator": self.generators, "image": self.names}
        if self.prompts:
            known["prompt"] = self.prompts
        if any(seed is not None for seed in self.training_seeds):
            known["training_seed"] = self.training_seeds
        columns = [values.tolist() for values in self.scores.values()]
        rows = zip(*known.values(), *(map(repr, column) for column in columns), strict=True)
        return as_csv([[*known, *self.scores], *rows])


def scored_images(
    sets: Sequence[PromptedSet],
    judges: Sequence[Judge],
    *,
    device: str = "cpu",
    progress: Callable[[int], None] = lambda _: None,
) -> Scored:
    """The scores of every image of every set by every judge, each image read once.

    `progress` hears the number of images of each part done. Raises UsageError where a judge reads prompts and a set has
    none, where some sets have prompts and others do not, and for scores that are no numbers.
    """
    readers = [judge.name for judge in judges if judge.needs_prompts]
    check_prompts(sets, readers)
    found: dict[str, list[npt.NDArray[np.float64]]] = {judge.label: [] for judge in judges}
    recipe = RECIPES[RECIPE]
    for one in sets:
        first = 0
        for images in one.read():
            seen = preprocessing.apply(recipe, images)
            asked = None if one.prompts is None else one.prompts[first : first + len(seen)]
            for judge in judges:
                found[judge.label].append(_finite(judge.score(seen, asked, device=device), judge, one.generator))
            first += len(seen)
            progress(len(seen))
    prompts = tuple(prompt for one in sets for prompt in one.prompts or ()) or None
    notes = _notes(prompts) if readers and prompts else ()
    return Scored(
        tuple(one.generator for one in sets for _ in one.names),
        tuple(name for one in sets for name in one.names),
        prompts,
        tuple(one.training_seed for one in sets for _ in one.names),
        {label: np.concatenate(parts) for label, parts in found.items()},
        {judge.label: judge.identity for judge in judges},
        notes,
    )


def check_prompts(sets: Sequence[PromptedSet], readers: Sequence[str]) -> None:
    """Raise UsageError where judges, the `readers`, read prompts and a set has none, and where only some sets do."""
    without = [one.generator for one in sets if one.prompts is None]
    if not without:
        return
    lack = f"{named(without)} {'has' if len(without) == 1 else 'have'} none"
    if readers:
        raise UsageError(
            f"{named(readers)} {'reads' if len(readers) == 1 else 'read'} prompts, and {lack}: give --prompts FILE, a "
            ".txt file beside each image, metadata.csv in the folder, or a column prompt, caption or text of a table"
        )
    if len(without) < len(sets):
        raise UsageError(f"some sets have prompts but {lack}; give prompts for all, or judge the sets separately")


def _finite(scores: npt.NDArray[np.float64], judge: Judge, generator: str) -> npt.NDArray[np.float64]:
    if not np.isfinite(scores).all():
        raise UsageError(f"{judge.name} gives NaN or infinity for images of {generator}; are these the right weights?")
    return scores


def _notes(prompts: Sequence[str]) -> tuple[str, ...]:
    long = too_long(list(dict.fromkeys(prompts)))
    if not long:
        return ()
    return (f"{counted(len(long), 'prompt')} longer than 75 tokens, which judges truncate: {long[0][:60]}…",)
