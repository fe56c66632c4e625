"""The image sets of a benchmark with the prompts that they were made from: read from the store, made where missing.

A generator with a file of prompts left the number of each image's prompt beside it; image files have their own, in a
table, in text files, in a column.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.base import UsageError
from harness.benchmark import registry
from harness.images import prompts_of
from harness.pipeline import FakeSet, Plan, drawn_images, file_names, load_images, read_images, stored_labels
from harness.studies.judges.scoring import BATCH, PromptedSet


def prompted_sets(plan: Plan) -> list[PromptedSet]:
    """Every image set of every generator, with its prompts where it has any.

    Raises UsageError for prompts that cannot be read.
    """
    return [
        PromptedSet(
            fake.generator,
            tuple(f"{fake.sampling_seed}/{i}" for i in range(plan.benchmark.n_fake)),
            prompts(plan, fake),
            partial(read_images, plan, fake, BATCH),
            fake.training_seed,
        )
        for fake in plan.fakes
    ]


def prompts(plan: Plan, fake: FakeSet) -> tuple[str, ...] | None:
    """The prompt of each image of a set; None for a generator without any."""
    entry = plan.benchmark.generators[fake.generator]
    given = registry.located(entry.component, entry.parameters, plan.benchmark.folder)
    if entry.component.files is not None:
        every = prompts_of(entry.component.files, given)
        if every is None:
            return None
        made = plan.component("generators", fake.generator)
        rows = drawn_images(plan, fake, len(every), file_names(plan, fake.generator, made))
        return tuple(every[row] for row in rows)
    if entry.parameters.get("prompts") is None:
        return None
    lines = [line.strip() for line in Path(given["prompts"]).read_text(encoding="utf-8").splitlines() if line.strip()]
    known = dict(zip(stored_labels(lines).tolist(), lines, strict=True))
    images = load_images(plan, fake)
    if not images.facts.get("groups"):  # one prompt only: its images are draws of their own
        return (lines[0],) * plan.benchmark.n_fake
    (held,) = images.read(len(images.shards) - 1)
    codes = next(iter(held.values())).tolist()
    if not set(codes) <= known.keys():
        raise UsageError(f"{given['prompts']} has changed since {fake.generator} was sampled; run the benchmark again")
    return tuple(known[code] for code in codes)
