"""The table of contents of `harness --help`: commands by section. Commands in no section come last."""

from __future__ import annotations

import re
from collections.abc import Iterable

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Score", ("score", "run", "check", "init", "watch", "list", "encoders", "weights", "stats", "store", "schema")),
    ("Single stages", ("sample", "encode", "rank", "merge", "track", "report")),
    ("Compare", ("compare", "power", "gate", "rerank", "audit", "diagnose", "classes", "fdr6")),
    ("Other measures", ("ppl", "pairs", "judge", "scores", "votes")),
    ("Check against published results", ("reproduce", "parity", "selftest", "show", "diff", "exam")),
    ("Publish and verify", ("export", "site", "submit", "register", "verify")),
)
REST = "More"


def first_sentence(text: str) -> str:
    """The first sentence of a command's help; a full stop after an abbreviation ends none."""
    whole = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<!\bal)(?<!\bsd)[.?](?= [A-Z])", whole, maxsplit=1)[0].rstrip(".?") + (
        "?" if re.match(r"[^.]*\?(?: [A-Z]|$)", whole) else "."
    )


def sections(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The commands that there are, by section, in its order; those of no section come last, by the alphabet."""
    left = set(names)
    found = []
    for title, listed in SECTIONS:
        if held := [name for name in listed if name in left]:
            found.append((title, held))
            left -= set(held)
    return found + ([(REST, sorted(left))] if left else [])
