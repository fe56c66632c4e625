"""`harness rerank`: do encoders rank the generators alike, and which of them agrees better with people?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.lines import say
from harness.studies.rerank import BEYOND, DRAWS, how_sure

if TYPE_CHECKING:
    from harness.uncertainty import Agreement, Consensus, Judgement, Ranking

HIGHEST = 0.999  # level: four of 4,000 replicates lie beyond it
NEAR = 0.2  # probability of a reversal from which a pair is worth a line
PEOPLE = "people"
VALUES_SCALE = "Two encoders' orders in value: 1 is the same, -1 the reverse."
SCALE = (
    "Two encoders' orders: 1 is the same, -1 the reverse; in brackets what noise allows; then where the value would "
    "lie in one more measurement, and how much noise itself lowers it."
)


@click.command()
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option(
    "--scores", type=click.Path(path_type=Path), help="Instead of OUT: a CSV of generator,encoder,value[,se]."
)
@click.option("--human", "dataset", help="A dataset of the human study: cifar10, ffhq256, imagenet256 or lsun256.")
@click.option("--metric", help="A metric of the run OUT. [the one that ranks]")
@click.option("--higher-is-better", is_flag=True, help="With --scores: the better generator has the higher value.")
@click.option("--level", type=float, help="Of the intervals. [as the run declares, else 0.95]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the replicates.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
def rerank(
    out: Path | None,
    scores: Path | None,
    dataset: str | None,
    metric: str | None,
    higher_is_better: bool,
    level: float | None,
    seed: int,
    file: Path | None,
) -> None:
    """Do the encoders of the run OUT rank its generators alike, and which agrees better with people?"""
    from itertools import combinations

    from harness.base import UsageError
    from harness.cli.sections import add_section
    from harness.studies.rerank import answer, finding, of_run, of_scores
    from harness.uncertainty import agreement, consensus, evidence, judgement

    if (out is None) == (scores is None):
        raise UsageError("rerank takes a run's folder OUT or --scores CSV, one of the two")
    run, known = None, True
    if out is not None:
        if higher_is_better:
            raise UsageError("--higher-is-better goes with --scores; a run knows the direction of its metrics")
        run = of_run(out, metric, seed)
        rankings, title = run.rankings, run.title
        level = run.level if level is None else level
    else:
        if metric is not None:
            raise UsageError("--metric goes with OUT; a file of --scores holds one metric")
        assert scores is not None
        rankings, title, known = of_scores(scores, higher_is_better, seed)
    level = 0.95 if level is None else level
    if not 0 < level < 1:
        raise UsageError(f"--level is {level:g}; it must lie between 0 and 1, such as 0.95")
    if level > HIGHEST:
        raise UsageError(
            f"the level is {level:g}; at most {HIGHEST:g} can be told from {DRAWS:,} replicates: give a lower --level"
        )
    told_by_run = [] if run is None else list(run.notes)
    if len(rankings) == 1 and dataset is None:
        alone = f"{rankings[0].name} is the only encoder: add another, or people with --human DATASET"
        raise UsageError([alone, *told_by_run])
    rankings, notes = _common(rankings)
    notes = [*told_by_run, *notes]
    told: dict[str, Any] = {"level": level, "title": title, "notes": notes, "noise_known": known}
    # All is computed before a line is printed: a mistake is answered by one line, without half a report before it.
    # For all encoders at once, as the headline counts over all of them.
    orders = evidence(rankings).at(level) if run is None else run.orders(rankings[0].names, level)
    sure = dict(zip((r.name for r in rankings), orders, strict=True))
    pairs = [
        agreement(one, other, level=level, orders=[sure[one.name], sure[other.name]])
        for one, other in combinations(rankings, 2)
    ]
    whole = consensus(rankings, level=level, orders=orders) if pairs else None
    verdict: list[str] = []
    if whole is not None:
        drawn = {} if run is None else run.drawn
        meant = [r for r in rankings if r.name not in drawn]
        counted = whole
        if drawn and len(meant) > 1:
            counted = consensus(meant, level=level, orders=[sure[r.name] for r in meant])
        verdict = answer(pairs, counted, drawn, known=known)
        told["verdict"] = verdict
        told |= {"agreement": [asdict(pair) for pair in pairs], "consensus": asdict(whole)}
    heading = f"{title}: {len(rankings[0].names)} generators, {len(rankings)} encoders"
    heading += f", {100 * level:g}% intervals" if known else ""
    people: list[str] = []
    if dataset is not None:
        judged_by, judge, words = _judge(rankings, dataset, seed)
        with_people = [agreement(one, judge, level=level) for one in judged_by]
        judged = [judgement(one, other, judge, level=level) for one, other in combinations(judged_by, 2)]
        people = [*(_agrees_better(both, known) for both in judged), f"People: {'; '.join(words)}."]
        told["people"] = {
            "dataset": dataset,
            "notes": words,
            "agreement": [asdict(found) for found in with_people],
            "judgement": [asdict(found) for found in judged],
        }
    lines = [*verdict, *people[:-1], heading, *(f"note: {note}" for note in notes)]
    if pairs:
        lines += ["", SCALE if known else VALUES_SCALE]
    for pair in pairs:
        lines += _agreement(pair, known)
    if whole is not None:
        lines += _consensus(whole, known)
    if dataset is not None:
        lines += _people(with_people, judged, words, known)
    lines += ["", *how_sure(level, encoders=bool(pairs), people=bool(people), known=known, of_run=run is not None)]
    say("\n".join(lines))
    if file is not None:
        from harness.base import write_atomically

        write_atomically(file, (json.dumps(told, indent=1) + "\n").encode("ascii"))
    if run is not None and whole is not None:
        add_section(run.out, run.section(dataset), finding(run, rankings, pairs, whole, verdict, people))


def _common(rankings: Sequence[Ranking]) -> tuple[list[Ranking], list[str]]:
    """The generators that every encoder scored."""
    shared = [name for name in rankings[0].names if all(name in r.names for r in rankings)]
    left = list(dict.fromkeys(name for r in rankings for name in r.names if name not in shared))
    notes = [f"left out, since not scored under every encoder: {', '.join(left)}"] if left else []
    return [r.of(shared) for r in rankings], notes


def _judge(rankings: Sequence[Ranking], dataset: str, seed: int) -> tuple[list[Ranking], Ranking, list[str]]:
    """The rankings and people's, of the generators that both know; spelling apart from case and punctuation."""
    from harness.base import UsageError
    from harness.studies.rerank import human
    from harness.uncertainty import participants

    study = human.load(dataset)
    spelled = {_plain(name): name for name in study}
    ours = {name: spelled[_plain(name)] for name in rankings[0].names if _plain(name) in spelled}
    if len(set(ours.values())) < len(ours):
        raise UsageError(f"two generators are spelled like one of the study: {', '.join(ours)}")
    left = [name for name in rankings[0].names if name not in ours]
    if len(ours) < 3:
        raise UsageError(
            f"{len(ours)} generators are in the human study of {dataset}, and to compare rankings takes 3; "
            f"not there: {', '.join(left)}. Known: {', '.join(study)}"
        )
    rates = {name: study[theirs].error_rate for name, theirs in ours.items()}
    words = [f"{human.source()}; {sum(map(len, rates.values()))} participants, {len(ours)} generators"]
    if left:
        words.append(f"left out, since not in the study: {', '.join(left)}")
    judge = participants(PEOPLE, rates, count=DRAWS, seed=seed + 999)
    return [r.of(tuple(ours)) for r in rankings], judge, words


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == "+")


def _agreement(found: Agreement, known: bool) -> list[str]:
    lines = [f"\n{found.first} and {found.second}"]
    if known:
        lines += _correlations(found)
    else:
        lines += [f"  {one.kind:<15} {one.value:+.2f}" for one in (found.tau, found.rho)]
    sure = [f"{pair.first}/{pair.second}" for pair in found.pairs if pair.reversed_for_sure]
    lines.append(f"  ordered the other way {BEYOND[known]}: {', '.join(sure) or 'no pair'}")
    near = known and sorted(
        (p for p in found.pairs if p.differs >= NEAR and not p.reversed_for_sure), key=lambda p: -p.differs
    )
    if near:
        words = ", ".join(f"{pair.first}/{pair.second} {pair.differs:.2f}" for pair in near)
        lines.append(f"  in another order in a share of replicates from {NEAR:g} on, not beyond noise: {words}")
    return lines


def _correlations(found: Agreement) -> list[str]:
    return [
        f"  {one.kind:<15} {one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]   one more measurement: "
        f"{one.noisy[0]:+.2f} to {one.noisy[2]:+.2f}, {one.attenuation:+.3f} by noise"
        for one in (found.tau, found.rho)
    ]


def _consensus(found: Consensus, known: bool) -> list[str]:
    allowed, often = (
        (" [what noise allows]", "how often it is first under each") if known else ("", "where it is first")
    )
    lines = [f"\nconsensus: mean rank over encoders{allowed}, and {often}"]
    width = max(map(len, found.mean_rank))
    for name, (rank, low, high) in found.mean_rank.items():
        shares = {encoder: own[name] for encoder, own in found.first_place.items() if own[name] >= 0.005}
        first = ", ".join(f"{encoder} {share:.0%}" if known else encoder for encoder, share in shares.items())
        ends = f" [{low:5.2f}, {high:5.2f}]" if known else ""
        lines.append(f"  {rank:5.2f}{ends} {name:<{width}}  {first and f'first: {first}'}".rstrip())
    total = len(found.mean_rank) * (len(found.mean_rank) - 1) // 2
    return [*lines, f"  all encoders agree {BEYOND[known]} on {len(found.agreed)} of {total} pairs"]


def _agrees_better(both: Judgement, known: bool) -> str:
    winner = both.first if both.gain.low > 0 else both.second if both.gain.high < 0 else None
    noise = "noise" if known else "the noise of people's answers (that of the scores is unknown)"
    verdict = f"{winner} agrees better with people beyond {noise}" if winner else f"no difference beyond {noise}"
    return f"{both.first} rather than {both.second}: {verdict}"


def _people(found: Sequence[Agreement], judged: Sequence[Judgement], words: Sequence[str], known: bool) -> list[str]:
    lines = [f"\npeople: {words[0]}", *(f"note: {line}" for line in words[1:])]
    for one in found:
        lines += [f"{one.first} and people", *_correlations(one)]
    for both in judged:
        gain, tau = both.gain, both.tau
        lines.append(_agrees_better(both, known))
        for kind, lead in (("gain in people's error rate", gain), ("difference of taus", tau)):
            p = f"p = {lead.p:.3f}" if lead.p >= 0.002 else "p < 0.002"
            lines.append(f"  {kind:<27} {lead.value:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}], {p}")
    return lines
