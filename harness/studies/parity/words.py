"""What `harness parity` prints: the answer and a table, or a Markdown table to paste, and remarks on the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, isfinite, log10

from harness.base import aligned, counted, named
from harness.studies.parity.result import FEATURES, Parity, Side

COLUMNS = ("package", "protocol", "quantity", "theirs", "ours", "difference", "tolerance", "s theirs", "s ours", "")
UNNAMED = "random weights: not a measure of quality"
FULL = "`--details`: protocols, tolerances and seconds, as a Markdown table to paste"


def answer(found: Parity) -> str:
    """Which packages agree with ours, in a sentence; what their own code failed at in another."""
    differ = [side.peer for side in found.sides if not side.agrees]
    agree = [side.peer for side in found.sides if side.agrees]
    failed = [f"{name} of {side.peer}" for side in found.sides for name in side.failed]
    left = f" Not compared, because their own code failed: {named(failed)}." if failed else ""
    if not differ:
        return f"Our numbers agree with {named(agree)} to rounding.{left}"
    rest = f"; they agree with {named(agree)}" if agree else ""
    return f"Our numbers differ from {named(differ)} beyond rounding{rest}.{left}"


def text(found: Parity, *, details: bool = False) -> str:
    """The answer, a row a quantity, remarks; with `details` the Markdown table in place of the short one."""
    lines = [answer(found), ""]
    if details:
        lines += [markdown(found), ""]
    else:
        rows = [row for side in found.sides for row in _short(side)]
        heads = ("package", "quantity", "theirs", "ours", "difference", "")
        lines += [*aligned(rows, heads=heads, right=(2, 3, 4)), ""]
    return "\n".join([*lines, *(f"- {line}" for line in remarks(found)), *([] if details else [f"- {FULL}"])])


def _short(side: Side) -> Iterator[tuple[str, ...]]:
    """Rows without protocol, tolerance and seconds."""
    lead = f"{side.peer} {side.version}"
    for _, _, quantity, theirs, ours, difference, _, _, _, verdict in _rows(side):
        yield lead, quantity.partition(",")[0], theirs, ours, difference, verdict.strip("*")
        lead = ""


def markdown(found: Parity) -> str:
    """One row per quantity; package, protocol and seconds are in the first row of a package."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'|'.join(['---'] * 3 + ['---:'] * 6 + ['---'])}|"]
    for side in found.sides:
        lines += [f"| {' | '.join(cells)} |" for cells in _rows(side)]
    return "\n".join(lines)


def _rows(side: Side) -> Iterator[list[str]]:
    lead = [f"{side.peer} {side.version}", side.protocol]
    seconds = [f"{side.seconds_theirs:.1f}", f"{side.seconds_ours:.1f}"]
    if side.features is None:
        told = ["", "", "", f"{FEATURES:.0e}", *seconds, "**other images**"]
    else:
        verdict = "same" if side.features <= FEATURES else "**differs**"
        told = ["", "", f"{side.features:.1e}", f"{FEATURES:.0e}", *seconds, verdict]
    yield [*lead, "features, relative", *told]
    for name, one in side.quantities.items():
        if one.theirs is None:
            yield ["", "", name, "", f"{one.ours:.6g}", "", "", "", "", "theirs failed"]
        else:
            verdict = "same" if one.agrees else "**differs**"
            pair = _pair(one.theirs, one.ours)
            yield ["", "", name, *pair, f"{one.ours - one.theirs:+.1e}", f"{one.allowed:.1e}", "", "", verdict]


def _pair(theirs: float, ours: float) -> tuple[str, str]:
    """Both values with as many digits as tell them apart, six significant ones at least, nine at most."""
    largest = max(abs(theirs), abs(ours)) or 1.0
    apart = abs(ours - theirs)
    wanted = 6 if apart == 0 or not isfinite(apart) else max(6, floor(log10(largest)) - floor(log10(apart)) + 1)
    digits = min(wanted, 9)
    return f"{theirs:.{digits}g}", f"{ours:.{digits}g}"


def remarks(found: Parity) -> list[str]:
    """Images, device, what did not run and why, and limits of the numbers."""
    lines = []
    if found.random:
        lines.append(UNNAMED)
    if found.sides:
        one = found.sides[0]
        lines.append(
            f"{one.n_real} real images of {found.real}, {one.n_fake} fake images of {found.fake}; {found.device}, "
            f"{counted(found.threads, 'thread')}, no worker processes; seconds include loading the network and decoding"
        )
    for side in found.sides:
        if side.features is None:
            lines.append(
                f"{side.peer} read {side.read[0]} and {side.read[1]} images of {side.n_real} and {side.n_fake}: its "
                "reader selects other files (extensions, subfolders)"
            )
        lines += [f"{side.peer} {side.version}: its {name} failed: {why}" for name, why in side.failed.items()]
    if any(side.singular for side in found.sides):
        lines.append(
            "fewer images than features: the packages' square root of singular covariances loses digits, so the "
            "tolerance for FID is larger; compare features, or use more than 2,048 images"
        )
    return lines + [f"{name}: {reason}" for name, reason in found.absent.items()]
