"""The generated pages of the docs site, by their address: each is made of what the program itself says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.docs.pages import cli, files, protocols, python, yaml

MADE: Mapping[str, Callable[[], str]] = {
    "reference/cli.md": cli.page,
    "reference/benchmark.md": yaml.benchmark,
    "reference/yaml.md": yaml.others,
    "reference/python.md": python.page,
    "reference/protocols.md": protocols.page,
    "reference/files.md": files.page,
}
