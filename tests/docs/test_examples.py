"""Every block of the README, the tutorials and the how-to pages runs as it is shown, and prints what is shown."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import (
    ROOT,
    PageError,
    blocks,
    commands,
    linked,
    outputs,
    pages_that_run,
    picked,
    rewritten,
    same,
)


@pytest.mark.parametrize("page", pages_that_run(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_page_does_what_it_shows(page, tmp_path):
    for one in outputs(page, linked(tmp_path), long=False):
        assert one.right, (
            f"{page}:{one.block.line} shows another output; `python -m tests.docs {page} --write` renews it:\n"
            f"{one.expected}"
        )


@pytest.mark.parametrize("page", pages_that_run(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_page_is_short_and_every_file_it_links_to_exists(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
    room = {"README.md": 120}.get(page.name, 60 if page.parent.name == "how-to" else 200)
    assert len(text.splitlines()) <= room


def test_the_check_sees_a_wrong_number_a_wrong_word_and_a_failing_command(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '```python\nprint("FD", 3.21, "in", 5, "s")\n```\n\n<!-- output -->\n```text\nFD 3.21 in 9 s\n```\n'
    )
    (shown,) = outputs(page, tmp_path, long=False)
    assert same(shown.block.text, shown.expected)
    assert same("FD 3.22 in 5 s", shown.expected)  # another machine's last digit
    assert not same("FD 3.61 in 5 s", shown.expected)
    assert not same("KD 3.21 in 5 s", shown.expected)
    assert rewritten(page.read_text(), [shown]).endswith("```text\nFD 3.21 in 5 s\n```\n")
    page.write_text("```sh\npython -c 'raise SystemExit(3)'\n```\n")
    with pytest.raises(PageError, match=r"page.md:1: .* ended with 3"):
        list(outputs(page, tmp_path, long=False))


def test_blocks_are_files_commands_or_outputs_as_their_comments_say(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '```yaml title="a/b.yaml"\nx: 1\n```\n\n<!-- not run: it needs a cluster -->\n```sh\nfalse\n```\n\n'
        "```yaml\nonly: shown\n```\n\n<!-- long -->\n```sh\nfalse\n```\n\n<!-- output -->\n```text\nnever\n```\n"
    )
    assert [one.runs for one in blocks(page.read_text())] == [True, False, False, True, False]
    assert list(outputs(page, tmp_path, long=False)) == []
    assert (tmp_path / "a/b.yaml").read_text() == "x: 1\n"
    with pytest.raises(PageError):
        list(outputs(page, tmp_path, long=True))


def test_commands_are_read_as_a_shell_reads_them():
    assert list(commands("# first\n$ harness run 'a b' \\\n  --n 3  # why\n")) == [
        ["harness", "run", "a b", "--n", "3"]
    ]


def test_chosen_lines_keep_their_order_and_the_rest_is_elided():
    text = "one\ntwo\nthree\nfour\nfive\n"
    assert picked(text, "1, /four/+1") == "one\n…\nfour\nfive\n"
    assert picked(text, "/three/") == "…\nthree\n…\n"
    with pytest.raises(PageError, match="six"):
        picked(text, "/six/")
