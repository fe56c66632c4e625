"""Judges at work: every image of several sets with its prompt, to one number each by each judge."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError, counted, named
from harness.encoders import RECIPE, Judge, too_long
from harness.images import RECIPES, open_images, preprocessing
from harness.studies.judges.files import Score

BATCH = 32  # images that are read at once


@dataclass(frozen=True)
class PromptedSet:
    """One generator's images: their container and its parameters, and the prompt of each, or None for no prompts."""

    generator: str
    kind: str
    parameters: Mapping[str, Any]
    prompts: tuple[str, ...] | None


@dataclass(frozen=True)
class Scored:
    """Every image's scores. `scores` is (images,) by the label of each judge; `judges` what each of them is, as JSON.

    `names` are those of the images, their places where they have none.
    """

    generators: tuple[str, ...]
    names: tuple[str, ...]
    prompts: tuple[str, ...] | None
    scores: Mapping[str, npt.NDArray[np.float64]]
    judges: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = field(default=())

    def by(self, judge: str) -> list[Score]:
        """The scores of a judge, as `scored_by` takes them."""
        prompts = self.prompts or (None,) * len(self.names)
        rows = zip(self.generators, self.scores[judge].tolist(), prompts, strict=True)
        return [Score(generator, value, prompt, None) for generator, value, prompt in rows]

    def to_csv(self) -> str:
        """A row an image, which `harness scores` reads: generator, image, prompt if there are any, a column a judge."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        told = ["generator", "image", *(["prompt"] if self.prompts else [])]
        writer.writerow([*told, *self.scores])
        columns = [values.tolist() for values in self.scores.values()]
        plain = [self.generators, self.names, *([self.prompts] if self.prompts else [])]
        writer.writerows(zip(*plain, *(map(repr, column) for column in columns), strict=True))
        return text.getvalue()


def scored_images(
    sets: Sequence[PromptedSet],
    judges: Sequence[Judge],
    *,
    device: str = "cpu",
    progress: Callable[[int], None] = lambda _: None,
) -> Scored:
    """The scores of every image of every set by every judge, each image read once.

    `progress` hears the number of images done. Raises UsageError where a judge reads prompts and a set has none, where
    some sets have prompts and others do not, and for scores that are no numbers.
    """
    readers = [judge.name for judge in judges if judge.needs_prompts]
    check_prompts(sets, readers)
    found: dict[str, list[npt.NDArray[np.float64]]] = {judge.label: [] for judge in judges}
    names: list[str] = []
    done = 0
    recipe = RECIPES[RECIPE]
    for one in sets:
        source = open_images(one.kind, one.parameters)
        names += [str(name) for name in (source.names or range(source.size))]
        for start in range(0, source.size, BATCH):
            rows = range(start, min(start + BATCH, source.size))
            seen = preprocessing.apply(recipe, source.read(rows))
            asked = None if one.prompts is None else [one.prompts[row] for row in rows]
            for judge in judges:
                found[judge.label].append(_finite(judge.score(seen, asked, device=device), judge, one.generator))
            done += len(rows)
            progress(done)
    generators = [one.generator for one in sets for _ in range(_size(one))]
    prompts = tuple(prompt for one in sets for prompt in one.prompts or ()) or None
    notes = _notes(prompts) if readers and prompts else ()
    return Scored(
        tuple(generators),
        tuple(names),
        prompts,
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
        raise UsageError(f"some sets have prompts, and {lack}; give all, or judge them one by one")


def _size(one: PromptedSet) -> int:
    return open_images(one.kind, one.parameters).size if one.prompts is None else len(one.prompts)


def _finite(scores: npt.NDArray[np.float64], judge: Judge, generator: str) -> npt.NDArray[np.float64]:
    if not np.isfinite(scores).all():
        raise UsageError(f"{judge.name} gives no number for images of {generator}; are these its weights?")
    return scores


def _notes(prompts: Sequence[str]) -> tuple[str, ...]:
    long = too_long(list(dict.fromkeys(prompts)))
    if not long:
        return ()
    return (f"{counted(len(long), 'prompt')} longer than 75 tokens, the rest of which no judge reads: {long[0][:60]}…",)
