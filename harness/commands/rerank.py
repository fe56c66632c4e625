"""`harness rerank`: do encoders rank the generators alike, and which of them agrees better with people?"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.uncertainty import Agreement, Consensus, Judgement, Ranking

DRAWS = 4000
NEAR = 0.2  # probability of a reversal from which a pair is worth a line
COLUMNS = ("generator", "encoder", "value")
PEOPLE = "people"


@click.command()
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option(
    "--scores", type=click.Path(path_type=Path), help="Instead of OUT: a CSV of generator,encoder,value[,se]."
)
@click.option("--human", "dataset", help="A dataset of the human study: cifar10, ffhq256, imagenet256 or lsun256.")
@click.option("--metric", help="A metric of the run OUT. [the one that ranks]")
@click.option("--higher-is-better", is_flag=True, help="With --scores: the better generator has the higher value.")
@click.option("--level", type=float, help="Of the intervals. [as the run declares, else 0.95]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the replicates.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
def rerank(
    out: Path | None, scores: Path | None, dataset: str | None, metric: str | None, higher_is_better: bool,
    level: float | None, seed: int, file: Path | None,
) -> None:  # fmt: skip
    """Do the encoders of the run OUT rank its generators alike, and which agrees better with people?"""
    from itertools import combinations

    from harness.errors import UsageError
    from harness.uncertainty import agreement, consensus, judgement

    if (out is None) == (scores is None):
        raise UsageError("rerank takes a run's folder OUT or --scores CSV, one of the two")
    if out is not None:
        if higher_is_better:
            raise UsageError("--higher-is-better goes with --scores; a run knows the direction of its metrics")
        rankings, title, declared = _of_run(out, metric, seed)
        level = declared if level is None else level
    else:
        if metric is not None:
            raise UsageError("--metric goes with OUT; a file of --scores holds one metric")
        assert scores is not None
        rankings, title = _of_scores(scores, higher_is_better, seed)
    level = 0.95 if level is None else level
    if not 0 < level < 1:
        raise UsageError(f"--level is {level:g}; it must lie between 0 and 1, such as 0.95")
    if len(rankings) == 1 and dataset is None:
        raise UsageError(f"{rankings[0].name} is the only encoder: add another, or people with --human DATASET")
    rankings, notes = _common(rankings)
    told: dict[str, Any] = {"level": level, "title": title, "notes": notes}
    # All is computed before a line is printed: a mistake is answered by one line, without half a report before it.
    pairs = [agreement(one, other, level=level) for one, other in combinations(rankings, 2)]
    whole = consensus(rankings, level=level) if pairs else None
    if whole is not None:
        told |= {"agreement": [asdict(pair) for pair in pairs], "consensus": asdict(whole)}
    heading = f"{title}: {len(rankings[0].names)} generators, {len(rankings)} encoders, {100 * level:g}% intervals"
    if dataset is not None:
        rankings, judge, words = _judge(rankings, dataset, seed)
        with_people = [agreement(one, judge, level=level) for one in rankings]
        judged = [judgement(one, other, judge, level=level) for one, other in combinations(rankings, 2)]
        told["people"] = {
            "dataset": dataset, "notes": words, "agreement": [asdict(found) for found in with_people],
            "judgement": [asdict(found) for found in judged],
        }  # fmt: skip
    click.echo(heading)
    for note in notes:
        click.echo(f"note: {note}")
    for pair in pairs:
        _show_agreement(pair)
    if whole is not None:
        _show_consensus(whole)
    if dataset is not None:
        _show_people(with_people, judged, words)
    click.echo("\nAll of this is about these generators; each interval holds by itself, not all of them together.")
    if file is not None:
        from harness.store import write_atomically

        write_atomically(file, (json.dumps(told, indent=1) + "\n").encode("ascii"))


def _of_run(out: Path, metric: str | None, seed: int) -> tuple[list[Ranking], str, float]:
    from harness.errors import UsageError
    from harness.outfolder import labelled, leaderboard, read
    from harness.suggest import unknown
    from harness.uncertainty import Ranking, joint_replicates

    board = leaderboard(out)
    better = {column["metric"]: column["lower_is_better"] for column in board["columns"]}
    name = metric or board["rank_by"]["metric"]
    if name not in better:
        raise UsageError(unknown("metric", name, better, place=str(out)))
    rankings, without = [], []
    for number, encoder in enumerate(dict.fromkeys(str(row["encoder"]) for row in board["rows"])):
        groups = read(out, encoder)[1].get(name, {})
        own = [row["metrics"] for row in board["rows"] if row["encoder"] == encoder and row["metrics"]]
        if own and not any(name in metrics for metrics in own):  # it is not computed there
            without.append(encoder)
            continue
        if not groups:
            raise UsageError(f"{out}: no analyses of {name} under {encoder}")
        # A seed for each encoder: the noise that encoders share (the same images) is taken for independent, since
        # one seed for all would take it for the same. Shared noise would cancel in part, so this is the wider.
        joint = joint_replicates(
            groups, count=DRAWS, reference=board["interval"]["reference"], seed=seed + 1000 * number
        )
        rankings.append(Ranking(encoder, joint.names, joint.values, joint.draws, better[name]))
    drawn = [labelled(board, one.name) for one in rankings if board["encoders"].get(one.name)]
    title = f"{name} of {out}, reference {board['interval']['reference']}{''.join(f', {one}' for one in drawn)}"
    title += f", not computed under {', '.join(without)}" if without else ""
    return rankings, title, float(board["interval"]["level"])


def _of_scores(path: Path, higher_is_better: bool, seed: int) -> tuple[list[Ranking], str]:
    from harness.uncertainty.orders import independent

    table = read_scores(path)
    rankings = [
        independent(
            encoder, {g: value for g, (value, _) in rows.items()}, {g: se for g, (_, se) in rows.items()},
            lower_is_better=not higher_is_better, count=DRAWS, seed=seed + 1000 * number,
        )
        for number, (encoder, rows) in enumerate(table.items())
    ]  # fmt: skip
    exact = all(se == 0 for rows in table.values() for _, se in rows.values())
    return rankings, f"{path}, " + (
        "values taken as exact (no column se)" if exact else "standard errors taken as independent between generators"
    )


def read_scores(path: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Encoder → generator → (value, standard error; 0 where the file has none), in the file's order.

    UsageError, with every faulty line, for a missing column, a cell that is no number, or a pair stated twice.
    """
    import csv

    from harness.errors import UsageError

    found: dict[str, dict[str, tuple[float, float]]] = {}
    problems = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(f"{path}:1: no column {', '.join(missing)}; it takes generator,encoder,value[,se]")
            for row in reader:
                place = f"{path}:{reader.line_num}"
                generator, encoder = (row["generator"] or "").strip(), (row["encoder"] or "").strip()
                value, se = (_number(row.get(key)) for key in ("value", "se"))
                blank = not (row.get("se") or "").strip()
                if not generator or not encoder:
                    problems.append(f"{place}: a generator and an encoder are needed")
                elif value is None:
                    problems.append(f"{place}: value is {row['value']!r}; it must be a finite number")
                elif not blank and (se is None or se < 0):
                    problems.append(f"{place}: se is {row['se']!r}; it must be a number of 0 or more")
                elif generator in found.setdefault(encoder, {}):
                    problems.append(f"{place}: {generator} under {encoder} is there twice")
                else:
                    found[encoder][generator] = (value, se or 0.0)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"{path} cannot be read ({getattr(problem, 'strerror', None) or problem})") from None
    if problems or not found:
        raise UsageError(problems or f"{path} holds no scores")
    return found


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _common(rankings: Sequence[Ranking]) -> tuple[list[Ranking], list[str]]:
    """The generators that every encoder scored."""
    shared = [name for name in rankings[0].names if all(name in r.names for r in rankings)]
    left = list(dict.fromkeys(name for r in rankings for name in r.names if name not in shared))
    notes = [f"left out, since not scored under every encoder: {', '.join(left)}"] if left else []
    return [r.of(shared) for r in rankings], notes


def _judge(rankings: Sequence[Ranking], dataset: str, seed: int) -> tuple[list[Ranking], Ranking, list[str]]:
    """The rankings and people's, of the generators that both know; spelling apart from case and punctuation."""
    from harness.errors import UsageError
    from harness.studies import human
    from harness.uncertainty.orders import participants

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


def _show_agreement(found: Agreement) -> None:
    click.echo(f"\n{found.first} and {found.second}")
    _show_correlations(found)
    sure = [f"{pair.first}/{pair.second}" for pair in found.pairs if pair.reversed_for_sure]
    click.echo(f"  ordered the other way beyond noise: {', '.join(sure) or 'no pair'}")
    near = sorted((p for p in found.pairs if p.differs >= NEAR and not p.reversed_for_sure), key=lambda p: -p.differs)
    if near:
        words = ", ".join(f"{pair.first}/{pair.second} {pair.differs:.2f}" for pair in near)
        click.echo(f"  probability of another order from {NEAR:g} on, not beyond noise: {words}")


def _show_correlations(found: Agreement) -> None:
    for one in (found.tau, found.rho):
        low, _, high = one.noisy
        click.echo(
            f"  {one.kind:<15} {one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]   replicates {low:+.2f} to "
            f"{high:+.2f}, pulled by {one.attenuation:+.3f}"
        )


def _show_consensus(found: Consensus) -> None:
    click.echo("\nconsensus: mean rank over encoders [what noise allows], share of first places under each")
    for name, (rank, low, high) in found.mean_rank.items():
        places = ", ".join(f"{encoder} {shares[name]:.2f}" for encoder, shares in found.first_place.items())
        click.echo(f"  {rank:5.2f} [{low:.2f}, {high:.2f}] {name}   first: {places}")
    total = len(found.mean_rank) * (len(found.mean_rank) - 1) // 2
    click.echo(f"  all encoders agree beyond noise on {len(found.agreed)} of {total} pairs")


def _show_people(found: Sequence[Agreement], judged: Sequence[Judgement], words: Sequence[str]) -> None:
    click.echo(f"\npeople: {words[0]}")
    for line in words[1:]:
        click.echo(f"note: {line}")
    for one in found:
        click.echo(f"{one.first} and people")
        _show_correlations(one)
    for both in judged:
        gain, tau = both.gain, both.tau
        winner = both.first if gain.low > 0 else both.second if gain.high < 0 else None
        verdict = f"{winner} agrees better with people beyond noise" if winner else "no difference beyond noise"
        click.echo(f"{both.first} rather than {both.second}: {verdict}")
        for kind, lead in (("gain in people's error rate", gain), ("difference of taus", tau)):
            p = f"p = {lead.p:.3f}" if lead.p >= 0.002 else "p < 0.002"
            click.echo(f"  {kind:<27} {lead.value:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}], {p}")
