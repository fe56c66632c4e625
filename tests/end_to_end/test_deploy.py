"""What `deploy/` shows can be read by the programs it is for, and calls commands that there are."""

import os
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


def images(value: object) -> list[str]:
    """Every container image that a manifest names."""
    if isinstance(value, dict):
        own = [value["image"]] if isinstance(value.get("image"), str) else []
        return own + [found for one in value.values() for found in images(one)]
    return [found for one in value for found in images(one)] if isinstance(value, list) else []


@pytest.mark.parametrize("file", MANIFESTS, ids=[file.name for file in MANIFESTS])
def test_every_container_is_of_a_version(file):
    found = [image for one in YAML(typ="safe").load_all(file.read_text()) for image in images(one)]
    assert found
    assert [image for image in found if not re.search(r":\d+(\.\d+)+([-\w.]*)$", image)] == []


@pytest.mark.parametrize("file", SCRIPTS, ids=[file.name for file in SCRIPTS])
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
def test_a_script_is_one_for_bash(file):
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0


@pytest.mark.parametrize("file", SCRIPTS, ids=[file.name for file in SCRIPTS])
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck on the PATH")
def test_shellcheck_has_nothing_against_a_script(file):
    told = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
def test_the_script_submits_the_shards_and_then_a_run_that_waits_for_them(tmp_path):
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "" >> "$0.said"\necho "17;cluster"\n')
    sbatch.chmod(0o755)
    words = ["bash", str(DEPLOY / "slurm-shards.sh"), "bench.yaml", "8", "--partition=gpu"]
    subprocess.run(words, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd=tmp_path, check=True)
    first, last = (tmp_path / "sbatch.said").read_text().split("\n\n")[:2]
    assert "--array=1-8" in first.splitlines()
    assert "harness run 'bench.yaml' --shard auto" in first.splitlines()
    assert "--dependency=afterany:17" in last.splitlines()
    assert "harness run 'bench.yaml'" in last.splitlines()
    assert all("--partition=gpu" in one.splitlines() for one in (first, last))


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
