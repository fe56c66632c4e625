"""Parity as a Markdown table to paste, and what must be read with it."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, isfinite, log10

from harness.studies.parity.result import FEATURES, Parity, Side

COLUMNS = ("peer", "protocol", "quantity", "theirs", "ours", "difference", "rounding allows", "s theirs", "s ours", "")
UNNAMED = "random weights: the values are no measure of quality"


def markdown(found: Parity) -> str:
    """One row a quantity; the peer, its protocol and the seconds stand in its first row."""
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
    yield [*lead, "features, of the largest", *told]
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
    """What the table was made of, what did not run and why, and what a reader must know of its numbers."""
    lines = []
    if found.random:
        lines.append(UNNAMED)
    if found.sides:
        one = found.sides[0]
        lines.append(
            f"{one.n_real} real images of {found.real}, {one.n_fake} fake ones of {found.fake}; {found.device}, "
            f"{found.threads} threads, no worker processes; seconds include loading the network and decoding, once each"
        )
    for side in found.sides:
        if side.features is None:
            lines.append(
                f"{side.peer} read {side.read[0]} and {side.read[1]} images of {side.n_real} and {side.n_fake}: its "
                "reader takes other files of the folders (endings, sub-folders)"
            )
        lines += [f"{side.peer} {side.version}: its {name} failed: {why}" for name, why in side.failed.items()]
    if any(side.singular for side in found.sides):
        lines.append(
            "fewer images than features: the peers' square root of a product of singular covariances loses digits "
            "itself, and more is allowed between two FIDs; compare features, or take more images than 2,048"
        )
    return lines + [f"{name}: {reason}" for name, reason in found.absent.items()]
