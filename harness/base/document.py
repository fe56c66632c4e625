"""A YAML file as plain values that remember their places, and everything found wrong with it, said in one go."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from harness.base.bounds import YAML_BYTES, check_size
from harness.base.errors import UsageError
from harness.base.words import Location, did_you_mean, explain

Model = TypeVar("Model", bound=BaseModel)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Names become file names and MLflow keys.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
NAME_RULE = "a name has letters, digits, '_', '-' and '.', and starts with a letter or digit"


class Frozen(BaseModel):
    """A part of a declaration: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class FrozenDict(dict[K, V]):
    """A dict that refuses changes; it prints, pickles and goes to JSON as a dict does."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a declaration is frozen; change the YAML file")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return (type(self), (dict(self),))


FrozenMapping = Annotated[dict[str, V], AfterValidator(FrozenDict)]


@dataclass
class Document:
    """One YAML file: its value, the place of every key and item, and the problems found so far."""

    file: str
    value: Any = None
    places: dict[Location, tuple[int, int]] = field(default_factory=dict)
    key_places: dict[Location, tuple[int, int]] = field(default_factory=dict)
    problems: list[tuple[int, int, str]] = field(default_factory=list)
    faulty: set[Location] = field(default_factory=set)

    def complain(self, location: Location, text: str, *, key: bool = False) -> None:
        """Note a problem at a value, or at its key; where the file does not have it, at the nearest thing around it."""
        self.faulty.add(location)
        line, column = self._place(location, key=key)
        dotted = ".".join(str(part) for part in location)
        self.problems.append((line, column, f"{dotted}: {text}" if dotted else text))

    def sound(self, *location: str | int) -> bool:
        """Whether nothing is wrong at a location, around it or inside it."""
        return not any(bad[: len(location)] == location[: len(bad)] for bad in self.faulty)

    def has(self, *location: str | int) -> bool:
        """Whether the file itself has something at a location."""
        return location in self.places

    def lines(self) -> list[str]:
        """The problems as `file:line:column: key: what`, from the top of the file to its end."""
        lines = [f"{self.file}:{line}:{column}: {text}" for line, column, text in sorted(set(self.problems))]
        # A problem stays one line, and harmless to a terminal, whatever text it quotes.
        return ["".join(letter if letter.isprintable() else "␣" for letter in line) for line in lines]

    def where(self, *location: str | int) -> str:
        """`file:line` of a key, for messages about it that come later."""
        return f"{self.file}:{self._place(location, key=True)[0]}"

    def check(
        self, model: type[Model], value: Any, location: Location = (), *, also: Sequence[str] = ()
    ) -> Model | None:
        """The model of a value, or None with every reason noted; `also` names further keys that are allowed there.

        What was already found wrong is not said twice.
        """
        try:
            return model.model_validate(value)
        except ValidationError as errors:
            for error in errors.errors(include_url=False):
                parts = error["loc"]
                at_key = bool(parts) and parts[-1] == "[key]"
                inside = tuple(parts[:-1] if at_key else parts)
                missed = error["type"] == "missing" and self.has(*location, *inside)
                # Pydantic counts the sound entries only: a list is too short beside the entry that makes it so.
                counted = error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]
                if missed or counted or (*location, *inside) in self.faulty:
                    continue
                text = explain(dict(error), model, inside, also)
                self.complain((*location, *inside), text, key=at_key or error["type"] == "extra_forbidden")
            return None

    def _place(self, location: Location, *, key: bool) -> tuple[int, int]:
        if location in self.places:
            return (self.key_places if key and location in self.key_places else self.places)[location]
        if not location:
            return (1, 1)
        # A key that is missing is missed by the key above it, whose own place is clearer than where its value begins.
        return self._place(location[:-1], key=isinstance(location[-1], str))


def read_yaml(path: Path) -> Document:
    """A YAML file's value and places; duplicate keys, aliases and the like are noted as problems.

    Raises UsageError where there is no text to read or it is not YAML, and where it is not a mapping.
    """
    document = Document(str(path))
    text = _text(path)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if isinstance(mark, StringMark) else "1:1"
        raise UsageError(f"{path}:{place}: not valid YAML: {_yaml_reason(problem)}") from None
    except ReaderError as problem:
        before = text[: problem.position]
        place = f"{before.count(chr(10)) + 1}:{problem.position - before.rfind(chr(10))}"
        raise UsageError(f"{path}:{place}: the character #x{problem.character:04x} is not allowed in YAML") from None
    except YAMLError as problem:
        raise UsageError(f"{path}:1:1: not valid YAML: {str(problem).splitlines()[0]}") from None
    except RecursionError:
        raise UsageError(f"{path}:1:1: nested too deeply") from None
    if root is None:
        raise UsageError(f"{path}:1:1: the file is empty; expected a mapping of keys")
    if not isinstance(root, MappingNode):
        what = "a list" if isinstance(root, SequenceNode) else "a single value"
        raise UsageError(f"{path}:{_mark(root)[0]}:{_mark(root)[1]}: found {what}; expected a mapping of keys")
    document.value = _value(root, (), document, set())
    if not document.value and document.problems:
        raise UsageError(document.lines())  # no key could be read: which of them are missing, nobody asked
    return document


def _text(path: Path) -> str:
    try:
        check_size(path, YAML_BYTES, "a YAML file")
        raw = path.read_bytes()
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; expected a YAML file") from None
    except FileNotFoundError:
        beside = [file.name for file in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UsageError(f"{path}: no such file{did_you_mean(path.name, beside).rstrip('.')}") from None
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start]
        line, column = before.count(b"\n") + 1, problem.start - (before.rfind(b"\n") + 1) + 1
        raise UsageError(f"{path}:{line}:{column}: byte 0x{raw[problem.start]:02x} is not UTF-8 text") from None


def _yaml_reason(problem: MarkedYAMLError) -> str:
    text = " ".join(str(problem.problem or problem.context or "").split())
    if "found another document" in text:
        return "a second document starts here; a file holds one"
    if "undefined alias" in text or "undefined anchor" in text:
        return f"{text}; aliases are not used here, write the value out"
    context = " ".join(str(problem.context or "").split())
    mark = problem.context_mark
    if context and context != text and isinstance(mark, StringMark):
        return f"{text} {context} that starts at {mark.line + 1}:{mark.column + 1}"
    return text


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _value(node: Node, location: Location, document: Document, seen: set[int]) -> Any:
    if id(node) in seen:
        # The parser has replaced the alias by the anchor's node, which lies elsewhere.
        document.places[location] = document.key_places.get(location) or document.places[location[:-1]]
        document.complain(location, "an alias of an anchor (&, *); write the value out")
        return None
    # Where nothing is written, the parser points to whatever comes next.
    nothing = isinstance(node, ScalarNode) and not node.value and node.start_mark.index == node.end_mark.index
    key_place = document.key_places.get(location)
    document.places[location] = key_place if nothing and key_place else _mark(node)
    seen.add(id(node))
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if isinstance(node, ScalarNode):
        return _scalar(kind, node.value, location, document)
    if kind not in ("map", "seq"):
        document.complain(location, f"found the tag {node.tag}; tags are not used here")
    if isinstance(node, SequenceNode):
        return [_value(item, (*location, i), document, seen) for i, item in enumerate(node.value)]
    value: dict[str, Any] = {}
    first_line: dict[str, int] = {}
    for key_node, value_node in node.value:
        line, column = _mark(key_node)
        name = str(key_node.value) if isinstance(key_node, ScalarNode) else ""
        inside = (*location, name)
        if str(key_node.tag) == "tag:yaml.org,2002:merge":
            document.problems.append((line, column, f"{_dotted(inside)}: merge keys are not used; write the keys out"))
        elif str(key_node.tag) not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"):
            what = f"the key '{name}' is not text; put it in quotes" if name else "a key must be text"
            document.problems.append((line, column, f"{_dotted(location)}: {what}" if location else what))
        elif name in value:
            text = f"this key is already on line {first_line[name]}; keep one"
            document.problems.append((line, column, f"{_dotted(inside)}: {text}"))
        else:
            first_line[name] = line
            document.key_places[inside] = (line, column)
            value[name] = _value(value_node, inside, document, seen)
    return value


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _scalar(kind: str, text: str, location: Location, document: Document) -> Any:
    plain = text.replace("_", "").lower()
    try:
        if kind in ("str", "timestamp"):
            if _SURROGATES.search(text):  # as JSON spells what lies beyond U+FFFF, and JSON is YAML
                text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            if wrong := re.search(r"[\0\ud800-\udfff]", text):  # written escaped; no path holds it
                line, column = document.places[location]
                character = f"the character #x{ord(wrong[0]):04x} is not allowed here, escaped or not"
                raise UsageError(f"{document.file}:{line}:{column}: {_dotted(location)}: {character}")
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return plain in ("true", "yes", "on")
        if kind == "int":
            return int(plain, 0 if plain.lstrip("+-")[:2] in ("0x", "0o", "0b") else 10)
        if kind == "float":
            number = float(plain.replace(".inf", "inf").replace(".nan", "nan"))
            if not math.isfinite(number):
                document.complain(location, f"found {text}; expected a finite number")
                return None
            return number
    except ValueError:
        document.complain(location, f"found {text[:60]}, which cannot be read as a number")
        return None
    document.complain(location, f"found the tag {kind}; tags are not used here")
    return None
