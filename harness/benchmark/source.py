"""What a module's source says without importing it: where it lies, what it defines, which files it hangs on."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Literal

from harness.base import UsageError, did_you_mean, digest_file, inert, is_door, offered

_DISTRIBUTION = {"PIL": "pillow", "cv2": "opencv-python", "sklearn": "scikit-learn", "skimage": "scikit-image"}


@dataclass(frozen=True, slots=True)
class Outline:
    """A top-level thing of a module, as far as its source tells.

    takes  names of its keyword arguments; None where it takes any or the source does not tell
    fit    a class with a method `fit`, its own or from a base in the same file
    """

    form: Literal["class", "function", "other"]
    takes: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    fit: bool = False
    summary: str = ""


def find_module(name: str, folders: Sequence[Path]) -> ModuleSpec:
    """The spec of a module found in `folders` first, then in the environment. Unlike `find_spec`, imports no parent.

    Raises UsageError where there is none.
    """
    importlib.invalidate_caches()
    parts = name.split(".")
    spec: ModuleSpec | None = None
    for depth, part in enumerate(parts, start=1):
        full = ".".join(parts[:depth])
        if depth == 1:
            spec = PathFinder.find_spec(full, [str(folder) for folder in folders]) if part.isidentifier() else None
            if spec is None or not (spec.has_location or depth < len(parts)):
                spec = _from_environment(full, None) or spec
        else:
            assert spec is not None
            spec = _from_environment(full, spec.submodule_search_locations)
        if spec is None or (depth < len(parts) and spec.submodule_search_locations is None):
            break
        if depth == len(parts):
            if spec.origin is None or not spec.has_location:
                break
            return spec
    places = ", ".join(str(folder) for folder in dict.fromkeys(folders))
    raise UsageError(f"no module '{name}'; searched {places} and the environment")


def _from_environment(name: str, locations: Sequence[str] | None) -> ModuleSpec | None:
    if not name.rpartition(".")[2].isidentifier():
        return None
    found = (finder.find_spec(name, locations) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def outline(file: Path, thing: str) -> Outline:
    """What `thing` is in a module's file.

    Raises UsageError where the file does not parse or surely does not define it.
    """
    if file.suffix != ".py":
        return Outline("other")
    tree = _parse(file)
    defined: dict[str, ast.stmt] = {}
    for statement in _top_level(tree.body):
        for name in _names(statement):
            defined[name] = statement
    if thing not in defined:
        if "*" in defined or "__getattr__" in defined:
            return Outline("other")
        public = [name for name in defined if not name.startswith("_")]
        raise UsageError(
            f"no '{thing}' in {file}{did_you_mean(thing, public)} It defines: {', '.join(public) or 'nothing'}"
        )
    node = defined[thing]
    if isinstance(node, ast.ClassDef):
        return _outline_of_class(node, {name: item for name, item in defined.items() if isinstance(item, ast.ClassDef)})
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        # A decorator may change the signature.
        takes, needs = (None, ()) if node.decorator_list else _arguments(node.args, skip=0)
        return Outline("function", takes, needs, summary=_first_line(node))
    return Outline("other")


def source_files(file: Path, *, follow: bool | None = None) -> list[Path]:
    """A module's file and those of its own project that it imports, directly or not.

    The project is the module's top-level package, or the folder of a module outside packages. An installed module
    counts alone unless told otherwise: its distribution's version says the rest.
    """
    file = file.resolve()
    follow = not is_installed(file) if follow is None else follow
    root, package = _project(file)
    # In the harness itself, whose components hang on the same files, a name is looked up once as long as no file moves.
    version = _version_of(root / package) if package == "harness" else None
    found: dict[Path, None] = {}
    asked: set[str] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix == ".py" and follow:
            for name in _absolute_imports(path, root) - asked:
                asked.add(name)
                top = name.split(".")[0]
                if top == package or (not package and top != "harness"):
                    waiting += _module_files(root, name) if version is None else _own_files(root, name, version)
    return sorted(found)


def sources(file: Path, *, follow: bool | None = None) -> dict[str, str]:
    """SHA-256 of each of `source_files`, by its path inside the project."""
    root, _ = _project(file.resolve())
    return {path.relative_to(root).as_posix(): digest_source(path) for path in source_files(file, follow=follow)}


def digest_source(file: Path) -> str:
    """SHA-256 of a source file, read once in a process unless its size or time of change moves."""
    return _digest(file, _stamp(file))


def is_installed(file: Path) -> bool:
    """Whether a file lies in the standard library or among installed distributions (editable ones lie elsewhere)."""
    places = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    return any(place in file.resolve().parents for place in places)


def distributions(file: Path, target: str) -> list[str]:
    """Distributions that a user's module and those of its project import, sorted; `target` is its module:thing."""
    files = source_files(file)
    own = {path.stem for path in files} | {path.parent.name for path in files}
    roots = {root for path in files for root in imported_roots(path)} - own
    if is_installed(file):
        roots.add(target.partition(":")[0].split(".")[0])
    return sorted({_DISTRIBUTION.get(root, root) for root in roots} - {"harness"})


def imported_roots(file: Path) -> list[str]:
    """Top-level names of everything that a file imports outside the standard library, sorted."""
    if file.suffix != ".py":
        return []
    names = {name.split(".")[0] for name, level in _imports(_parse(file)) if level == 0}
    return sorted(names - set(sys.stdlib_module_names))


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as problem:
        raise UsageError(f"{file}:{problem.lineno or 1}: not valid Python: {problem.msg}") from None
    except (OSError, ValueError) as problem:
        raise UsageError(f"{file}: cannot be read as Python: {problem}") from None


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _top_level(getattr(statement, field, []))
        if isinstance(statement, ast.Try):
            for handler in statement.handlers:
                yield from _top_level(handler.body)


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _outline_of_class(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Outline:
    family = list(_with_bases(node, classes, set()))
    methods: dict[str, ast.FunctionDef] = {}
    for member in reversed(family):
        methods |= {item.name: item for item in member.body if isinstance(item, ast.FunctionDef)}
    takes: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    # A decorator, a metaclass or a base from elsewhere may bring an __init__ of its own.
    known = all(
        not member.decorator_list
        and not member.keywords
        and all(isinstance(base, ast.Name) and base.id in {*classes, "object"} for base in member.bases)
        for member in family
    )
    if "__init__" in methods and (known or any(item is methods["__init__"] for item in node.body)):
        takes, needs = _arguments(methods["__init__"].args, skip=1)
    elif known and "__new__" not in methods:
        takes = ()
    return Outline("class", takes, needs, fit="fit" in methods, summary=_first_line(node))


def _with_bases(node: ast.ClassDef, classes: dict[str, ast.ClassDef], seen: set[str]) -> Iterator[ast.ClassDef]:
    """A class and those of its bases that lie in the same file, nearest first."""
    seen.add(node.name)
    yield node
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes and base.id not in seen:
            yield from _with_bases(classes[base.id], classes, seen)


def _arguments(arguments: ast.arguments, *, skip: int) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    positional = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    required = positional[skip : len(positional) - len(arguments.defaults)]
    keywords = [argument.arg for argument in arguments.kwonlyargs]
    required += [name for name, default in zip(keywords, arguments.kw_defaults, strict=True) if default is None]
    return (None if arguments.kwarg else (*positional[skip:], *keywords)), tuple(required)


def _first_line(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(node) or "").split("\n")[0]


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level
            yield from (((f"{node.module}." if node.module else "") + alias.name, node.level) for alias in node.names)


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, and what else holds statements, but those below `if TYPE_CHECKING:`, which never run."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                waiting += getattr(node, field, ())


def _absolute_imports(file: Path, root: Path) -> frozenset[str]:
    """Dotted names of what a file may import: of `from a import b` both a and a.b."""
    return _named(file, root, _stamp(file))


def _module_files(root: Path, name: str) -> Iterator[Path]:
    """The files of a dotted name under a folder: its packages' `__init__.py` and its own.

    A name that a door of the harness lists counts as the module behind it, and the door itself does not count: what a
    result hangs on is there, and a name more on a list changes none. Nor do facts about components count.
    """
    path = root
    parts = name.split(".")
    for depth, part in enumerate(parts):
        path = path / part
        init = path / "__init__.py"
        if init.is_file():
            listed = _door(init, ".".join(parts[: depth + 1]), _stamp(init))
            if listed is None:
                yield init
            elif depth + 1 < len(parts):
                home, attribute = listed.get(parts[depth + 1], ("", ""))
                if home and home != name:
                    yield from _module_files(root, home)
                    if attribute:
                        yield from _module_files(root, f"{home}.{attribute}")
        if (module := path.with_name(f"{part}.py")).is_file() and not (
            parts[0] == "harness" and _inert(module, _stamp(module))
        ):
            yield module


def _project(file: Path) -> tuple[Path, str]:
    """The folder that a module's top-level package lies in, and that package's name ("" outside packages)."""
    folder, package = file.parent, ""
    while (folder / "__init__.py").is_file():
        folder, package = folder.parent, folder.name
    return folder, package


# A run asks for the sources of each component, and most hang on the same files: each is read once in a process, until
# its stamp moves.
Stamp = tuple[int, int]


def _stamp(file: Path) -> Stamp:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _digest(file: Path, stamp: Stamp) -> str:
    return digest_file(file)


@cache
def _named(file: Path, root: Path, stamp: Stamp) -> frozenset[str]:
    package = file.parent.relative_to(root).parts
    return frozenset(
        ".".join([*package[: len(package) - level + 1], *filter(None, [name])]) if level else name
        for name, level in _imports(_parse(file))
    )


@lru_cache(maxsize=4096)
def _own_files(root: Path, name: str, version: int) -> tuple[Path, ...]:
    return tuple(_module_files(root, name))


_versions: dict[Path, tuple[list[tuple[str, Stamp]], int]] = {}


def _version_of(package: Path) -> int:
    """A number that is another one whenever a source file of a package has come, gone or changed in this process."""
    found = [
        (entry.path, (status.st_mtime_ns, status.st_size))
        for folder, _, _ in os.walk(package)
        for entry in os.scandir(folder)
        if entry.name.endswith(".py")
        for status in [entry.stat()]
    ]
    held, number = _versions.get(package, ([], 0))
    if found != held:
        number += 1
        _versions[package] = found, number
    return number


@cache
def _door(init: Path, package: str, stamp: Stamp) -> Mapping[str, tuple[str, str]] | None:
    """What a package's door lists; None where its `__init__.py` is none."""
    text = init.read_text(encoding="utf-8")
    return offered(text, package) if is_door(text) else None


@cache
def _inert(module: Path, stamp: Stamp) -> bool:
    return inert(module.read_text(encoding="utf-8"))
