"""What a project has beside its code: version, citation, release notes, issue forms."""

from __future__ import annotations

import re
import tomllib

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
NOTES = (ROOT / "CHANGELOG.md").read_text("utf-8")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(name):
    return YAML(typ="safe").load(ROOT / name)


def test_the_citation_is_of_this_version_and_has_what_the_format_asks_for():
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == VERSION
    assert f"## {VERSION} ({citation['date-released']})" in NOTES


def test_release_notes_are_by_version_and_by_kind_and_say_each_kind_once():
    heads = re.findall(r"^## .*$", NOTES, re.MULTILINE)
    assert all(re.fullmatch(r"## (Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\))", head) for head in heads), heads
    assert len(set(heads)) == len(heads)
    for part in NOTES.split("\n## ")[1:]:
        kinds = re.findall(r"^### (.*)$", part, re.MULTILINE)
        assert kinds == [kind for kind in ("Added", "Changed", "Fixed") if kind in kinds], part[:40]
        entries = [line for line in part.splitlines() if line.startswith("- ")]
        assert len(set(entries)) == len(entries)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_is_one_that_github_takes(form):
    told = YAML(typ="safe").load(form)
    if form.stem == "config":
        assert set(told) <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= set(told)
    for part in told["body"]:
        assert part["type"] in ("markdown", "input", "textarea", "dropdown", "checkboxes")
        assert part["attributes"].get("label") or part["attributes"].get("value")
