"""`harness list KIND [NAME]`."""

from __future__ import annotations

import click


@click.command("list")
@click.argument(
    "kind", type=click.Choice(["datasets", "generators", "encoders", "metrics", "preprocessing", "protocols", "claims"])
)
@click.argument("name", required=False)
def list_(kind: str, name: str | None) -> None:
    """List the names a benchmark can use, and published claims.

    With NAME, show everything about one: its parameters and, for a metric, what it cannot see.

    \b
    Examples:
      harness list metrics
      harness list metrics recall
    """
    from harness import benchmark
    from harness.base import UsageError, aligned
    from harness.cli.lines import say

    if kind in ("protocols", "claims"):
        if name is not None:
            shown = f"harness show {name}" if kind == "protocols" else f"harness reproduce {name}"
            raise UsageError(f"found a name after {kind}; use `{shown}`")
        rows = _protocols() if kind == "protocols" else _claims()
        say("\n".join(aligned(rows, indent=0)))
    elif name is None:
        lines = aligned(list(benchmark.listing(kind).items()), indent=0)
        if kind == "metrics":
            lines += ["", "↓ lower is better, ↑ higher. Parameters, source and what a metric cannot see:"]
            lines += ["`harness list metrics NAME`."]
        say("\n".join(lines))
    else:
        (_, summary), *rows = benchmark.described(kind, name)
        say("\n".join([f"{name}: {summary}", *aligned(rows, wrap={1: 64})]))


def _protocols() -> list[tuple[str, str]]:
    from harness.benchmark import protocols

    return [(name, protocols.load(name).title) for name in protocols.names()]


def _claims() -> list[tuple[str, str]]:
    from harness.studies import families
    from harness.studies import reproduce as claims

    rows = [(name, claims.load(claims.path_of(name)).title) for name in claims.names()]
    return [*rows, (families.NAME, families.load().title)]
