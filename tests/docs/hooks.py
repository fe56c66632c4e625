"""MkDocs asks here while it builds the site: the nav's folders, generated pages, and links out of docs/."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.docs.pages import MADE  # noqa: E402

# Pages whose files lie beside docs/, by the file: GitHub looks for them there.
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
CODE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Writes the folders of the nav out: the pages in them that the nav does not name."""
    nav: list[Any] = config.nav or []
    named = set(_named(nav))
    config.nav = _expanded(nav, named, Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, those whose files lie beside docs/, and the files of the repository that pages link."""
    for address, made in MADE.items():
        files.append(File.generated(config, address, content=made()))
    for name, address in BESIDE.items():
        if files.get_file_from_path(address) is None:
            files.append(File.generated(config, address, content=(ROOT / name).read_text("utf-8")))
    linked = {out for file in files.documentation_pages() for out in _outside(file) if out not in BESIDE}
    for name in sorted(linked):
        files.append(File.generated(config, f"source/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Points links at files of the repository to where the site has them."""
    file = page.file

    def there(match: re.Match[str]) -> str:
        name, anchor = _in_repository(file, match[2])
        if name is None:
            return match[0]
        if (ROOT / name).is_dir():  # which the site cannot show
            return match[1].removesuffix("](").lstrip("![")
        relative = posixpath.relpath(_address(name), posixpath.dirname(file.src_uri) or ".")
        return f"{match[1]}{relative}{anchor}{match[3]}"

    parts = CODE.split(markdown)
    return "".join(part if i % 2 else LINK.sub(there, part) for i, part in enumerate(parts))


def _named(nav: Any) -> Iterator[str]:
    for item in nav if isinstance(nav, list) else [nav]:
        for value in item.values() if isinstance(item, dict) else [item]:
            if isinstance(value, str):
                yield value
            else:
                yield from _named(value)


def _expanded(nav: list[Any], named: set[str], docs: Path) -> list[Any]:
    made: list[Any] = []
    for item in nav:
        if isinstance(item, str) and item.endswith("/"):
            found = sorted(path.relative_to(docs).as_posix() for path in (docs / item).glob("*.md"))
            made += [path for path in found if path not in named]
        elif isinstance(item, dict):
            written = {key: _expanded(of, named, docs) if isinstance(of, list) else of for key, of in item.items()}
            made += [{key: of} for key, of in written.items() if of]  # a section without a page yet is none
        else:
            made.append(item)
    return made


def _home(file: File) -> str:
    """Where the text of a page lies in the repository."""
    return next((name for name, address in BESIDE.items() if address == file.src_uri), f"docs/{file.src_uri}")


def _in_repository(file: File, link: str) -> tuple[str | None, str]:
    """The file or folder of the repository that a link of a page names, and the anchor; None for other links."""
    path, hash_, anchor = link.partition("#")
    if not path or ":" in path or path.startswith("/"):
        return None, ""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(_home(file)), path))
    return (name, hash_ + anchor) if not name.startswith("..") and (ROOT / name).exists() else (None, "")


def _address(name: str) -> str:
    """Where the site has a file of the repository."""
    if name in BESIDE:
        return BESIDE[name]
    return name.removeprefix("docs/") if name.startswith("docs/") else f"source/{name}"


def _outside(file: File) -> Iterator[str]:
    """The files of the repository, not of docs/, that a page links."""
    for part in CODE.split(file.content_string)[::2]:
        for match in LINK.finditer(part):
            name, _ = _in_repository(file, match[2])
            if name is not None and not name.startswith("docs/") and (ROOT / name).is_file():
                yield name
