"""Holds every two encoders' rankings against each other, and each against people's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from harness.base import UsageError, named
from harness.studies.rerank import human
from harness.studies.rerank.result import People, Reranked
from harness.studies.rerank.reversals import DRAWS
from harness.studies.rerank.runs import Run
from harness.studies.rerank.scoretable import Scores
from harness.uncertainty import Ranking, agreement, consensus, judgement, participants

HIGHEST = 0.999  # level: four of 4,000 replicates lie beyond it
PEOPLE = "people"


def reranked(of: Run | Scores, *, level: float, dataset: str | None = None, seed: int = 0) -> Reranked:
    """Do the encoders rank the generators alike, and which of them agrees better with people about `dataset`?

    Raises UsageError for a level that the replicates cannot tell, one encoder with nothing to compare it with, and a
    dataset of which people judged fewer than three of the generators.
    """
    _check(of, level, dataset)
    rankings, left = _common(of.rankings)
    # For all encoders at once, as the headline counts over all of them.
    orders = of.orders(rankings, level)
    sure = dict(zip((r.name for r in rankings), orders, strict=True))
    pairs = [
        agreement(one, other, level=level, orders=[sure[one.name], sure[other.name]])
        for one, other in combinations(rankings, 2)
    ]
    whole = consensus(rankings, level=level, orders=orders) if pairs else None
    meant = [r for r in rankings if r.name not in of.drawn]
    counted = whole
    if whole is not None and of.drawn and len(meant) > 1:
        counted = consensus(meant, level=level, orders=[sure[r.name] for r in meant])
    people = None if dataset is None else _people(rankings, dataset, level=level, seed=seed)
    return Reranked(of, level, rankings, (*of.notes, *left), tuple(pairs), whole, counted, people)


def _check(of: Run | Scores, level: float, dataset: str | None) -> None:
    if not 0 < level < 1:
        raise UsageError(f"--level is {level:g}; it must lie between 0 and 1, such as 0.95")
    if level > HIGHEST:
        raise UsageError(
            f"the level is {level:g}; at most {HIGHEST:g} is possible with {DRAWS:,} replicates; give a lower --level"
        )
    if len(of.rankings) == 1 and dataset is None:
        alone = f"{of.rankings[0].name} is the only encoder; add another, or human judgements with --human DATASET"
        raise UsageError([alone, *of.notes])


def _people(rankings: Sequence[Ranking], dataset: str, *, level: float, seed: int) -> People:
    judged_by, judge, notes = _judge(rankings, dataset, seed)
    return People(
        dataset,
        tuple(notes),
        tuple(agreement(one, judge, level=level) for one in judged_by),
        tuple(judgement(one, other, judge, level=level) for one, other in combinations(judged_by, 2)),
    )


def _common(rankings: Sequence[Ranking]) -> tuple[list[Ranking], list[str]]:
    """The generators that every encoder scored."""
    shared = [name for name in rankings[0].names if all(name in r.names for r in rankings)]
    left = list(dict.fromkeys(name for r in rankings for name in r.names if name not in shared))
    notes = [f"left out, since not scored under every encoder: {named(left)}"] if left else []
    return [r.of(shared) for r in rankings], notes


def _judge(rankings: Sequence[Ranking], dataset: str, seed: int) -> tuple[list[Ranking], Ranking, list[str]]:
    """The rankings and people's, of the generators that both know; spelling apart from case and punctuation."""
    study = human.load(dataset)
    spelled = {_plain(name): name for name in study}
    ours = {name: spelled[_plain(name)] for name in rankings[0].names if _plain(name) in spelled}
    if len(set(ours.values())) < len(ours):
        raise UsageError(f"two generators match one of the study: {', '.join(ours)}")
    left = [name for name in rankings[0].names if name not in ours]
    if len(ours) < 3:
        raise UsageError(
            f"{len(ours)} generators are in the human study of {dataset}; rankings need at least 3; "
            f"not there: {', '.join(left)}. Known: {', '.join(study)}"
        )
    rates = {name: study[theirs].error_rate for name, theirs in ours.items()}
    words = [f"{human.source()}; {sum(map(len, rates.values()))} participants, {len(ours)} generators"]
    if left:
        words.append(f"left out, since not in the study: {named(left)}")
    judge = participants(PEOPLE, rates, count=DRAWS, seed=seed + 999)
    return [r.of(tuple(ours)) for r in rankings], judge, words


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == "+")
