"""A protocol, and how two differ, in the words of the terminal."""

from __future__ import annotations

from typing import Any

from harness.benchmark.protocols.catalogue import INPUT_PARTS, Protocol, differences


def described(found: Protocol) -> str:
    """Every fact that decides a protocol's numbers, a line each, with notes, sources and the digest of all."""
    lines = [f"{found.name}, version {found.version}: {found.title}\n"]
    part = ""
    for name, value in found.facts().items():
        head, _, rest = name.partition(".")
        lines.append(f"{head if head != part else '':<18} {rest:<22} {spelled(value)}")
        part = head
    if found.recipe:
        lines.append(f"\nrecipe             {found.recipe} (harness list preprocessing)")
    lines += [f"note               {note}" for note in found.notes]
    lines += [f"source             {source}" for source in found.sources]
    return "\n".join([*lines, f"digest             {found.digest()}"])


def told_apart(left: Protocol, right: Protocol) -> str:
    """In which facts two protocols differ, what that does to a number, and whether their features may be compared."""
    first, second = left.name, right.name
    found = differences(left, right)
    if not found:
        return f"{first} and {second} do not differ in any fact that decides a number."
    lines = []
    for one in found:
        lines.append(f"{one.fact}\n    {first}: {spelled(one.first)}\n    {second}: {spelled(one.second)}")
        if one.effect:
            lines.append(f"    effect: {one.effect}")
    parts = {one.fact.partition(".")[0] for one in found}
    if parts & set(INPUT_PARTS):
        lines.append(
            f"\nFeatures of {first} and {second} differ: no number of one may be compared with one of the other."
        )
    else:
        lines.append(f"\nThe features are the same; only {', '.join(sorted(parts))} differ.")
    return "\n".join(lines)


def spelled(value: Any) -> str:
    """A fact's value as a person reads it."""
    if value is None:
        return "(does not say or have it)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
