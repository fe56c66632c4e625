"""`harness reproduce CLAIMS`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.studies.claims import Claim, ClaimsFile, Judged, Test
    from harness.studies.claims.groups import Group


@click.command()
@click.argument("claims")
@click.option(
    "--out", "outs", multiple=True, type=click.Path(path_type=Path),
    help="A finished run, for claims whose `ours` names no folder (may be repeated).",
)  # fmt: skip
@click.option("--claim", "wanted", multiple=True, help="Only this one, with all of its evidence (may be repeated).")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write everything to this file as JSON.")
def reproduce(claims: str, outs: tuple[Path, ...], wanted: tuple[str, ...], level: float, file: Path | None) -> None:
    """Judge published CLAIMS: a file, or one of `harness list claims`.

    Each claim is consistent or inconsistent with a run of ours or another published number of the same model, not
    comparable with it, or cannot be decided, and the fact that differs or that nobody said is named.
    """
    import json

    from harness.commands.ourruns import runs_for
    from harness.errors import UsageError
    from harness.store import write_atomically
    from harness.studies.claims import judge, load, path_of
    from harness.studies.claims.groups import groups
    from harness.suggest import unknown
    from harness.uncertainty import holm

    found = load(path_of(claims))
    ids = [claim.id for claim in found.claims]
    if wrong := [unknown("claim", name, ids, place=claims) for name in wanted if name not in ids]:
        raise UsageError(wrong)
    judged = [
        judge(claim, found.claims, runs_for(claim, found.folder, outs), level=level)
        for claim in found.claims
        if not wanted or claim.id in wanted
    ]
    tests = _each_once(judged)
    adjusted = holm([test.p for _, test in tests])
    together = groups(found.claims)
    _print(found, judged, detailed=bool(wanted))
    if not wanted:
        _print_groups(together)
    _print_family([(claim, test, p) for (claim, test), p in zip(tests, adjusted, strict=True)], level)
    if file is not None:
        told = _plain(found, judged, together, level)
        write_atomically(file, (json.dumps(told, indent=1, allow_nan=False) + "\n").encode("ascii"))


def _each_once(judged: Sequence[Judged]) -> list[tuple[Claim, Test]]:
    """The tests with a p; one that two published claims share is one test."""
    seen: set[frozenset[str]] = set()
    found = []
    for one in judged:
        for test in one.tests:
            pair = frozenset((one.claim.id, test.against))
            if math.isfinite(test.p) and pair not in seen:
                seen.add(pair)
                found.append((one.claim, test))
    return found


def _print(found: ClaimsFile, judged: Sequence[Judged], *, detailed: bool) -> None:
    import textwrap

    click.echo(found.title)
    if found.note:
        click.echo(textwrap.fill(found.note, 118))
    names = max(len(one.claim.id) for one in judged)
    numbers = max(len(one.claim.spelled) for one in judged)
    click.echo()
    for one in judged:
        claim = one.claim
        click.echo(f"{claim.id:<{names}}  {claim.spelled:<{numbers}}  {one.verdict}: {one.reason}")
        if not detailed:
            continue
        click.echo(f"    {claim.metric} of {claim.model}; {claim.source} ({claim.where})")
        if claim.note:
            click.echo(f"    note: {claim.note}")
        if claim.inferred:
            click.echo(f"    read out of the context, not said: {', '.join(claim.inferred)}")
        for test in one.tests:
            click.echo(f"    against {test.against}: {test.verdict}")
            for line in test.evidence:
                click.echo(f"        {line}")
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in {one.verdict for one in judged}}
    click.echo("\n" + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))


def _print_groups(found: Sequence[Group]) -> None:
    click.echo("\nWhich of these numbers may be compared with each other:")
    for group in found:
        first, within = group.claims[0], group.within
        said = [
            f"{n:,}" if isinstance(n, int) else str(n)
            for n in (first.protocol or first.pipeline, first.dataset, first.resolution, first.reference_split)
            if n is not None
        ]
        said += [f"{k} {getattr(first, k)}" for k in ("n_real", "n_fake") if getattr(first, k) is not None]
        click.echo(f"\n[{group.number}] {first.metric}: {', '.join(said) or 'nothing is said'}")
        click.echo(f"    {', '.join(claim.id for claim in group.claims)}")
        if len(group.claims) > 1:
            reason = "" if not within.missing else f", not said: {', '.join(within.missing)}"
            click.echo(f"    with each other: {within.verdict}{reason}")
        for apart in group.apart:
            numbers = ", ".join(f"[{number}]" for number in apart.groups)
            why = ", ".join(apart.facts)
            word = {"not comparable": "differs in ", "cannot be decided": "not said: ", "comparable": ""}[apart.verdict]
            click.echo(f"    with {numbers}: {apart.verdict}{', ' + word + why if why else ''}")


def _print_family(tests: Sequence[tuple[Claim, Test, float]], level: float) -> None:
    if len(tests) < 2:
        return
    left = [f"{claim.id} against {test.against}" for claim, test, p in tests if p <= 1.0 - level]
    told = f"inconsistent: {', '.join(left)}" if left else "none is inconsistent"
    click.echo(f"\nAll {len(tests)} tests read together (Holm): {told}.")


def _plain(found: ClaimsFile, judged: Sequence[Judged], together: Sequence[Group], level: float) -> dict[str, Any]:
    from harness.studies.claims.judge import unsaid_facts

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "title": found.title,
        "level": level,
        "claims": [
            {
                **one.claim.model_dump(mode="json", exclude={"where"}),
                "verdict": one.verdict,
                "reason": one.reason,
                "not_said": unsaid_facts(one.claim),
                "tests": [
                    {
                        "against": test.against,
                        "verdict": test.verdict,
                        "evidence": list(test.evidence),
                        "differs": [d.fact for d in test.match.differs],
                        "missing": list(test.match.missing),
                        "gap": number(test.gap),
                        "allowed": number(test.allowed),
                        "p": number(test.p),
                    }
                    for test in one.tests
                ],
            }
            for one in judged
        ],
        "groups": [
            {
                "number": group.number,
                "claims": [claim.id for claim in group.claims],
                "within": group.within.verdict,
                "missing": list(group.within.missing),
                "apart": [
                    {"verdict": a.verdict, "facts": list(a.facts), "groups": list(a.groups)} for a in group.apart
                ],
            }
            for group in together
        ],
    }
