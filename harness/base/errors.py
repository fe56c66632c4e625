"""The one exception that means "the user can mend this", and text of an error that can be written anywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


_LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
# As the issuers write them: Hugging Face, GitHub, AWS, OpenAI and the like, Slack.
_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|AKIA[0-9A-Z]{16}"
    r"|sk-[A-Za-z0-9_-]{32,}|xox[abps]-[A-Za-z0-9-]{20,})"
)
_SECRET = re.compile("TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_KEY")  # names of variables
_LEAST = 8  # letters of a value that is looked for: "1" is no secret


def without_password(text: str) -> str:
    """A URI, or words with one in them, as it may be printed."""
    return _LOGIN.sub("", text)


def without_secrets(text: str) -> str:
    """Text without logins in addresses, without tokens, and without what variables such as $HF_TOKEN hold here."""
    text = _TOKEN.sub("***", without_password(text))
    for name, value in os.environ.items():
        if len(value) >= _LEAST and _SECRET.search(name.upper()) and value in text:
            text = text.replace(value, f"***{name}***")
    return text


def holds_secret(text: str) -> bool:
    """Whether a text has a token, or an address with a password, in it."""
    return bool(_TOKEN.search(text) or re.search(r"://[^/@\s]*:[^/@\s]+@", text))


def printable(text: str) -> str:
    """The text as any file, page and terminal takes it, without secrets: records and logs are shown to others.

    Control characters and bytes that are no UTF-8 become escapes.

    Python hands on a byte of a path or message that is not UTF-8 as half of a surrogate pair, which cannot be written.
    """
    escaped = _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return without_secrets(escaped)


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
