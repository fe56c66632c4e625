"""Report cards in words: for the terminal, and as the page that `harness exam --out` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.base import aligned, listed, named
from harness.studies.exam.laws import LAWS
from harness.studies.exam.result import Card, Check, Exam

FEW, NAMED = 3, 3  # metrics whose cards are shown whole, and laws of a row, before --details is needed
ASKED = {"worse": "must become worse", "same": "must stay as it is"}
MARKS = {True: "yes", False: "**no**"}


def text(exam: Exam, *, details: bool = False) -> str:
    """What `harness exam` prints: a row a metric with what it fails; `details` says how it failed and what it costs."""
    lines = [how(exam)]
    if not details and len(exam.cards) > FEW:
        rows = [
            (card.metric, card.axis, _mark(card), listed([check.law for check in card.failed], NAMED))
            for card in exam.cards
        ]
        table = aligned(rows, heads=("metric", "axis", "passed", "fails"), right=(2,))
        return "\n".join([*lines, "", *table, "", "How each fails, and from which n damage is seen: --details."])
    for card in exam.cards:
        lines.append(f"\n{headline(card)}")
        lines += [f"  fails {check.law} ({check.what}): {check.why}" for check in card.failed]
        if late := _late(card):
            lines.append(f"  half the damage is not seen at n = {exam.n:,}: {named(late)}")
    return "\n".join(lines)


def _mark(card: Card) -> str:
    return "–" if card.refused else f"{len(card.passed)}/{len(card.checks)}"


def headline(card: Card) -> str:
    """A card in one line."""
    if card.refused:
        return f"{card.metric}: not examined: {card.refused}"
    cost = "" if card.seconds is None else f", {_cost(card)}"
    return (
        f"{card.metric} ({card.axis}, {card.better} is better): {len(card.passed)} of {len(card.checks)} passed{cost}"
    )


def how(exam: Exam) -> str:
    """How the cards were made, in a sentence."""
    return f"Exam: n = {exam.n:,} a side, {exam.repeats} repeats of each level, seed {exam.seed}."


def _late(card: Card) -> list[str]:
    return [check.law for check in card.passed if check.answer == "worse" and check.seen_from is None]


def _cost(card: Card) -> str:
    return f"{card.seconds:.2g} s at {card.cost_rows:,} × {card.cost_columns:,}"


def file_name(card: Card) -> str:
    """A name for a card's files, without ending: its metric's, with a dash for what paths may not take."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", card.metric)


def page(exam: Exam, command: str, pictures: Mapping[str, str]) -> str:
    """The cards as a Markdown page: one table of all, then each metric's card; `pictures` are files by metric."""
    cards = [card for card in exam.cards if not card.refused]
    lines = [
        "# The exam of metrics",
        "",
        f"Known faults with known right answers. Written by `{command}`. {how(exam)}",
        "",
        "*yes*: it did what a metric of its axis must do. **no**: it did not; its card says how. Blank: nothing",
        "is asked of it there. Sets are features: mixtures of ten Gaussians and shapes, not images.",
        "",
        "| | " + " | ".join(card.metric for card in cards) + " |",
        "| --- |" + " --- |" * len(cards),
    ]
    for law in LAWS:
        marks = [next((MARKS[check.passed] for check in card.checks if check.law == law.name), "") for card in cards]
        if any(marks):
            lines.append(f"| {law.name}: {law.what} | " + " | ".join(marks) + " |")
    lines.append("| passed | " + " | ".join(f"{len(card.passed)} of {len(card.checks)}" for card in cards) + " |")
    if any(card.seconds is not None for card in cards):
        costs = (_cost(card) if card.seconds is not None else "" for card in cards)
        lines.append("| CPU time of a value | " + " | ".join(costs) + " |")
    for card in exam.cards:
        lines += ["", f"## {card.metric}", "", f"{headline(card)}.", ""]
        if card.metric in pictures:
            lines += [f"![values of {card.metric} at each level of each fault]({pictures[card.metric]}.png)", ""]
        if card.checks:
            lines += [
                "| law | it | mean at each level | seen from n | bend | |",
                "| --- | --- | --- | --- | --- | --- |",
                *(_row(check) for check in card.checks),
            ]
        blind = [law for law, why in card.unasked.items() if "cannot see" in why]
        if blind:
            lines += ["", f"Not asked, since it cannot see them, as its description says: {named(blind)}."]
    return "\n".join([*lines, "", READ, ""])


READ = (
    "*Seen from n*: fewest images a side, of those tried, at which half the damage puts 95 % of pairs of repeats in "
    "the right order; *not at n*: at none of them. *Bend*: largest departure from a straight line over the levels, as "
    "a share of the whole change. *Least fault*: the least change under a full fault of the mixture that it "
    "sees; where nothing is wrong it must not move by more than a tenth of that, beyond its own noise."
)


def _row(check: Check) -> str:
    means = ", ".join(f"{sum(values) / len(values):.3g}" for values in check.values)
    seen = ""
    if check.answer == "worse" and check.passed:
        seen = "not at n" if check.seen_from is None else f"{check.seen_from:,}"
    bend = "" if check.bend is None or not check.passed else f"{check.bend:.2f}"
    return f"| {check.law} | {ASKED[check.answer]} | {means} | {seen} | {bend} | {check.why or 'yes'} |"
