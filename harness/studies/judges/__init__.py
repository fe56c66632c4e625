"""Judges other than features: a file of scores image by image, or people's choices between two generators' images.

Both become image sets with influences, so that intervals, rank sets and differences are those of every other metric.
What all generators have in common (prompts, voters) is their shared side, as a reference set is elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.studies.judges.benchmark import prompted_sets
    from harness.studies.judges.compute import scored_by, voted
    from harness.studies.judges.files import ScoreColumns, VoteColumns, read_scores, read_votes
    from harness.studies.judges.folder import Asked, judged_again, of_lock, write_folder
    from harness.studies.judges.scoring import PromptedSet, check_prompts, scored_images
    from harness.studies.judges.words import difference_words, finding, text

__getattr__ = door(__name__)
