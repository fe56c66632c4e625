"""The audit in words: what a terminal shows and audit.md has."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import aligned, counted, decimals, listed, named, percent, to_noise, with_ends
from harness.studies.audit.result import Audited, Change, Flip, Printed, Setting, is_none

ROWS = 12  # settings in a table before --details is needed
NAMED = 5  # flips, settings in one sentence; a table has them all


def brief(found: Audited, first: str, random: dict[str, bool], *, details: bool = False) -> str:
    """What a terminal shows: the verdicts, how far each setting moves the metric that ranks, and what would change it.

    `details` has every setting of every encoder, and what each published pipeline would have printed.
    """
    encoders = sorted(found.encoders, key=lambda name: name != first)
    lines = [line.replace("**", "") for e in encoders for line in _verdict(found, e, random.get(e, False)) if line]
    for encoder in encoders if details else encoders[:1]:
        lines += _settings(found, encoder, details=details)
        lines += _orders(found, encoder, details=details)
    left = [encoder for encoder in encoders[1:] if found.settings(encoder)]
    if left and not details:
        lines += ["", f"Tables under {named(left)}: --details"]
    for said, reasons in (("computed", found.unmoved), ("audited", found.failed)):
        shown = reasons if details else reasons[:NAMED]
        lines += ["", *(f"not {said}: {reason}" for reason in shown)] if reasons else []
        lines += [f"{len(reasons) - NAMED} more not {said}: --details"] if len(shown) < len(reasons) else []
    return "\n".join([*lines, "", *sure(found)]).rstrip() + "\n"


def markdown(found: Audited, first: str, random: dict[str, bool]) -> str:
    """The audit as a person reads it: verdict, what moves most, every change, every flip."""
    encoders = sorted(found.encoders, key=lambda name: name != first)
    lines = [f"# Audit of {found.benchmark}", ""]
    for encoder in encoders:
        lines += _verdict(found, encoder, random.get(encoder, False))
    lines += [part for line in sure(found) for part in (line, "")][:-1]
    for encoder in encoders:
        lines += [
            "",
            f"## {encoder}",
            "",
            *_published(found, encoder),
            *_table(found, encoder),
            *_flips(found, encoder),
        ]
    for said, reasons in (("computed", found.unmoved), ("audited", found.failed)):
        lines += ["", *(f"- not {said}: {reason}" for reason in reasons)] if reasons else []
    return "\n".join(lines).rstrip() + "\n"


def _verdict(found: Audited, encoder: str, random: bool) -> list[str]:
    flips = [flip for flip in found.flips if flip.encoder == encoder]
    real = [flip for flip in flips if flip.resolved]
    label = " (random weights: not a measure of quality)" if random else ""
    line = f"**{encoder}**{label}: "
    printed = [p.pipeline for p in found.printed if p.encoder == encoder]
    changed = [c.variant for c in found.changes if c.encoder == encoder]
    if not printed:
        return [f"{line}{found.metric}, which ranks, is not computed under it.", ""]
    if len(set(printed)) == 1 and not changed:
        return [f"{line}none of the variants could be taken, so nothing is known of its ranks.", ""]
    if real:
        pairs = len({(f.first, f.second) for f in real})
        line += f"the order of {pairs} pair{'s'[: pairs > 1]} flips beyond noise: {_flipped(real)}. "
    else:
        line += "no order of two generators flips beyond noise. "
    if seeming := [flip for flip in flips if not flip.resolved]:
        are = "are" if len(seeming) > 1 else "is"
        line += f"{counted(len(seeming), 'flip')} of a pair under a variant {are} within noise: {_flipped(seeming)}. "
    line += _moves(found, encoder)
    if not changed:
        line += "Every variant has its own encoder: compare orders, not values."
    return [line.rstrip(), ""]


def _flipped(flips: Sequence[Flip]) -> str:
    return listed([f"{f.first} and {f.second} under {f.variant}" for f in flips], NAMED, between="; ", last="; and ")


def _settings(found: Audited, encoder: str, *, details: bool) -> list[str]:
    """How far each setting moves the metric that ranks, a row each."""
    settings = found.settings(encoder)
    if not settings:
        return []
    rows = []
    for setting in settings if details else settings[:ROWS]:
        most = setting.most
        value, pinned = (_rounded(x, most) for x in (most.value, most.pinned))
        largest = "none" if is_none(most) else f"{most.generator} {pinned} → {value}"
        shift = "" if setting.shift is None else f"{round(setting.shift, 9):.3g}"  # no digits of rounding
        row = (setting.variant, moved_words(setting), largest, change_words(most), shift)
        rows.append(row if details else (*row[:3], shift))
    heads = ("setting", "median change", "largest change", *(["difference"] if details else []), "reference, FD")
    told = ["", f"{encoder}: how far each setting moves {found.metric}; reference: against itself"]
    told += aligned(rows, heads=heads, right=(len(heads) - 1,), wrap={0: 26, 2: 28})
    return [*told, *([f"  {len(settings) - ROWS} more settings: --details"] if len(rows) < len(settings) else [])]


def _rounded(value: float, change: Change) -> str:
    """A value with as many digits as the interval of its change tells."""
    if change.low is None or change.high is None:
        return f"{value:.4g}"
    return f"{value:.{decimals((change.high - change.low) / 2)}f}"


def _orders(found: Audited, encoder: str, *, details: bool) -> list[str]:
    """What each published pipeline would have printed, best first; with `details` with intervals and ranks."""
    own = [p for p in found.printed if p.encoder == encoder]
    pipelines = list(dict.fromkeys(p.pipeline for p in own))
    if len(pipelines) < 2:
        return []
    rows: list[tuple[str, ...]] = []
    for name in pipelines:
        row = sorted((p for p in own if p.pipeline == name), key=lambda p: p.rank)
        label = _label(row[0])
        if details:
            shown = [(p.generator, with_ends(p.value, p.low, p.high), str(p.rank)) for p in row]
            rows += [(label if not n else "", *cells) for n, cells in enumerate(shown)]
        else:
            rows.append((label, listed([f"{p.generator} {_short(p)}" for p in row], NAMED)))
    told = ["", f"What each published pipeline would have printed for {found.metric}, best first:"]
    if not details:
        return [*told, *aligned(rows, heads=("pipeline", "generators"), wrap={0: 26, 1: 46})]
    return [*told, *aligned(rows, heads=("pipeline", "generator", "value", "rank"), right=(2, 3))]


def _short(printed: Printed) -> str:
    return to_noise(printed.value, printed.low, printed.high)[0]


def _label(one: Printed) -> str:
    return f"{one.pipeline}{' (own encoder)' if one.whole else ''}{', random weights' if one.random else ''}"


def moved_words(setting: Setting) -> str:
    """`16% up`: the median over generators of |change|, and which way they went."""
    ways = {change.change > 0 for change in setting.changes if not is_none(change)}
    way = {(True,): " up", (False,): " down", (): ""}.get(tuple(ways), " up or down")
    return f"{share_words(setting.share) if ways else '≈ 0'}{way}"


def _moves(found: Audited, encoder: str) -> str:
    """Which settings are shown to move the ranking metric, and how far; then those that are not."""
    told = ""
    if knobs := found.knobs(encoder):
        each = listed([f"{name} by {share_words(share)}" for name, share in knobs], NAMED)
        most = max((s.most for s in found.settings(encoder) if s.shown), key=lambda change: change.share)
        told = f"How far a setting moves {found.metric}, as the median over generators: {each}. The largest change is "
        told += f"that of {most.generator} under {most.variant}, {most.pinned:.4g} → {most.value:.4g}. "
    if (unshown := found.unshown(encoder)) and found.noise_known(encoder):
        told += f"No change of {found.metric} by {listed(unshown, NAMED, between=' or ', last=' or ')} is shown "
        told += "beyond noise. "
    elif unshown:
        told += f"How far noise moves a change of {found.metric} is not known, so none is shown beyond it. "
    return told


def share_words(share: float) -> str:
    """A share that is not 0 in percent, never printed as 0%."""
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}" if share >= 0.001 else "under 0.1%"


def sure(found: Audited) -> list[str]:
    """How sure the verdicts are, and what would change them."""
    return [
        f"How sure: a change's {percent(found.level)} interval, paired over the same images, holds by itself; what "
        "flips beyond noise does so at once, for all pairs and variants of an encoder, and so do the settings "
        f"said to move {found.metric} (Holm).",
        "What would change it: a setting, protocol or encoder that the benchmark's `audit` does not name; more images "
        "show smaller flips.",
    ]


def _published(found: Audited, encoder: str) -> list[str]:
    """What each published pipeline would have printed; nothing where the audit names none."""
    own = [p for p in found.printed if p.encoder == encoder]
    pipelines = list(dict.fromkeys(p.pipeline for p in own))
    if len(pipelines) < 2:
        return []
    generators = list(dict.fromkeys(p.generator for p in own))
    lines = [f"What each published pipeline would have printed for {found.metric}, and in brackets its rank:", ""]
    lines += ["| pipeline | " + " | ".join(generators) + " |", "|---|" + "---|" * len(generators)]
    for name in pipelines:
        row = {p.generator: p for p in own if p.pipeline == name}
        told = [f"{with_ends(p.value, p.low, p.high)} ({p.rank})" for p in row.values()]
        label = _label(next(iter(row.values())))
        lines.append(f"| {label} | {' | '.join(told)} |")
    lines += ["", f"In square brackets {percent(found.level)} intervals, which these pipelines do not print. "]
    if any(p.whole for p in own):
        lines[-1] += "Rows with their own encoder have another unit: compare ranks, not values. "
    if any(p.pipeline.startswith("pipeline:") for p in own):
        lines[-1] += "`pipeline` changes only the path from file to pixels; size and encoder stay as declared."
    lines[-1] = lines[-1].rstrip()
    return [*lines, ""]


def _table(found: Audited, encoder: str) -> list[str]:
    generators = list(dict.fromkeys(c.generator for c in found.changes if c.encoder == encoder))
    metrics = list(dict.fromkeys(c.metric for c in found.changes if c.encoder == encoder))
    metrics.sort(key=lambda name: name != found.metric)
    shifts = {s.variant: s.distance for s in found.shifts if s.encoder == encoder}
    lines = []
    for metric in metrics:
        own = {(c.variant, c.generator): c for c in found.changes if (c.encoder, c.metric) == (encoder, metric)}
        pinned = {generator: next(c.pinned for (_, g), c in own.items() if g == generator) for generator in generators}
        lines += [
            f"Change of {metric}, variant less pinned, {percent(found.level)} intervals paired over the same images:",
            "",
        ]
        moved = {s.variant: moved_words(s) for s in found.settings(encoder)} if metric == found.metric else {}
        middle = " median over generators |" if moved else ""
        lines += [f"| variant | reference against itself, FD |{middle} " + " | ".join(generators) + " |"]
        lines += ["|---|---|" + "---|" * (len(generators) + bool(moved))]
        first = f"| pinned (value) | 0 |{'  |' if moved else ''} "
        lines += [first + " | ".join(f"{pinned[g]:.4g}" for g in generators) + " |"]
        for variant in dict.fromkeys(v for v, _ in own):
            shift = f"{shifts[variant]:.4g}" if variant in shifts else ""
            cells = [change_words(own[variant, generator]) for generator in generators]
            own_middle = [moved[variant]] if moved else []
            lines.append(f"| {' | '.join([variant, shift, *own_middle, *cells])} |")
        lines.append("")
    return lines


def _flips(found: Audited, encoder: str) -> list[str]:
    """Every pair that changes its order, whether beyond noise or not."""
    flips = [flip for flip in found.flips if flip.encoder == encoder]
    if not flips:
        return []
    rows = [f"| {f.variant} | {f.first} | {f.second} | {'yes' if f.resolved else 'no'} |" for f in flips]
    heads = ["| variant | generator | and | beyond noise |", "|---|---|---|---|"]
    return [f"Pairs in another order by {found.metric} under a variant:", "", *heads, *rows, ""]


def change_words(change: Change) -> str:
    """A change and its interval, or that it is of the last bits only."""
    if is_none(change):
        return "≈ 0"
    if change.low is None or change.high is None:
        return f"{change.change:+.3g}"
    return with_ends(change.change, change.low, change.high, sign=True)
