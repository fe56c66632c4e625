"""What `deploy/` shows can be read by the programs it is for, and calls commands that there are."""

import re
import shlex
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from ruamel.yaml import YAML

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MANIFESTS = sorted(DEPLOY.glob("*.yaml"))
SCRIPTS = sorted(DEPLOY.glob("*.sh"))


def commands(file: Path) -> list[list[str]]:
    """Every call of `harness run` or `harness merge` in a file, as words."""
    if file.suffix == ".sh":
        return [
            shlex.split(found) for found in re.findall(r"[\"`](harness (?:run|merge) [^\"`]*)[\"`]", file.read_text())
        ]
    found: list[list[str]] = []

    def walk(value: object) -> None:
        words = value.split() if isinstance(value, str) else value
        if isinstance(words, list) and "harness" in words and len(words) > 2:
            found.append(words[words.index("harness") :])
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                walk(one)

    for document in YAML(typ="safe").load_all(file.read_text()):
        walk(document)
    return [words for words in found if words[1] in ("run", "merge")]


@pytest.mark.parametrize("file", MANIFESTS, ids=[file.name for file in MANIFESTS])
def test_a_manifest_is_yaml_and_every_document_has_a_kind_and_a_name(file):
    documents = [one for one in YAML(typ="safe").load_all(file.read_text()) if "services" not in one]  # compose's
    assert all(one["apiVersion"] and one["kind"] and one["metadata"]["name"] for one in documents)


@pytest.mark.parametrize("file", SCRIPTS, ids=[file.name for file in SCRIPTS])
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
def test_a_script_is_one_for_bash(file):
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0


@pytest.mark.parametrize("file", [*MANIFESTS, *SCRIPTS], ids=lambda file: file.name)
def test_every_command_and_option_in_it_exists(file):
    for _, name, *words in commands(file):
        command = getattr(import_module(f"harness.cli.{name}"), name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_shards_of_the_job_are_as_many_as_its_pods_are_told():
    job = YAML(typ="safe").load((DEPLOY / "kubernetes-shards.yaml").read_text())["spec"]
    [told] = [one for one in job["template"]["spec"]["containers"][0]["env"] if one["name"] == "JOB_COMPLETIONS"]
    assert job["completions"] == job["parallelism"] == int(told["value"])
    assert all(commands(file) for file in DEPLOY.glob("*.*") if file.name.startswith(("kube", "slurm")))
