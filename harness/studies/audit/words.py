"""The audit in words: what a terminal shows and audit.md has."""

from __future__ import annotations

from collections.abc import Sequence

from harness.base import counted, listed, percent
from harness.studies.audit.result import Audited, Change, Flip, Setting, is_none

NAMED = 5  # flips, settings in one sentence; a table has them all


def brief(found: Audited, first: str, random: dict[str, bool]) -> str:
    """What a terminal shows: the verdicts, how sure, and each variant's changes of the metric that ranks in a line."""
    encoders = sorted(found.encoders, key=lambda name: name != first)
    lines = [line.replace("**", "") for e in encoders for line in _verdict(found, e, random.get(e, False)) if line]
    lines += ["", *sure(found)]
    for encoder in encoders:
        lines += _settings(found, encoder)
        lines += ["", *_published(found, encoder)] if _published(found, encoder) else []
    for said, reasons in (("computed", found.unmoved), ("audited", found.failed)):
        lines += ["", *(f"not {said}: {reason}" for reason in reasons)] if reasons else []
    return "\n".join(lines).rstrip() + "\n"


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
        line += "Every variant brings an encoder of its own, so that orders can be compared and values cannot."
    return [line.rstrip(), ""]


def _flipped(flips: Sequence[Flip]) -> str:
    return listed([f"{f.first} and {f.second} under {f.variant}" for f in flips], NAMED, between="; ", last="; and ")


def _settings(found: Audited, encoder: str) -> list[str]:
    """How far each setting moves the metric that ranks, a line each."""
    settings = found.settings(encoder)
    if not settings:
        return []
    heads = [
        f"{encoder}: how far each setting moves {found.metric}, as the median over generators; the largest change; "
        f"and the reference against itself, FD"
    ]
    width, moved = max(len(s.variant) for s in settings), max(len(moved_words(s)) for s in settings)
    for setting in settings:
        most = setting.most
        largest = f"{most.generator} {most.pinned:.4g} → {most.value:.4g}, {change_words(most)}"
        told = "none" if is_none(most) else largest
        shift = "" if setting.shift is None else f"; reference {round(setting.shift, 9):.3g}"  # no digits of rounding
        heads.append(f"  {setting.variant:<{width}}  {moved_words(setting):<{moved}}   {told}{shift}")
    return ["", *heads]


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
        told = [f"{p.value:.4g} [{p.low:.4g}, {p.high:.4g}] ({p.rank})" for p in row.values()]
        one = next(iter(row.values()))
        label = f"{name}{' (own encoder)' if one.whole else ''}{', random weights' if one.random else ''}"
        lines.append(f"| {label} | {' | '.join(told)} |")
    lines += ["", f"In square brackets {percent(found.level)} intervals, which no pipeline prints. "]
    if any(p.whole for p in own):
        lines[-1] += "Rows with an encoder of their own are in another unit: compare ranks, not values. "
    if any(p.pipeline.startswith("pipeline:") for p in own):
        lines[-1] += "`pipeline` takes the way from file to pixels only, to the pinned size and encoder."
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
    if change.low is None:
        return f"{change.change:+.3g}"
    return f"{change.change:+.3g} [{change.low:+.3g}, {change.high:+.3g}]"
