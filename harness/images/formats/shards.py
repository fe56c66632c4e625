"""Which files are one set of images: a path, a list, a brace pattern, or a folder of shards.

Shards of one set have names that differ in one number alone (`00012.tar`, `train-00000-of-00004.parquet`). A folder of
several such sets, as a repository of a data set with its splits, is refused: which one is meant is not for us to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.base import UsageError
from harness.images.formats.folder import walk
from harness.images.formats.names import SUFFIXES, beside_images, composed, of_programs

MAX_SHARDS = 100_000  # a brace pattern that yields more is a slip of the pen
FEW = 5
# As Hugging Face names shards, in older sets with a digest at the end.
_COUNTED = re.compile(r"(?P<before>.*)-(?P<number>\d{5})-of-(?P<all>\d{5})(?:-[0-9a-f]{16})?", re.DOTALL)


def is_folder_of(folder: Path, suffix: str) -> bool:
    """Whether a folder holds shards that end in `suffix`, and no image file of its own.

    A table beside a tar of the same name is what a downloader notes of that tar, and no shard.
    """
    found: set[str] = set()
    for name, _ in walk(folder):
        if not of_programs(name):
            if name.lower().endswith(SUFFIXES):
                return False
            found.add(name)
    return bool(_shards_among(found, suffix))


def shard_files(path: str | Path | Sequence[str], suffix: str) -> list[Path]:
    """The files that `path` names, as `shards` does; of a folder the shards in it, in the order of their names.

    Raises UsageError also for a folder that holds several sets, other files, or a set that is not whole.
    """
    folder = Path(path) if isinstance(path, str | Path) else None
    if folder is None or not folder.is_dir():
        return shards(path)
    every = [(name, problem) for name, problem in walk(folder) if not of_programs(name)]
    held = _shards_among({name for name, _ in every}, suffix)
    for name, problem in sorted(every):
        if problem is not None and not beside_images(name):
            raise UsageError(f"{folder}: {name!r} {problem}")
        if name not in held and not beside_images(name) and not _noted(name, held):
            raise UsageError(f"{folder}: {name!r} is not one of the {suffix} files or a known side file; move it away")
    if not held:
        raise UsageError(f"{folder}: holds no {suffix} file")
    sets: dict[str, list[str]] = {}
    for name in sorted(held, key=lambda name: (composed(name), name)):
        sets.setdefault(_set_of(name), []).append(name)
    if len(sets) > 1:
        named = [f"'{_pattern(folder, own)}'" for own in list(sets.values())[:FEW]]
        more = f" and {len(sets) - FEW} more" if len(sets) > FEW else ""
        raise UsageError(f"{folder}: holds {len(sets)} sets of {suffix} files; choose one: {', '.join(named)}{more}")
    (names,) = sets.values()
    _check_whole(folder, names)
    return [folder / name for name in names]


def shards_of_one(paths: Iterable[Path]) -> str | None:
    """The brace pattern of the first paths that are numbered as shards of one set are; None where no two of them are.

    A shell spells an unquoted pattern out, and a command then sees as many sets as there are shards.
    """
    sets: dict[str, list[str]] = {}
    for path in paths:
        sets.setdefault(_set_of(str(path)), []).append(str(path))
    patterns = [_pattern(Path(), names) for names in sets.values() if len(names) > 1]
    return next((pattern for pattern in patterns if re.search(r"\{\d+\.\.\d+\}", pattern)), None)


def pattern_stem(path: Path) -> str:
    """What a brace pattern's files are called but for what it counts or lists: `part` of `part-{000..012}.tar`."""
    return re.sub(r"\{[^{}]*\}", "", path.stem).strip("-_. ")


def _shards_among(names: Iterable[str], suffix: str) -> set[str]:
    names = set(names)
    held = {name for name in names if name.lower().endswith(suffix)}
    return held if suffix == ".tar" else {name for name in held if not _noted(name, names)}


def _noted(name: str, held: Iterable[str]) -> bool:
    """Whether a file is what img2dataset notes of a tar beside it: `00000.parquet` and `00000.tar`."""
    return name.endswith(".parquet") and f"{name.removesuffix('.parquet')}.tar" in held


def _set_of(name: str) -> str:
    """The name of a shard without the number in which it differs from others of its set."""
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if counted := _COUNTED.fullmatch(stem):
        return f"{folder}{slash}{counted['before']}-#-of-#{dot}{suffix}"
    last_number = re.search(r"\d+(?=\D*$)", stem)
    if last_number is None:
        return name
    return f"{folder}{slash}{stem[: last_number.start()]}#{stem[last_number.end() :]}{dot}{suffix}"


def _check_whole(folder: Path, names: Sequence[str]) -> None:
    """Refuse a set of which its own names say that shards are missing."""
    counted = [_COUNTED.fullmatch(Path(name).stem) for name in names]
    promised = {one["all"] for one in counted if one is not None}
    if len(promised) > 1:
        raise UsageError(
            f"{folder}: holds shards of {' and of '.join(str(int(one)) for one in sorted(promised))}, such as "
            f"{names[0]!r}; keep one of these sets"
        )
    every = int(next(iter(promised))) if promised else len(names)
    if len(names) < every:
        there = f"shard {names[0]!r}" if len(names) == 1 else f"{len(names)} shards, {names[0]!r} and others,"
        raise UsageError(
            f"{folder}: holds {there} of {every}; download the rest, or use what is there: '{_pattern(folder, names)}'"
        )


def _pattern(folder: Path, names: Sequence[str]) -> str:
    """The path or the brace pattern that names shards of one set."""
    if len(names) == 1:
        return str(folder / names[0])
    start = len(_common([names[0], *names[1:]]))
    while start and names[0][start - 1].isdigit():  # numbers that share digits are written whole
        start -= 1
    end = len(_common([name[start:][::-1] for name in names]))
    while end and names[0][-end].isdigit():
        end -= 1
    numbers = [name[start : len(name) - end] for name in names]
    width = {len(number) for number in numbers} if all(number.isdecimal() for number in numbers) else {}
    counted = [int(number) for number in numbers] if len(width) == 1 else []
    following = bool(counted) and counted == list(range(counted[0], counted[0] + len(counted)))
    inside = f"{numbers[0]}..{numbers[-1]}" if following else ",".join(numbers)
    return f"{folder / names[0][:start]}{{{inside}}}{names[0][len(names[0]) - end :]}"


def _common(texts: Sequence[str]) -> str:
    shortest, longest = min(texts), max(texts)
    return next((shortest[:at] for at, letter in enumerate(shortest) if letter != longest[at]), shortest)


def shards(path: str | Path | Sequence[str]) -> list[Path]:
    """The files that a path, a list of paths or a brace pattern names, in that order; none of them is opened.

    `{000..012}` counts, with as many digits as its first number has, and `{a,b}` lists, as in WebDataset and bash.
    Raises UsageError for the same file twice and for more than `MAX_SHARDS` of them.
    """
    spelled_out = [path] if isinstance(path, str | Path) else list(path)
    found: list[Path] = []
    for text in map(str, spelled_out):
        # A file or folder whose own name has braces is meant as it stands.
        found += [Path(text)] if Path(text).exists() else map(Path, _expanded(text, text))
        if len(found) > MAX_SHARDS:
            raise UsageError(f"{text}: matches more than {MAX_SHARDS:,} files; check the pattern")
    seen: set[Path] = set()
    for shard in found:
        if shard in seen:
            raise UsageError(f"{shard}: is named twice; its images would count twice")
        seen.add(shard)
    return found


def spelling(path: str | Path | Sequence[str]) -> Path:
    """The path, pattern or list as messages name it."""
    if isinstance(path, str | Path):
        return Path(path)
    first, *others = path
    return Path(f"{first} (and {len(others)} more)") if others else Path(first)


def _expanded(text: str, whole: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", text)
    if match is None:
        return [text]
    span = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if span is not None:
        first, last = int(span[1]), int(span[2])
        if not 0 <= last - first < MAX_SHARDS:
            raise UsageError(f"{whole}: {{{match[1]}}} must count upwards, to less than {MAX_SHARDS:,} files")
        options = [f"{number:0{len(span[1])}d}" for number in range(first, last + 1)]
    elif "," in match[1]:
        options = match[1].split(",")
    else:
        raise UsageError(f"{whole}: {{{match[1]}}} is not a pattern; expected {{000..012}} or {{a,b}}")
    ends = _expanded(text[match.end() :], whole)
    if len(options) * len(ends) > MAX_SHARDS:
        raise UsageError(f"{whole}: matches more than {MAX_SHARDS:,} files; check the pattern")
    return [text[: match.start()] + option + end for option in options for end in ends]
