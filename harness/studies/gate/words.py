"""The gate's findings in the words of a log: the answer first, then what has become worse, then the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.base import aligned, counted, decimals, named, p_text, percent
from harness.metrics import WHOLE
from harness.studies.gate.result import Gated, Regression


def text(found: Gated, *, details: bool = False) -> str:
    """What `harness gate` prints; `details` has a row for each test that passed too."""
    lines = [answer(found)]
    if found.encoder_note:
        lines.append(f"note  under {found.encoder_note}")
    if found.of_these_sizes:
        lines.append(
            "note  values are those at these numbers of images (T_N), though OUT ranks population values (T_inf)"
        )
    for pair in found.others:
        renamed = f"is {pair.before} of {found.baseline}" if pair.before != pair.after else ""
        lines.append(f"note  {pair.after}: {'; '.join([*([renamed] if renamed else []), *pair.changed])}")
    # What has become worse first: a log is read from its top.
    lines += [
        f"WORSE {test.generator}: {test.metric} ({test.axis}) {' → '.join(_values(test))}, p {p_text(test.p)}; "
        f"a change for the worse of less than {test.unseen:.2g} may pass unseen"
        for test in found.tests
        if test.held
    ]
    out, baseline = found.out, found.baseline
    lines += [f"WORSE {name}: scored in {baseline}, failed in {out}: {why}" for name, why in found.broken.items()]
    lines += [f"FAILS {name}: not in {baseline}, failed in {out}: {why}" for name, why in found.fresh.items()]
    lines += [f"note  {name}: failed in {baseline} and fails in {out}: {why}" for name, why in found.failing.items()]
    lines += [
        f"WORSE {name}: has an interval in {baseline} and none in {out}: {w}" for name, w in found.collapsed.items()
    ]
    lines += [f"note  {name}: not tested, without an interval in {baseline}: {w}" for name, w in found.untested.items()]
    lines += [f"WORSE {name}: {why}; not so in {baseline}" for name, why in found.copying.items()]
    lines += [f"note  {name}: not tested: in the baseline, {why}" for name, why in found.copied.items()]
    lines += _passed([test for test in found.tests if not test.held], details=details)
    if found.unchanged:
        lines.append(f"same  {named(found.unchanged)}: the very scores of {baseline}, nothing to test")
    if found.checkpoints:
        lines.append(f"note  {named(found.checkpoints)}: one training seed, so a change may be the seed's own")
    if found.tests:
        lines.append(
            f"How sure: p is that of one test for the worse; of all {len(found.tests)} together at most "
            f"{percent(1 - found.level)} of runs that are no worse fail (Holm). More images or training seeds in both "
            "runs let smaller changes be seen."
        )
    return "\n".join(lines)


def _passed(tests: Sequence[Regression], *, details: bool) -> list[str]:
    """The tests that show nothing: counted, or a row each."""
    if not tests:
        return []
    names = list(dict.fromkeys(test.generator for test in tests))
    if not details:
        return [f"ok    {counted(len(tests), 'test')} of {named(names)}: nothing worse beyond noise (--details)"]
    rows = [
        ("ok", t.generator, f"{t.metric} ({t.axis})", *_values(t), p_text(t.p).removeprefix("= "), f"{t.unseen:.2g}")
        for t in tests
    ]
    heads = ("", "generator", "metric", "baseline", "here", "p", "may pass unseen")
    return aligned(rows, heads=heads, right=(3, 4, 5, 6), indent=0)


def _values(test: Regression) -> tuple[str, str]:
    """Before and after, to two significant digits of what may pass unseen."""
    digits = decimals(test.unseen)
    return f"{test.before:.{digits}f}", f"{test.after:.{digits}f}"


def markdown(found: Gated) -> str:
    """The judgement as the summary of a job: its sentence, a row a test, and the lines that are no test."""
    lines = [f"### {'✅' if found.passed else '❌'} {_escaped(answer(found))}", ""]
    if found.tests:
        lines += [
            "| | generator | metric | axis | baseline | here | p |",
            "| --- | --- | --- | --- | ---: | ---: | ---: |",
        ]
        lines += [
            f"| {'**worse**' if test.held else 'ok'} | {_escaped(test.generator)} | {_escaped(test.metric)} | "
            f"{test.axis} | {' | '.join(_values(test))} | {p_text(test.p).removeprefix('= ')} |"
            for test in sorted(found.tests, key=lambda test: not test.held)
        ]
        lines.append("")
    rest = [line for line in text(found).splitlines()[1:] if not line.startswith(("ok   ", "WORSE", "How sure"))]
    failed = [
        line
        for line in text(found).splitlines()
        if line.startswith(("WORSE", "FAILS")) and "; a change for the worse of less than" not in line
    ]
    lines += [f"- {_escaped(line)}" for line in dict.fromkeys((*failed, *rest))]
    return "\n".join(lines) + "\n\n"


def _escaped(words: str) -> str:
    """Words of others in a Markdown table: no cell, tag or link begins in them."""
    return re.sub(r"([|<>\[\]`*])", r"\\\1", words)


def answer(found: Gated) -> str:
    """The judgement in a sentence: what has become worse, in which axis and by which metric, or that nothing has."""
    tests = f"{counted(len(found.tests), 'test')} at {percent(found.level)} (Holm)"
    worse = []
    for generator in dict.fromkeys(test.generator for test in found.tests if test.held):
        own = [test for test in found.tests if test.generator == generator]
        # The axis that fell first; what measures both at once after it, and what did not fall last.
        held = sorted(dict.fromkeys(t.axis for t in own if t.held), key=lambda axis: axis == WHOLE)
        told = [f"{axis} ({_moves(t for t in own if t.held and t.axis == axis)})" for axis in held]
        rest = list(dict.fromkeys(t.axis for t in own if t.axis not in held and t.axis != WHOLE))
        spared = [f"; {axis} is not shown to ({_moves(t for t in own if t.axis == axis)})" for axis in rest]
        worse.append(f"{generator} became worse in {' and in '.join(told)}{''.join(spared)}")
    worse += [f"{generator} collapsed ({why})" for generator, why in found.collapsed.items()]
    worse += [f"{generator} no longer runs" for generator in found.broken]
    worse += [f"{generator} gives reference images back" for generator in found.copying]
    worse += [f"{generator}, which is new, does not run" for generator in found.fresh]
    if worse:
        return f"gate: {named(worse, between='; ')}: {tests}"
    return f"gate: no regression: {tests}, {counted(len(found.unchanged), 'generator')} unchanged"


def _moves(tests: Iterable[Regression]) -> str:
    return ", ".join(f"{test.metric} {test.before:.3g} → {test.after:.3g}" for test in tests)
