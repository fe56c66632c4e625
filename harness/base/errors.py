"""The one exception that means "the user can mend this"."""

from __future__ import annotations

from collections.abc import Sequence


class UsageError(Exception):
    """A mistake in what the user declared or supplied: one clear line each, exit code 2.

    Anything else that escapes is a bug and keeps its traceback.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[UsageError], tuple[tuple[str, ...]]]:
        return (UsageError, (self.problems,))
