"""What the package asks of those who install it: what it imports, no more, and no cap that only a test needs."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTION = {
    "PIL": "pillow",
    "cleanfid": "clean-fid",
    "open_clip": "open-clip-torch",
    "sklearn": "scikit-learn",
    "ruamel": "ruamel-yaml",
}
BROUGHT_ALONG = {"pydantic_core": "pydantic", "sqlalchemy": "mlflow"}  # parts of what brings them


def imported() -> set[str]:
    """The distributions that some file of the harness imports, wherever in it."""
    found: set[str] = set()
    for file in (ROOT / "harness").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    outside = found - set(sys.stdlib_module_names) - {"harness"}
    return {canonicalize_name(DISTRIBUTION.get(name, BROUGHT_ALONG.get(name, name))) for name in outside}


def asked(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def test_what_is_required_is_what_is_imported():
    required = asked(PROJECT["dependencies"])
    extras = asked([line for lines in PROJECT["optional-dependencies"].values() for line in lines])
    assert sorted(set(required) - imported()) == []
    assert sorted(imported() - set(required) - set(extras)) == []


def test_no_user_is_capped_and_every_bound_is_said():
    for name, requirement in asked(PROJECT["dependencies"]).items():
        operators = {bound.operator for bound in requirement.specifier}
        assert operators == {">="}, f"{name}: {requirement.specifier}"


def test_what_is_pinned_for_tests_is_allowed_to_users():
    for name, requirement in asked(PROJECT["dependencies"]).items():
        assert importlib.metadata.version(name) in requirement.specifier


@pytest.mark.slow
def test_two_builds_of_a_commit_are_the_same_bytes(tmp_path):
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        subprocess.run([sys.executable, "-m", "tests.support.dist", str(folder)], cwd=ROOT, check=True)
        made.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert made[0].keys() == made[1].keys()
    assert len(made[0]) == 2
    assert made[0] == made[1]
    assert any(name.endswith(".whl") for name in made[0])


def test_the_wheel_has_every_data_file_and_no_test():
    """By setuptools' own reading of pyproject.toml, without a build."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["harness"]
    taken = {file for pattern in patterns for file in (ROOT / "harness").glob(pattern)}
    tracked = subprocess.run(["git", "ls-files", "harness"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("no git checkout")
    files = [Path(line) for line in tracked.stdout.splitlines()]
    left = [str(file) for file in files if file.suffix != ".py" and ROOT / file not in taken]
    assert left == []
