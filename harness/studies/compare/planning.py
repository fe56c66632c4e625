"""How many training seeds or images it takes to see a difference between two generators of a run."""

from __future__ import annotations

from harness.base import UsageError
from harness.studies.compare.result import Planned, Question
from harness.studies.scored import Scored
from harness.uncertainty import plan


def planned(
    run: Scored,
    question: Question,
    *,
    difference: float,
    chance: float = 0.8,
    images: int | None = None,
    training_seeds: int | None = None,
) -> Planned:
    """The next run that sees a `difference`, in the metric's units, with probability `chance`.

    Without a metric in the question it is the one that ranks. Training seeds are planned at the run's number of images
    (or at `images`), or where `training_seeds` are given, images.

    Raises UsageError for both given, for generators without scores, and where no run suffices.
    """
    if images is not None and training_seeds is not None:
        raise UsageError("give --images or --training-seeds, not both; the other is planned")
    run.check_two(question.first, question.second)
    (metric,) = run.asked(question.metric or run.board["rank_by"]["metric"])
    one, two = (run.metrics[metric][generator] for generator in (question.first, question.second))
    reference = question.reference or run.reference
    found = plan(
        one,
        two,
        difference=difference,
        power=chance,
        level=run.level,
        reference=reference,
        images=images,
        training_seeds=training_seeds,
    )
    both = (*one, *two)
    return Planned(
        question.first,
        question.second,
        metric,
        run.label,
        chance,
        reference,
        found,
        trained=any(member.training_seed is not None for member in both),
        seeds_given=training_seeds is not None,
        pilot_images=min(member.analysis.n_fake for member in both),
        pilot_seeds=min(len({member.training_seed for member in members}) for members in (one, two)),
        of_size=one[0].analysis.use not in ("kd", "kid_subsets"),  # unbiased: the same at any n
    )
