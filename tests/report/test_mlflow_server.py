"""The tracking server of deploy/compose.yaml, without containers: MLflow behind a login, PostgreSQL, proxied files."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest
from ruamel.yaml import YAML

from harness.report.mlflow.reach import TrackingUnavailable
from harness.report.mlflow.sending import track
from tests.support.postgres import postgres
from tests.support.run_directory import GENERATORS, write_run

ROOT = Path(__file__).parents[2]
COMPOSE = YAML(typ="safe").load((ROOT / "deploy" / "compose.yaml").read_text())
PASSWORD, TOKEN = "correct horse battery", "token-of-the-cluster"
FEW = {name: GENERATORS[name] for name in ("kde", "ddpm", "noise")}
TWO = {"digits_convnet": "", "pixels": ""}


@dataclass(frozen=True)
class Server:
    """Where it listens, and where it keeps files and its log."""

    uri: str
    files: Path
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service `mlflow` of the compose file: its command, its environment, its login."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = COMPOSE["services"]["mlflow"]
    replaced = {
        "--artifacts-destination": f"{folder}/artifacts",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
    }
    words = [part.partition("=") for part in service["command"]]
    command = [f"{name}={replaced[name]}" if name in replaced else name + sign + said for name, sign, said in words]
    (folder / "auth.ini").write_text(
        (ROOT / "deploy" / "mlflow" / "auth.ini").read_text().replace("/users/users.db", f"{folder}/users.db")
    )
    (folder / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} admin\n")
    with postgres() as database, (folder / "log").open("w") as log:
        environment = {
            **os.environ,
            **service["environment"],
            "MLFLOW_BACKEND_STORE_URI": database,
            "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "signs cookies",
            "HARNESS_TOKENS": str(folder / "tokens"),
            "PYTHONPATH": str(ROOT / "deploy" / "mlflow"),
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        program = [sys.executable, "-m", *command]
        running = subprocess.Popen(program, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", running, folder / "log")
            yield Server(f"http://127.0.0.1:{port}", folder / "artifacts", folder / "log")
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_for(url: str, running: subprocess.Popen, log: Path) -> None:
    for _ in range(1500):
        assert running.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}: {log.read_text()[-2000:]}")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no fault; and no proxy stands between a test and its server."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(server, monkeypatch):
    """MLflow's client with the login of the administrator."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    return MlflowClient(server.uri)


def parents_of(client, key: str) -> list:
    found = client.get_experiment_by_name("digits leaderboard")
    where = f"tags.`harness.run_key` = '{key}' and tags.`harness.level` = 'benchmark'"
    return list(client.search_runs([found.experiment_id], where)) if found else []


def test_a_server_with_postgresql_keeps_values_files_and_models_and_finds_the_best(server, client, tmp_path):
    out = write_run(tmp_path / "out", generators=FEW, encoders=TWO, run_key="whole")
    sent = track(out, server.uri)
    assert not sent.existed
    assert track(out, server.uri).run_id == sent.run_id
    (parent,) = parents_of(client, "whole")
    assert parent.info.status == "FINISHED"
    children = client.search_runs([sent.experiment_id], f"tags.`mlflow.parentRunId` = '{sent.run_id}'")
    assert len(children) == len(TWO) * (len(FEW) + 1)
    # Files went through the server into its store.
    kept = server.files / sent.experiment_id / sent.run_id / "artifacts" / "run" / "records.jsonl"
    assert kept.read_bytes() == (out / "records.jsonl").read_bytes()
    # A model for each training seed; noise has none, and so one model.
    reference = next(i.dataset for i in parent.inputs.dataset_inputs if i.dataset.name == "digits/reference")
    order = {"field_name": "metrics.fd", "dataset_name": reference.name, "dataset_digest": reference.digest}
    models = client.search_logged_models([sent.experiment_id], order_by=[order])
    assert {model.params["generator"] for model in models} == {*FEW, "broken"}
    seeds = {name: [m.params.get("training_seed") for m in models if m.params["generator"] == name] for name in FEW}
    assert {name: sorted(map(str, found)) for name, found in seeds.items()} == {
        "kde": ["0", "1", "2"],
        "ddpm": ["0", "1", "2"],
        "noise": ["None"],
    }
    assert {model.status.value for model in models if model.params["generator"] == "broken"} == {"FAILED"}
    assert models[0].params["generator"] == "kde"
    best = client.search_logged_models([sent.experiment_id], filter_string="metrics.rank = 1")
    assert {model.params["generator"] for model in best} == {"kde"}


def test_a_wrong_login_is_one_line_without_it_and_user_or_token_get_in(server, tmp_path, monkeypatch):
    out = write_run(tmp_path / "out", generators=FEW, encoders=TWO, run_key="login", failed=())
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)

    def refused() -> str:
        with pytest.raises(TrackingUnavailable) as caught:
            track(out, server.uri)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "requires a login (401)" in refused()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong horse")
    said = refused()
    assert "rejects this login (401)" in said
    assert "wrong horse" not in said
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "no-such-token")
    assert "no-such-token" not in refused()
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    assert not track(out, server.uri).existed
    log = server.log.read_text()
    assert not any(secret in log for secret in (TOKEN, PASSWORD, "wrong horse", "no-such-token"))
    # Nor is anything of it in what was sent.
    assert not any(TOKEN.encode() in path.read_bytes() for path in server.files.rglob("*") if path.is_file())


def send(out: Path, uri: str, barrier, answers) -> None:
    barrier.wait(60)
    try:
        sent = track(out, uri)
        answers.put((sent.run_id, sent.existed))
    except BaseException as problem:
        answers.put((repr(problem), None))
        raise


def test_senders_at_once_log_a_run_once_and_agree_on_its_place(server, client, tmp_path):
    import mlflow  # noqa: F401 - once, before the senders are forked

    fork = multiprocessing.get_context("fork")
    small = {"kde": GENERATORS["kde"]}
    existed = []
    for repeat in range(3):
        out = write_run(
            tmp_path / f"out{repeat}", generators=small, encoders={"pixels": ""}, run_key=f"at once {repeat}"
        )
        lock = out / "benchmark.lock.yaml"
        lock.write_text(
            lock.read_text().replace("sha256:", f"sha256:{repeat}")
        )  # real images that are new to the server
        barrier, answers = fork.Barrier(2), fork.Queue()
        both = [fork.Process(target=send, args=(out, server.uri, barrier, answers)) for _ in "ab"]
        for process in both:
            process.start()
        told = [answers.get(timeout=100) for _ in both]
        for process in both:
            process.join(60)
            assert process.exitcode == 0
        (parent,) = parents_of(client, f"at once {repeat}")
        assert {run_id for run_id, _ in told} == {parent.info.run_id}
        assert parent.info.status == "FINISHED"
        experiment = parent.info.experiment_id
        where = "tags.`harness.level` = 'generator'"
        children = [run.data.tags["mlflow.parentRunId"] for run in client.search_runs([experiment], where)]
        assert children.count(parent.info.run_id) == 2
        existed.append(sorted(existed for _, existed in told))
    assert existed == [[False, True]] * 3, "one logs it, the other finds it there"
    # Of the losers nothing is left: no run, no child, no model.
    everyone = client.search_runs([experiment], max_results=1000)
    alive = {run.info.run_id for run in everyone}
    assert {run.data.tags.get("mlflow.parentRunId", run.info.run_id) for run in everyone} <= alive
    assert {model.source_run_id for model in client.search_logged_models([experiment], max_results=1000)} <= alive
    assert [found.name for found in client.search_experiments() if "claim" in found.name] == []
