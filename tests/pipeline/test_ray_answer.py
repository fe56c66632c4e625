"""A Ray cluster that does not answer, or asks for a token, is one line within seconds, not minutes of Ray's log."""

import http.server
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.pipeline.executors import ray_answer
from harness.pipeline.executors.ray_answer import problem_at


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_port_where_nobody_listens_is_said_within_seconds(scheme):
    began, address = time.monotonic(), f"{scheme}127.0.0.1:{free_port()}"
    assert problem_at(address).startswith(f"nothing answers at {address} (Connection refused)")
    assert time.monotonic() - began < ray_answer.REACH + 2


def test_a_name_that_is_no_machine_is_said_at_once():
    assert "no machine of that name is known" in problem_at("head.invalid:6379")


@pytest.mark.parametrize("address", ["auto", "local", "http://127.0.0.1:8265"])
def test_what_ray_finds_out_itself_is_left_to_ray(address):
    assert problem_at(address) is None


def test_a_server_that_is_no_cluster_is_said():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'generative-image-harness[ray]'")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        told = subprocess.run(
            [sys.executable, "-c", f"from {ray_answer.__name__} import *; print(problem_at({address!r}))"],
            capture_output=True,
            text=True,
            check=True,
        )
        server.shutdown()
    assert told.stdout.startswith(f"what answers at {address} is no Ray cluster")
    assert told.stderr == ""


@pytest.mark.slow
def test_a_token_that_is_missing_or_wrong_is_said_and_the_right_one_enters():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'generative-image-harness[ray]'")
    right, wrong, port = secrets.token_hex(32), secrets.token_hex(32), free_port()
    with_token = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": right, "RAY_USAGE_STATS_ENABLED": "0"}
    words = ["--head", "--block", f"--port={port}", "--num-cpus=1", "--include-dashboard=false"]
    head = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", *words],
        env=with_token,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    asks = f"from {ray_answer.__name__} import *; print(problem_at('127.0.0.1:{port}'))"

    def said(**variables: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
        command = [sys.executable, "-c", asks]
        return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True).stdout

    try:
        until = time.monotonic() + 240  # a busy machine
        while said(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=right) != "None\n":
            assert time.monotonic() < until, "the head did not start"
        assert "does not accept this token; check $RAY_AUTH_TOKEN" in (
            found := said(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=wrong)
        )
        assert wrong not in found
        assert right not in found
        assert "asks for a token; set RAY_AUTH_MODE=token" in said()
    finally:
        head.terminate()
        head.wait(30)
