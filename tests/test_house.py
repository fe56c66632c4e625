"""The house: rooms, their front doors, and the way that imports take between them."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.base.doors import is_door, offered

PACKAGE = Path(harness.__file__).parent
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").is_file())
STUDIES = sorted(f"studies.{path.parent.name}" for path in (PACKAGE / "studies").glob("*/__init__.py"))


def doors() -> dict[str, dict[str, tuple[str, str]]]:
    """What each package of the harness that has a door offers, by its dotted name."""
    found = {}
    for file in sorted(PACKAGE.rglob("__init__.py")):
        package = ".".join(("harness", *file.parent.relative_to(PACKAGE).parts))
        text = file.read_text(encoding="utf-8")
        if is_door(text):
            found[package] = offered(text, package)
    return found


def strangers(file: Path, text: str) -> Iterator[str]:
    """Imports in a file of the harness that reach past the door of another room."""
    listed = doors()
    mine = ("harness", *file.relative_to(PACKAGE).with_suffix("").parts)[:2]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [(alias.name.rpartition(".")[0], alias.name.rpartition(".")[2]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [(str(node.module), alias.name) for alias in node.names]
        else:
            continue
        for module, name in names:
            parts = module.split(".")
            if parts[0] != "harness" or tuple(parts[:2]) == mine or module == "harness":
                continue
            study = module == "harness.studies" and f"studies.{name}" in STUDIES
            own_door = study or module in ("harness.base.doors", "harness.run") or name in listed.get(module, {})
            allowed = len(parts) == 2 or ".".join(parts[1:]) in STUDIES
            if not (own_door and (allowed or module == "harness.base.doors")):
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}: from {module} import {name}"


def test_the_house_has_twelve_rooms():
    names = [path.name for path in PACKAGE.iterdir() if path.name not in ("__pycache__",)]
    assert len(names) <= 14, sorted(names)
    assert len(ROOMS) == 11  # and run.py
    assert set(doors()) >= {f"harness.{room}" for room in ROOMS if room != "cli"}


def test_no_room_reaches_past_the_door_of_another():
    found = [line for file in sorted(PACKAGE.rglob("*.py")) for line in strangers(file, file.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_the_check_sees_who_climbs_in_through_a_window():
    text = (
        "from harness.images.sets import Mixed\nfrom harness.images import Mixed\nfrom harness.images import _secret\n"
    )
    assert [line.rpartition(" ")[2] for line in strangers(PACKAGE / "cli/main.py", text)] == ["Mixed", "_secret"]
    assert not list(strangers(PACKAGE / "images/files.py", text))


@pytest.mark.parametrize("package", sorted(doors()))
def test_a_door_opens_onto_everything_that_it_lists(package):
    module = importlib.import_module(package)
    for name in doors()[package]:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", sorted(doors()))
def test_no_name_on_a_door_is_hidden_by_a_module_of_that_name(package):
    """Importing `harness.room.plan` sets `plan` on the package: a function listed under that name would be lost."""
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    listed = doors()[package]
    hidden = {
        name
        for name, (home, attribute) in listed.items()
        if name in modules and attribute and f"{package}.{name}" != f"{home}.{attribute}"
    }
    assert not hidden


def test_a_door_opens_under_a_loader_that_gives_no_source():
    """pytest loads a package that brings it a plugin by a loader of its own."""
    from importlib.util import find_spec

    from harness.base.doors import _of_file

    assert "UsageError" in offered(_of_file(find_spec("harness.base")), "harness.base")
    assert _of_file(None) is None
