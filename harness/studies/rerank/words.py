"""What `harness rerank` answers: the sentence, how sure it is, and each two encoders' figures for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.base import aligned, listed, p_text, to_noise
from harness.studies.rerank.runs import Run

if TYPE_CHECKING:
    from harness.studies.rerank.result import People, Reranked
    from harness.studies.rerank.reversals import Order
    from harness.uncertainty import Agreement, Consensus, Judgement

BEYOND = {True: "beyond noise", False: "in value"}  # by whether noise is known
NAMED = 5  # pairs in one sentence; --json has them all
LEAST_P = 0.002  # of 4,000 replicates
NEAR = 0.2  # probability of a reversal from which a pair is worth a line
SETTLES = (
    "What would change it: more images or training seeds settle what is open "
    "(`harness power OUT A B --difference X` says how many)."
)
ROWS = 12  # of a table before --details is needed
FEW = 3  # sentences of one kind, likewise
WIDTH = 24  # letters to which the names of two encoders are folded
SCALE = (
    "tau-b, rho: Kendall's and Spearman's rank correlation of two encoders' orders (1 the same, -1 the reverse) [what "
    "noise allows]. reversed: pairs of generators in opposite order beyond noise."
)
VALUES_SCALE = (
    "tau-b, rho: Kendall's and Spearman's rank correlation of two encoders' orders, 1 the same, -1 the reverse. "
    "reversed: pairs of generators in opposite order in value."
)


def lines(found: Reranked, *, details: bool = False) -> list[str]:
    """What a terminal shows: the answer, two encoders a row, mean ranks, people, and what would change it.

    `details` adds the noise of each correlation, the pairs of generators in question, and how often each is first.
    """
    known, people = found.of.known, people_words(found)
    heading = f"{found.of.title}: {len(found.rankings[0].names)} generators, {len(found.rankings)} encoders"
    heading += f", {100 * found.level:g}% intervals" if known else ""
    told = verdict(found) if details else _verdict(found)
    told += people[:-1] if details else _cut(people[:-1], "pairs of encoders")
    told += [heading, *(f"note: {note}" for note in found.notes)]
    if found.pairs:
        told += ["", *_pairs(found, details=details)]
    if details:
        for pair in found.pairs:
            told += _agreement(pair, known)
    if found.whole is not None:
        told += _consensus(found.whole, known, details=details)
    if found.people is not None:
        told += _people(found.people, known, details=details)
    return [*told, "", *how_sure(found)]


def _verdict(found: Reranked) -> list[str]:
    """The verdict without the numbers of the pairs."""
    if found.counted is None:
        return []
    alike = answer(found.pairs, found.counted, found.of.drawn, known=found.of.known)
    apart = [order.brief for order in found.of.distances if order.pairs]
    return [*alike, *(_cut(apart, "encoders") if apart else distance_words(found.of.distances))]


def _cut(told: Sequence[str], what: str) -> list[str]:
    return [*told[:FEW], *([f"{len(told) - FEW} more {what}: --details."] if len(told) > FEW else [])]


def _pairs(found: Reranked, *, details: bool) -> list[str]:
    """Two encoders a row: tau-b and rho with their intervals, and how many pairs of generators are reversed."""
    known = found.of.known
    rows = [
        (
            f"{pair.first}, {pair.second}",
            *(_correlation(one, known) for one in (pair.tau, pair.rho)),
            str(sum(p.reversed_for_sure for p in pair.pairs)),
        )
        for pair in found.pairs
    ]
    shown = rows if details else rows[:ROWS]
    heads = ("encoders", "tau-b", "rho", "reversed")
    told = aligned(shown, heads=heads, right=(1, 2, 3), wrap={0: WIDTH})
    if len(shown) < len(rows):
        told.append(f"  {len(rows) - len(shown)} more pairs of encoders: --details")
    return [*told, SCALE if known else VALUES_SCALE]


def _correlation(one: Any, known: bool) -> str:
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" if known else f"{one.value:.2f}"


def verdict(found: Reranked) -> list[str]:
    """Do encoders rank alike, and FD and KD under each? In sentences; none for one encoder alone."""
    if found.counted is None:
        return []
    alike = answer(found.pairs, found.counted, found.of.drawn, known=found.of.known)
    return [*alike, *distance_words(found.of.distances)]


def distance_words(orders: Sequence[Order]) -> list[str]:
    """Where FD and KD disagree beyond noise, an encoder a sentence, or that they do so under none."""
    if not orders:
        return []
    apart = [order.sentence for order in orders if order.pairs]
    if not apart:
        return [f"FD and KD order no pair of generators differently beyond noise under {_any(len(orders))}."]
    if not (alike := len(orders) - len(apart)):
        return apart
    others = "encoder" if alike == 1 else f"{alike} encoders"
    return [*apart[:-1], f"{apart[-1]} Under the other {others} they do not."]


def _any(n: int) -> str:
    return "its encoder" if n == 1 else f"any of {n} encoders"


def people_words(found: Reranked) -> list[str]:
    """Which encoder agrees better with people, a line for every two, and last whose answers these are."""
    if found.people is None:
        return []
    better = [_agrees_better(both, found.of.known) for both in found.people.judgement]
    return [*better, f"People: {'; '.join(found.people.notes)}."]


def answer(pairs: Sequence[Agreement], whole: Consensus, drawn: Mapping[str, str], *, known: bool = True) -> list[str]:
    """Do encoders rank alike? In sentences, the answer first; encoders of `drawn` (random weights) only after it.

    `whole` is the consensus of the encoders that count: those not in `drawn`, or all where fewer than two are left.
    Where the noise of the values is not `known`, the orders are those of the values, and nothing is beyond noise.
    """
    meant = [pair for pair in pairs if not {pair.first, pair.second} & set(drawn)]
    told = [_alike(meant or pairs, whole, known)]
    if meant and drawn:
        counted = _turned(meant)
        for encoder, note in drawn.items():
            # Against the encoders that count, each pair of generators once, as in the sentence above.
            also = [
                pair
                for pair in pairs
                if encoder in (pair.first, pair.second) and not drawn.keys() >= {pair.first, pair.second}
            ]
            more = len(_turned(also) - counted)
            what = f"{more or 'no'} more pair{'s'[: more != 1]} of generators"
            told.append(
                f"{encoder} ({note}) is not counted above; with it {what} would be ordered differently beyond noise."
            )
    elif drawn:
        told.append(f"{'; '.join(f'{encoder}: {note}' for encoder, note in drawn.items())}.")
    return told


def _turned(pairs: Sequence[Agreement]) -> set[tuple[str, str]]:
    """The pairs of generators that two encoders order differently beyond noise, each once."""
    return {(pair.first, pair.second) for both in pairs for pair in both.pairs if pair.reversed_for_sure}


def _alike(pairs: Sequence[Agreement], whole: Consensus, known: bool) -> str:
    turned = [(both, pair) for both in pairs for pair in both.pairs if pair.reversed_for_sure]
    names = _turned(pairs)
    total = len(pairs[0].pairs)
    beyond, unknown = BEYOND[known], "" if known else "; noise unknown: give standard errors in a column se"
    agreed = f"; all of them order {len(whole.agreed)} of {total} pairs alike {beyond}{unknown}"
    if turned:
        said = [_who(both, pair) for both, pair in turned]
        return (
            f"{'No: e' if known else 'E'}ncoders order {len(names)} of {total} pairs of generators differently "
            f"{beyond} ({listed(said, NAMED, between='; ', last='; and ')}){agreed}."
        )
    if len(whole.agreed) == total:
        alike = f"very encoder orders all {total} pairs of generators alike"
        return f"Yes: e{alike}, beyond noise." if known else f"E{alike} in value{unknown}."
    return (
        f"{'Not shown to differ: n' if known else 'N'}o two encoders order any of {total} pairs of generators "
        f"differently {beyond}{agreed}{'; what is left may be either' if known else ''}."
    )


def how_sure(found: Reranked) -> list[str]:
    """Two lines: what holds at once and at which level, and what would change it."""
    about = "All of this is about these generators."
    if not found.of.known:
        told = "How sure: not known, since the file tells no standard errors; another measurement may order otherwise"
        people_too = "; intervals and p of people's agreement count people's noise alone" if found.people else ""
        more = "What would change it: a column `se` with the standard error of every value says what is beyond noise."
        return [f"{told}{people_too}. {about}", more]
    apart = ", people apart" if found.people else ""
    at_once = f"what it calls beyond noise holds for all pairs and encoders at once{apart}"
    each = at_once if found.pairs else "each interval holds by itself, not all of them together"
    errors = "What would change it: values with smaller standard errors settle what is open."
    return [f"How sure: at {100 * found.level:g}%; {each}. {about}", SETTLES if isinstance(found.of, Run) else errors]


def _who(both: Agreement, pair: Any) -> str:
    one, other = (pair.first, pair.second) if pair.first_leads[0] > 0.5 else (pair.second, pair.first)
    return f"{both.first} prefers {one} to {other}, {both.second} the reverse"


def _agreement(found: Agreement, known: bool) -> list[str]:
    lines = [f"\n{found.first} and {found.second}"]
    if known:
        lines += _correlations(found)
    sure = [f"{pair.first}/{pair.second}" for pair in found.pairs if pair.reversed_for_sure]
    lines.append(f"  ordered the other way {BEYOND[known]}: {listed(sure, NAMED) or 'no pair'}")
    near = known and sorted(
        (p for p in found.pairs if p.differs >= NEAR and not p.reversed_for_sure), key=lambda p: -p.differs
    )
    if near:
        words = listed([f"{pair.first}/{pair.second} {pair.differs:.2f}" for pair in near], NAMED)
        lines.append(f"  within noise, but reversed in {NEAR:.0%} of replicates or more: {words}")
    return lines


def _correlations(found: Agreement) -> list[str]:
    """Each correlation, its interval, where one more measurement would put it, and how much noise lowers it."""
    rows = [
        (
            one.kind,
            f"{one.value:.2f}",
            f"[{one.low:.2f}, {one.high:.2f}]",
            f"{one.noisy[0]:.2f} to {one.noisy[2]:.2f}",
            f"{one.attenuation:+.3f}",
        )
        for one in (found.tau, found.rho)
    ]
    heads = ("", "value", "interval", "one more measurement", "by noise")
    return aligned(rows, heads=heads, right=range(1, 5))


def _consensus(found: Consensus, known: bool, *, details: bool) -> list[str]:
    """Mean rank over encoders, with what noise allows; with `details` how often each is first under each encoder."""
    rows = []
    for name, (rank, low, high) in found.mean_rank.items():
        shares = {encoder: own[name] for encoder, own in found.first_place.items() if own[name] >= 0.005}
        first = ", ".join(f"{encoder} {share:.0%}" if known else encoder for encoder, share in shares.items())
        rows.append((name, f"{rank:.2f}", f"[{low:.2f}, {high:.2f}]" if known else "", first)[: 4 if details else 3])
    shown = rows if details else rows[:ROWS]
    heads = ("generator", "mean rank", "allowed by noise" if known else "", "first under")
    told = ["", *aligned(shown, heads=heads[: 4 if details else 3], right=(1, 2), wrap={0: WIDTH, 3: 28})]
    if len(shown) < len(rows):
        told.append(f"  {len(rows) - len(shown)} more generators: --details")
    total = len(found.mean_rank) * (len(found.mean_rank) - 1) // 2
    return [*told, f"  all encoders agree {BEYOND[known]} on {len(found.agreed)} of {total} pairs"]


def _agrees_better(both: Judgement, known: bool) -> str:
    winner = both.first if both.gain.low > 0 else both.second if both.gain.high < 0 else None
    noise = "noise" if known else "the noise of people's answers (that of the scores is unknown)"
    verdict = f"{winner} agrees better with people beyond {noise}" if winner else f"no difference beyond {noise}"
    return f"{both.first} rather than {both.second}: {verdict}"


def _people(found: People, known: bool, *, details: bool) -> list[str]:
    """How well each encoder's order agrees with people's; with `details` every two encoders' gain."""
    told = [f"\npeople: {found.notes[0]}", *(f"note: {line}" for line in found.notes[1:])]
    rows = [(one.first, *(_correlation(c, True) for c in (one.tau, one.rho))) for one in found.agreement]
    told += aligned(rows, heads=("encoder and people", "tau-b", "rho"), right=(1, 2))
    if not details:
        return told
    for one in found.agreement:
        told += ["", f"{one.first} and people", *_correlations(one)]
    for both in found.judgement:
        told += ["", _agrees_better(both, known)]
        leads = (("gain in people's error rate", both.gain), ("difference of taus", both.tau))
        gains = [(kind, *_gain(lead), p_text(lead.p, least=LEAST_P).removeprefix("= ")) for kind, lead in leads]
        told += aligned(gains, heads=("", "value", "interval", "p"), right=(1, 2, 3))
    return told


def _gain(lead: Any) -> tuple[str, str]:
    value, low, high = to_noise(lead.value, lead.low, lead.high, sign=True)
    return value, f"[{low}, {high}]"
