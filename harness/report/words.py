"""A run in sentences: what it shows, what it does not, and how it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import named, percent
from harness.metrics import facts_of
from harness.pipeline import Row, shown, unlike_reference
from harness.report.run_files import UNSEEN, RunFiles

NAMED = 5  # names, or lines of one kind, before the rest is counted: the table has them all
TARGETS = {"T_N": "the expected value at these sample sizes (T_N)", "T_inf": "the population value (T_inf)"}
REFERENCES = {"random": "the real set treated as one random sample", "fixed": "the real set treated as fixed"}


def leaders(candidates: Sequence[Row]) -> list[Row]:
    """The candidates that no other one is shown to be better than; more than one where the data cannot decide.

    A better rank counts only where the difference is resolved, so a tie keeps both; `candidates` are best first.
    """
    return [
        row
        for place, row in enumerate(candidates)
        if all(better.generator in row.tied_with or better.rank == row.rank for better in candidates[:place])
    ]


def answer(run: RunFiles) -> list[str]:
    """Which generator is best: the sentences that the terminal, the report and MLflow all begin with.

    A control never wins, nor does a generator that gives the reference back; one with another flag not without a word.
    """
    rows = run.ranked(run.first)
    candidates = _candidates(run, rows)
    note = run.board.encoder_notes[run.first]
    said = []
    if note:
        said.append(f"Encoder {run.first} – {note}.")
    if candidates:
        said.append(_best(run, candidates, f"By {run.by.label} under {run.first}"))
    else:
        scored = run.scored(run.first)
        said.append(f"No generator {'can be ranked' if scored else 'was scored'} under the encoder that ranks.")
    flagged = [row for row in candidates if row.flags]
    clean = [row for row in candidates if not row.flags]
    if any(row.flags for row in leaders(candidates)) and clean:
        said.append(_best(run, clean, f"Leaving out the flagged ({named(row.generator for row in flagged)})"))
    if copies := [row.generator for row in run.scored(run.first) if row.copies_reference]:
        have = "has no rank: it returns" if len(copies) == 1 else "have no rank: they return"
        said.append(f"{named(copies)} {have} reference images, so distances mean nothing.")
    return said + _distances(run)


def verdict(run: RunFiles) -> list[str]:
    """What the run shows, in sentences, the most important first: the answer, then all that it must be read with."""
    level = percent(run.board.interval["level"])
    candidates = _candidates(run, run.ranked(run.first))
    said = answer(run)
    if not candidates:
        return [*said, *_flagged(run), *_failed(run)]
    said += _floor(run, candidates)
    said += _flagged(run)
    said += _elsewhere(run)
    said.append(
        f"How sure: the rank ranges of one table hold simultaneously with {level} confidence. A tie means that these"
        " images cannot separate two generators, not that they are equal."
    )
    said.append(_reach(candidates))
    said.append(_change(run, candidates))
    return [*said, *_failed(run)]


def _candidates(run: RunFiles, rows: Sequence[Row]) -> list[Row]:
    """The ranked rows but the controls; the controls too where nothing else was scored."""
    others = [row for row in run.scored(rows[0].encoder) if not row.control] if rows else []
    return [row for row in rows if not row.control] if others else list(rows)


def _best(run: RunFiles, candidates: Sequence[Row], where: str) -> str:
    best = leaders(candidates)
    values = [
        f"{row.generator} ({run.by.label} {shown(row.metrics[run.by.metric])}{', flagged' if row.flags else ''})"
        for row in best
    ]
    if len(candidates) == 1:
        return f"{where}: {values[0]} is the only generator, so there is no ranking."
    if len(best) == 1:
        return f"{where}: {values[0]} is best, beyond noise."
    if len(best) == len(candidates):
        return f"{where}: no difference beyond noise; {named(values)} are tied."
    rest = "every other generator is worse beyond noise"
    return f"{where}: no single best. {named(values)} are tied for first; {rest}."


def _distances(run: RunFiles) -> list[str]:
    """Where the answer depends on the distance: two of them order generators differently, under any encoder."""
    label = {column.metric: column.label for column in run.board.columns}
    said = []
    for found in run.board.disagreements:
        rows = {row.generator: row for row in run.scored(found.encoder)}
        pairs = [pair for pair in found.pairs if not any(rows[name].control for name in pair)]
        if pairs:
            first, second = label[found.first], label[found.second]
            orders = named(f"{better} to {worse}" for better, worse in pairs)
            said.append(
                f"{first} and {second} disagree beyond noise under {found.encoder}: {first} prefers {orders};"
                f" {second} the reverse."
            )
    return said


def _floor(run: RunFiles, candidates: Sequence[Row]) -> list[str]:
    """How far the candidates are from real images that nothing was trained on, where the run shows such."""
    unseen = (row for row in run.scored(run.first) if row.control and run.use(row.generator) == UNSEEN)
    floor = next(unseen, None)
    if floor is None or floor in candidates or run.by.metric not in floor.metrics:
        return []
    if unlike := unlike_reference(run.records, floor.generator, floor.encoder):
        return [f"{unlike.words[0].upper()}{unlike.words[1:]}."]
    by = run.by.metric
    sign = 1 if run.by.lower_is_better else -1

    def better(row: Row) -> bool:
        return sign * row.metrics[by].value < sign * floor.metrics[by].value

    as_good = [row.generator for row in candidates if row.generator in floor.tied_with or better(row)]
    value = f"{run.by.label} {shown(floor.metrics[by])}"
    if not as_good:
        return [f"Held-out real images ({floor.generator}, {value}) score better than every generator, beyond noise."]
    return [f"No worse than held-out real images ({floor.generator}, {value}), within noise: {named(as_good)}."]


def _flagged(run: RunFiles) -> list[str]:
    rows = [row for row in run.scored(run.first) if row.flags]
    said = [f"Flagged: {row.generator} – {'; '.join(row.flags)}." for row in rows[:NAMED]]
    return [*said, *_more(len(rows), "flagged; the table says why")]


def _more(n: int, what: str) -> list[str]:
    """A sentence for those of `n` that have none of their own."""
    return [f"{n - NAMED} more are {what}."] if n > NAMED else []


def _elsewhere(run: RunFiles) -> list[str]:
    said = []
    here = {row.generator for row in leaders(_candidates(run, run.ranked(run.first)))}
    for encoder in run.board.encoders:
        rows = run.ranked(encoder)
        if encoder == run.first or not rows or not run.board.is_ranked(encoder):
            continue
        best = leaders(_candidates(run, rows))
        if not best:
            continue
        names = {row.generator: row.generator + (" (flagged)" if row.flags else "") for row in best}
        note = run.board.encoder_notes[encoder]
        agree = "the same" if set(names) == here else "partly the same" if here & set(names) else "different"
        under = encoder + (f" ({note})" if note else "")
        said.append(f"Under {under} the leaders are {agree}: {named(names.values())}.")
    return said


def _reach(rows: Sequence[Row]) -> str:
    several = sorted({len(row.training_seeds) for row in rows if len(row.training_seeds) > 1})
    one = [row.generator for row in rows if len(row.training_seeds) <= 1]
    said = []
    if several:
        said.append(f"generators with {named(map(str, several))} training seeds: retraining with new seeds")
    if one:
        said.append(f"{named(one)}: this checkpoint, sampler or set of files only")
    return f"What the intervals cover – {'; '.join(said)}."


def _change(run: RunFiles, candidates: Sequence[Row]) -> str:
    """What would give another answer than the first sentence: what the run leaves open, and where it was seen to."""
    best = {row.generator for row in leaders(candidates)}
    elsewhere = [
        encoder
        for encoder in run.board.encoders
        if encoder != run.first
        and run.board.is_ranked(encoder)
        and not run.board.encoder_notes[encoder]
        and (rows := run.ranked(encoder))
        and {row.generator for row in leaders(_candidates(run, rows))} != best
    ]
    # The first sentence's tie, else that of those without a flag, which a reader may mean instead.
    tied = leaders(candidates)
    if len(tied) == 1 and tied[0].flags:
        tied = leaders([row for row in candidates if not row.flags])
    said = []
    if len(tied) > 1:
        seeds = " or training seeds" if any(row.training_seeds for row in tied) else ""
        part = f"more images{seeds}, to separate {named(row.generator for row in tied)}"
        said.append(f"{part} (`harness power OUT A B --difference X`)")
    if elsewhere:
        said.append(f"another encoder (other leaders under {named(elsewhere)})")
    if _distances(run):
        said.append("another distance (FD and KD disagree)")
    said.append("another n or preprocessing: all values change (`harness audit BENCH`)")
    return f"What would change it: {'; '.join(said)}."


def _failed(run: RunFiles) -> list[str]:
    failed: dict[tuple[str, str], list[str]] = {}
    for row in run.board.rows:
        if row.status != "ok":
            failed.setdefault((row.generator, row.reason or "no reason given"), []).append(row.encoder)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (generator, reason), under in failed.items():
        alike.setdefault((reason, tuple(under)), []).append(generator)
    said = [f"Failed: {named(names)} under {named(under)} – {reason}." for (reason, under), names in alike.items()]
    return [*said[:NAMED], *_more(len(said), "reasons of failures; the table has them")]


def terms(run: RunFiles) -> list[tuple[str, str]]:
    """(word, what it means) of what this page shows, the metrics first."""
    interval = run.board.interval
    uses = dict.fromkeys(str(run.parameters(c.metric).get("use", c.metric)) for c in run.board.columns)
    level = percent(interval["level"])
    rows = [facts_of(use) for use in uses]
    found = [(row.label, row.meaning) for row in rows if row.meaning]
    target, reference = interval["target"], interval["reference"]
    about = f" Of {TARGETS.get(target, target)}, with {REFERENCES.get(reference, reference)}."
    found += [
        (
            "interval",
            f"± or [low, high]: {level} confidence interval (CI).{about}",
        ),
        ("rank (set)", "Place by the estimated value, and its simultaneous confidence set. Controls are left out."),
        ("tied, not resolved", "The difference is within noise. The two may still differ."),
        ("beyond noise", f"More than chance explains, at {level}."),
        (
            "training and sampling seed",
            "A new training seed gives another model; a new sampling seed gives other images of the same model.",
        ),
    ]
    if any(row.flags for row in run.board.rows):
        found.append(("flagged", "A problem that the distances do not show, such as copies of training images."))
    if any(row.copies_reference for row in run.board.rows):
        found.append(("no rank", "The generator returns reference images, so its distances mean nothing."))
    if any(row.control for row in run.board.rows):
        found.append(
            (
                "control",
                "Real images, as they are or degraded on purpose. Their results are known, so they test the metrics;"
                " they take no rank.",
            )
        )
    if run.findings:
        found.append(
            (
                "p, p (Holm)",
                "Probability of a difference at least this large by chance alone. p (Holm) is corrected for the number"
                " of tests.",
            )
        )
    if any(name.startswith(("rerank", "diagnosis")) for name in run.findings):
        found.append(("tau-b, rho", "Kendall's and Spearman's rank correlations: 1 is the same order, -1 the reverse."))
    return found
