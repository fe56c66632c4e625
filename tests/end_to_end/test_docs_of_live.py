"""The two pages on images that no file holds yet work as they stand, and so does the notebook, output and all."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXECUTE = importlib.util.spec_from_file_location("execute", ROOT / "docs/notebooks/execute.py")
execute = importlib.util.module_from_spec(EXECUTE)
EXECUTE.loader.exec_module(execute)
NOTEBOOK = ROOT / "docs/notebooks/two-arrays.ipynb"


@pytest.fixture(autouse=True)
def store(tmp_path_factory, monkeypatch):
    """One for all: the page and the notebook score the same images."""
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path_factory.getbasetemp() / "store-of-docs"))


@pytest.mark.parametrize("page", ["in-memory", "during-training"])
def test_every_example_of_the_page_runs_as_it_stands(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, f"docs/{page}.md", "exec"), space)


def test_the_notebook_gives_the_output_that_is_committed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    held = execute.read(NOTEBOOK)
    assert execute.executed(held) == held, "run: python docs/notebooks/execute.py docs/notebooks/two-arrays.ipynb"
    assert sum(len(cell.get("outputs", ())) for cell in held["cells"]) >= 4
