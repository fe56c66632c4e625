"""deploy/: what is written for a server agrees with itself and with what is tested."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_every_image_is_pinned_by_version():
    for service in SERVICES.values():
        assert re.search(r":\d+\.\d+", service["image"]), service["image"]
    (base,) = re.findall(r"^FROM (.+)$", (DEPLOY / "mlflow" / "Dockerfile").read_text(), re.M)
    assert re.search(r":\d+\.\d+\.\d+", base)


def test_the_server_has_the_versions_that_are_tested():
    locked = dict(re.findall(r"^([a-z0-9-]+)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    dockerfile = (DEPLOY / "mlflow" / "Dockerfile").read_text()
    installed = dict(re.findall(r'"([a-z0-9-]+)(?:\[\w+\])?==([\d.]+)"', dockerfile))
    assert installed.keys() == {"mlflow", "psycopg2-binary"}
    assert installed == {name: locked[name] for name in installed}
    assert SERVICES["mlflow"]["image"].endswith(f":{locked['mlflow']}")


def test_ports_are_bound_to_this_machine_and_the_database_has_none():
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports["postgres"] == []
    assert all(port.startswith("127.0.0.1:") for port in ports["mlflow"])


def test_no_secret_is_written_down_and_each_is_demanded():
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOY / ".env.example").read_text(), re.M))
    assert set(re.findall(r"\$\{(\w+)", text)) == asked
    ini = configparser.ConfigParser()
    ini.read(DEPLOY / "mlflow" / "auth.ini")
    assert "admin_password" not in ini["mlflow"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_mounts_is_there(service):
    for mount in SERVICES[service]["volumes"]:
        source = mount.split(":")[0]
        if source.startswith("./"):
            assert (DEPLOY / source).is_file() or (DEPLOY / f"{source}.example").is_file(), source
        else:
            assert source in COMPOSE["volumes"]
