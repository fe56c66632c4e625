"""A room's front door: the one list of what others may import, and imported only when it is asked for.

A package's `__init__.py` names under `if TYPE_CHECKING:` what it offers, as ordinary imports that type checkers and
import-linter read, and ends in `__getattr__ = door(__name__)`. `harness --help` then waits for no numpy, and a
benchmark is checked without torch.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def offered(text: str, package: str) -> dict[str, tuple[str, str]]:
    """The names that a door lists, each with its module and its name there ("" for a module itself).

    `text` is the source of the package's `__init__.py`; nothing is imported.
    """
    listed: dict[str, tuple[str, str]] = {}
    for block in ast.parse(text).body:
        if not (isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"):
            continue
        for line in block.body:
            if isinstance(line, ast.ImportFrom) and line.module:
                for name in line.names:
                    inside = line.module == package
                    home = (f"{package}.{name.name}", "") if inside else (line.module, name.name)
                    listed[name.asname or name.name] = home
    return listed


def is_door(text: str) -> bool:
    """Whether an `__init__.py` is a door and nothing else: importing it decides no result."""
    return text.rstrip().endswith("__getattr__ = door(__name__)")


def inert(text: str) -> bool:
    """Whether importing a module decides no result: it is a door, or says so itself."""
    return is_door(text) or "\nDECIDES_NO_RESULT = True" in text


def _of_file(spec: Any) -> str | None:
    """The source of a module whose loader gives none: pytest's, which loads packages that bring a plugin."""
    origin = getattr(spec, "origin", None)
    if not origin or not origin.endswith(".py"):
        return None
    with open(origin, encoding="utf-8") as stream:
        return stream.read()


def door(package: str) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of a package that imports what its door lists on first use."""
    module = sys.modules[package]
    # By name: importlib.abc, which has the type of such loaders, takes as long to import as all of the command line.
    source = getattr(module.__spec__ and module.__spec__.loader, "get_source", None)
    text = source(package) if source else _of_file(module.__spec__)
    listed = offered(text or "", package)
    module.__dict__["__all__"] = sorted(listed)

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes the package's
        if name not in listed:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, attribute = listed[name]
        found = import_module(home)
        if attribute and not hasattr(found, attribute):  # a module of its, not imported yet
            import_module(f"{home}.{attribute}")
        value = getattr(found, attribute) if attribute else found
        setattr(module, name, value)
        return value

    return __getattr__
