"""Pages whose blocks are run: what each block of a Markdown file is, and what it prints in a folder of its own.

A block is run as a reader would run it, in the order of the page:

    ```sh                          commands, one a line (or one over several lines by a backslash)
    ```python title="train.py"     a file; so are yaml, csv and others with a title
    ```python                      a script, run by itself

A comment on the line before changes that:

    <!-- long -->                  only `python -m tests.docs` runs it, the test suite does not
    <!-- not run: WHY -->          nothing runs it: it needs weights, a cluster, a server
    <!-- output -->                the next block is what the commands before it print
    <!-- output: 1-3, /rank/+4 --> only these lines of it; the rest becomes `…`
    <!-- output, numbers vary -->  of a network that is trained: only the words are compared

Progress goes to stderr and is no output.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import WARM

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>long|not run: [^\n]*?|output(?:, numbers vary)?(?:: [^\n]*?)?) -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
SHELLS = ("sh", "bash", "console")
WIDTH = "80"


@dataclass(frozen=True)
class Block:
    """A fenced block: where its text lies in the page, and how its comment says that it is treated."""

    language: str
    text: str
    title: str | None
    mark: str
    start: int  # of the text, in characters
    end: int
    line: int

    @property
    def long(self) -> bool:
        """Only the documented command runs it."""
        return self.mark == "long"

    @property
    def is_output(self) -> bool:
        """It shows what the commands before it print."""
        return self.mark.startswith("output")

    @property
    def runs(self) -> bool:
        """It is a file or commands, and nothing says that it is not run."""
        if self.is_output or self.mark.startswith("not run"):
            return False
        return self.language in (*SHELLS, "python") or self.title is not None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(
            language=found["language"],
            text=found["text"],
            title=found["title"],
            mark=found["mark"] or "",
            start=found.start("text"),
            end=found.end("text"),
            line=page.count("\n", 0, found.start("language")) + 1,
        )
        for found in BLOCK.finditer(page)
    ]


@dataclass(frozen=True)
class Shown:
    """An output block and what its commands printed in this run."""

    block: Block
    printed: str

    @property
    def expected(self) -> str:
        """What the page should show: the lines of `printed` that its comment picks."""
        return picked(self.printed, self.block.mark.partition(": ")[2])

    @property
    def right(self) -> bool:
        """The page shows what was printed."""
        share = math.inf if "numbers vary" in self.block.mark else 0.05
        return same(self.block.text, self.expected, share=share)


class PageError(AssertionError):
    """A command of a page did not end as a reader expects."""


def outputs(path: Path, folder: Path, *, long: bool) -> Iterator[Shown]:
    """Run a page's blocks in `folder`, and give each output block with what was printed.

    Without `long`, blocks marked long are left out, and every output block after the first of them too.
    """
    said: str | None = ""
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.is_output:
            if said is not None:
                yield Shown(block, said)
        elif not block.runs:
            continue
        elif block.long and not long:
            said = None
        elif block.title is not None:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            said = _ran([sys.executable, "-c", block.text], folder, f"{path}:{block.line}")
        else:
            said = "".join(_ran(words, folder, f"{path}:{block.line}") for words in commands(block.text))


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell block: comments and the prompt left out, lines joined at a backslash."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words:
            yield words


def environment(folder: Path) -> dict[str, str]:
    """An empty home, a terminal of a fixed width, one thread: and nothing that this machine's user has set up."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    ours = {name: os.environ[name] for name in ("HARNESS_MLFLOW", "HARNESS_STORE") if name in os.environ}
    return {
        **kept,
        **pinned,
        **ours,
        "HOME": str(home),
        "COLUMNS": WIDTH,
        "HARNESS_HEARTBEAT": "0",
        "HARNESS_WORKERS": "1",
    }


def _ran(words: Sequence[str], folder: Path, place: str) -> str:
    if words == ["make", "demo"]:
        words = ["harness", "run", "benchmarks/digits.yaml"]
    if words[0] == "cd":
        return ""
    if words[0] == "harness":
        ended = WARM.harness(words[1:], cwd=folder, env=environment(folder), timeout=900, terminal=True)
    else:
        program = [sys.executable, *words[1:]] if words[0] == "python" else list(words)
        ended = subprocess.run(
            program, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=900, check=False
        )
    if ended.returncode:
        raise PageError(f"{place}: `{shlex.join(words)[:200]}` ended with {ended.returncode}\n{ended.stderr[-2000:]}")
    return ended.stdout


def picked(printed: str, selection: str) -> str:
    """The chosen lines of an output, with `…` for those between: `1-3, /rank/+4`, or all without a selection."""
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    if not selection:
        return "".join(f"{line}\n" for line in lines)
    chosen: set[int] = set()
    for part in re.split(r",\s*(?=[/\d])", selection):
        if found := re.fullmatch(r"(\d+)(?:-(\d+))?", part):
            first, last = int(found[1]), int(found[2] or found[1])
        elif found := re.fullmatch(r"/(.+)/(?:\+(\d+))?", part):
            first = next((number for number, line in enumerate(lines, 1) if re.search(found[1], line)), 0)
            last = first + int(found[2] or 0)
        else:
            raise ValueError(f"{part!r} is neither lines (1-3) nor a pattern with lines after it (/rank/+4)")
        if not 1 <= first <= len(lines):
            raise PageError(f"no line {part} in the output:\n{printed}")
        chosen.update(range(first, min(last, len(lines)) + 1))
    shown: list[str] = []
    for number, line in enumerate(lines, 1):
        if number in chosen:
            shown.append(line)
        elif line and (not shown or shown[-1] != "…"):
            shown.append("…")
    return "".join(f"{line}\n" for line in shown)


def same(held: str, printed: str, *, share: float = 0.05) -> bool:
    """Two outputs say the same: equal words, numbers within `share` or two units of their last place.

    The last digits of a float may differ between machines; spaces, rules, and how many seconds something took count
    for nothing.
    """
    left, right = (re.sub(r"[─\s]+", " ", re.sub(r"\d+(\.\d+)? s\b", "0 s", text)).strip() for text in (held, printed))
    if NUMBER.sub("#", left) != NUMBER.sub("#", right):
        return False
    return all(_near(a, b, share) for a, b in zip(NUMBER.findall(left), NUMBER.findall(right), strict=True))


def _near(first: str, second: str, share: float) -> bool:
    places = max(len(text.partition(".")[2]) for text in (first, second))
    one, other = (float(text.replace(",", "").rstrip(".") or 0) for text in (first, second))
    return share == math.inf or math.isclose(
        one, other, rel_tol=share, abs_tol=2.01 * 10.0**-places if places else 1.01
    )


def rewritten(page: str, shown: Sequence[Shown]) -> str:
    """The page with its output blocks as they were printed now."""
    for one in sorted(shown, key=lambda one: one.block.start, reverse=True):
        page = page[: one.block.start] + one.expected + page[one.block.end :]
    return page


def linked(folder: Path) -> Path:
    """The folder, with what a reader finds in a clone of the repository."""
    for name in ("benchmarks", "datasets.yaml", "examples"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def pages_that_run() -> list[Path]:
    """Pages whose blocks are run: the README, tutorials, how-to pages and explanations."""
    folders = [ROOT / "docs" / name for name in ("tutorials", "how-to", "explanation")]
    return [ROOT / "README.md", *(path for folder in folders for path in sorted(folder.glob("*.md")))]
