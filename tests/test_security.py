"""Lines of docs/security.md that no other test holds."""

from __future__ import annotations

import re

import yaml

from tests.conftest import ROOT


def test_servers_that_the_project_starts_listen_on_this_machine_alone():
    hosts = re.findall(r"--host[ =](\S+)", (ROOT / "Makefile").read_text())
    assert hosts
    assert set(hosts) == {"127.0.0.1"}
    for file in (ROOT / "deploy").glob("compose*.y*ml"):
        services = yaml.safe_load(file.read_text())["services"]
        published = [str(port) for service in services.values() for port in service.get("ports", ())]
        assert published
        assert all(port.startswith("127.0.0.1:") for port in published)


def test_nothing_in_the_harness_unpickles_but_what_its_own_workers_sent():
    """Slurm's workers read what the driver wrote into a folder of mode 0700; torchvision's CIFAR is held by its MD5."""
    found = set()
    for file in (ROOT / "harness").rglob("*.py"):
        for line in file.read_text("utf-8").splitlines():
            code = line.partition("#")[0]
            if re.search(
                r"pickle\.loads?\(|allow_pickle=True|weights_only=False|trust_remote_code=True|joblib\.load", code
            ):
                found.add(file.relative_to(ROOT / "harness").as_posix())
            if re.search(r"(?<!\w)(eval|exec)\(", code) and "_eval(" not in code and ".eval(" not in code:
                found.add(file.relative_to(ROOT / "harness").as_posix())
            if "torch.load(" in code:
                assert "weights_only=True" in code, f"{file}: {line}"
            if re.search(r"np\.load\(", code):
                assert "allow_pickle=False" in code, f"{file}: {line}"
    assert found <= {"pipeline/executors/on_slurm.py"}
