"""Which generator of a run is which of its baseline: by what they are declared to be, then by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.base import UsageError
from harness.studies.scored import Scored

BY_CODE = ("source", "libraries")  # of an identity: another version of the code is no other generator


@dataclass(frozen=True)
class Match:
    """A generator of the run and the one of the baseline that it is held against, by their names there.

    `changed` says in words what is declared otherwise: a path, a parameter.
    """

    after: str
    before: str
    changed: tuple[str, ...] = ()


def matched(run: Scored, baseline: Scored, scored: Sequence[str], there: Iterable[str]) -> tuple[Match, ...]:
    """The partner, among those `there` in the run, of every scored generator of the baseline, in their order.

    Names are given by hand or made from paths (`samples`, `samples-2`), so what a generator is comes first: the same
    component with the same parameters and contents of files, then the same declaration (the same path with other
    images), each under its own name where it has that too. What is left is matched by name alone.

    Raises UsageError where the run lacks one: what is left out cannot be seen to fall.
    """
    free = list(dict.fromkeys(there))
    found: dict[str, str] = {}
    for described in (_identity, _declaration):
        ours, theirs = (
            {name: described(one, name) for name in names} for one, names in ((run, free), (baseline, scored))
        )
        for own_name in (True, False):
            for name in [name for name in scored if name not in found]:
                alike = [after for after in free if theirs[name] is not None and ours[after] == theirs[name]]
                if name in alike if own_name else alike:
                    found[name] = name if own_name else alike[0]
                    free.remove(found[name])
    for name in [name for name in scored if name not in found and name in free]:
        found[name] = name
        free.remove(name)
    if missing := [name for name in scored if name not in found]:
        raise UsageError(
            f"{run.out} lacks {', '.join(missing)}, which {baseline.out} has: what is left out cannot be seen to fall; "
            "score it again, or give a baseline without it"
        )
    return tuple(Match(found[name], name, _changes(run, baseline, found[name], name)) for name in scored)


def _identity(run: Scored, name: str) -> Any:
    """What decides a generator's images but for the code, from the lock file; None where that does not say."""
    known = run.lock.get("components", {}).get("generators", {}).get(name)
    return None if known is None else {key: value for key, value in known.items() if key not in BY_CODE}


def _declaration(run: Scored, name: str) -> Any:
    """A generator's entry in the benchmark; None where the lock file does not say."""
    entry = run.lock.get("benchmark", {}).get("generators", {}).get(name)
    return None if entry is None else {key: value for key, value in entry.items() if key != "name"}


def _changes(run: Scored, baseline: Scored, after: str, before: str) -> tuple[str, ...]:
    ours, theirs = _declaration(run, after), _declaration(baseline, before)
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return ()
    parts = ({**entry, **(entry.get("parameters") or {})} for entry in (ours, theirs))
    one, two = ({key: value for key, value in part.items() if key != "parameters"} for part in parts)
    return tuple(
        f"{key} {_spelled(one.get(key))} here, {_spelled(two.get(key))} in the baseline"
        for key in dict.fromkeys((*one, *two))
        if one.get(key) != two.get(key)
    )


def _spelled(value: Any) -> str:
    return "absent" if value is None else str(value)
