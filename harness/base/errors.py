"""The one exception that means "the user can mend this", and text of an error that can be written anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """The text as any file, page and terminal takes it: control characters and bytes that are no UTF-8 as escapes.

    Python hands on a byte of a path or message that is not UTF-8 as half of a surrogate pair, which cannot be written.
    """
    return _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class UsageError(Exception):
    """A mistake in what the user declared or supplied: one clear line each, exit code 2.

    Anything else that escapes is a bug and keeps its traceback.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        listed = (problems,) if isinstance(problems, str) else tuple(problems)
        # Quoted paths and messages may hold what is no UTF-8; a problem can always be written.
        self.problems: tuple[str, ...] = tuple(map(printable, listed))
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[UsageError], tuple[tuple[str, ...]]]:
        return (UsageError, (self.problems,))
