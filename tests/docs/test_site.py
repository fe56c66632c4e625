"""The docs site: it builds, every link of it leads somewhere, and it loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHROMIUM, ROOT, needs_chromium

pytest.importorskip("mkdocs", reason="the docs site needs the packages of requirements.txt")


def build(site: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", site]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = build(folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_every_page_is_built_and_every_link_and_anchor_of_it_leads_somewhere(site):
    assert {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")} <= {
        path.with_name("README.html") if path.name == "index.html" and path.parent.name == "exam" else path
        for path in (file.relative_to(site) for file in site.rglob("*.html"))
    }


def test_the_site_loads_nothing_from_elsewhere(site):
    loaded = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(https?:)?//|<link\b[^>]*\bhref=["']?(https?:)?//"""
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    assert [str(page) for page in pages if loaded.search(page.read_text("utf-8"))] == []
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert styles
    assert not any(re.search(r"url\(['\"]?https?:|@import", style) for style in styles)


@needs_chromium
def test_the_search_finds_a_key_in_a_page_opened_from_disk_and_asks_no_one_else(site):
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "reference" / "files.html").as_uri())
        page.locator(".md-search__input").click()
        page.keyboard.type("step_size")
        page.wait_for_selector(".md-search-result__item", timeout=120_000)
        assert "benchmark.html" in " ".join(
            link.get_attribute("href") or "" for link in page.locator(".md-search-result__link").all()
        )
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("[gone](nowhere.md)", "nowhere.md"),
        ("[gone](statistics.md#no-such-heading)", "no-such-heading"),
        ("[gone](../harness/nowhere.py)", "nowhere.py"),
    ],
)
def test_a_link_that_leads_nowhere_stops_the_build(tmp_path, page, said):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(f"# Home\n\n{page}\n")
    (docs / "statistics.md").write_text("# Statistics\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {docs}\nnav: [index.md, statistics.md]\nplugins: []\nhooks: []\n"
    )
    stopped = build(tmp_path / "site", config)
    assert stopped.returncode == 1
    assert said in stopped.stdout + stopped.stderr
