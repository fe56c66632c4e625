"""Whether a Ray cluster answers at an address, said within seconds: Ray's own client tries for minutes, and logs.

Run as a program of its own (`python -m harness.pipeline.executors.ray_answer HOST:PORT`), since what Ray writes below
Python cannot be kept off a terminal otherwise, and a hung request cannot be ended.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

REACH = 4.0  # seconds in which a port must take a connection; a cluster that is just starting gets as many
ANSWER = 10.0  # seconds for an answer of Ray's, once the port has taken one
START = 120.0  # seconds for the whole program: a busy machine takes long to import Ray
_ADDRESS = re.compile(r"(?:ray://)?\[?([^\[\]/]+?)\]?:([0-9]{1,5})")


def problem_at(address: str) -> str | None:
    """Why no run can begin on the cluster at `HOST:PORT` or `ray://HOST:PORT`, in words; None where nothing is wrong.

    Also None for what Ray finds out itself at once, such as `auto`.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    if problem := _unreachable(found[1], int(found[2])):
        return f"nothing answers at {address} ({problem}); say where with --executor ray://HOST:PORT or $RAY_ADDRESS"
    command = [sys.executable, "-m", "harness.pipeline.executors.ray_answer", address]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_ADDRESS": ""}
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=START, env=environment, cwd=Path.cwd(), check=False
        )
        told = json.loads(asked.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return None  # not known: Ray itself will say it
    if told["kind"] in ("AuthenticationError", _RefusedError.__name__):
        return _refused(address)
    if told["kind"] == "TimeoutError":
        return f"what answers at {address} is no Ray cluster, or one of another version: {told['words']}"
    return None


def _unreachable(host: str, port: int) -> str | None:
    """Why a port takes no connection, tried for REACH seconds."""
    until, problem = time.monotonic() + REACH, ""
    while (left := until - time.monotonic()) > 0:
        try:
            socket.create_connection((host, port), timeout=left).close()
        except socket.gaierror:
            return "no machine of that name is known"
        except (OSError, OverflowError) as error:
            problem = str(getattr(error, "strerror", None) or error)
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
        else:
            return None
    return problem


def _refused(address: str) -> str:
    mode, token = os.environ.get("RAY_AUTH_MODE", ""), os.environ.get("RAY_AUTH_TOKEN", "")
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    if mode == "token" and (token.strip() or os.path.exists(path)):
        return f"the cluster at {address} does not accept this token; check $RAY_AUTH_TOKEN or $RAY_AUTH_TOKEN_PATH"
    return (
        f"the cluster at {address} asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
    )


def _ask_gcs(address: str) -> None:
    """Ask the head's own service for the cluster's id."""
    import_module("ray._raylet").GcsClient(address=address)


def _ask_client_server(address: str) -> None:
    """Ask the server of `ray://` for a sign of life."""
    grpc = import_module("grpc")
    messages = import_module("ray.core.generated.ray_client_pb2")
    services = import_module("ray.core.generated.ray_client_pb2_grpc")
    channel = import_module("ray._private.grpc_utils").init_grpc_channel(address)
    ping = messages.ClusterInfoRequest(type=messages.ClusterInfoType.PING)
    try:
        services.RayletDriverStub(channel).ClusterInfo(ping, timeout=ANSWER)
    except grpc.RpcError as error:
        name = error.code().name
        raise (_RefusedError if name in ("UNAUTHENTICATED", "PERMISSION_DENIED") else TimeoutError)(name) from None


class _RefusedError(Exception):
    """The server of `ray://` wants another token, or one at all."""


def _answer(address: str, ask: Callable[[str], None]) -> dict[str, str]:
    """How the question went: the class of what it raised, "" where it was answered, and a few words."""
    told: dict[str, Any] = {"kind": "TimeoutError", "words": f"no answer within {ANSWER:.0f} s"}

    def run() -> None:
        try:
            ask(address)
            told.update(kind="", words="")
        except Exception as error:  # Ray's own classes differ from version to version
            kind = type(error).__name__
            told.update(kind="TimeoutError" if kind == "RpcError" else kind, words=str(error).partition("\n")[0][:200])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(ANSWER)
    return dict(told)


def main() -> None:
    """Print one line of JSON about the address that is the argument."""
    import_module("ray")  # before the clock starts
    given = sys.argv[1]
    address = given.removeprefix("ray://")
    told = _answer(address, _ask_client_server if given.startswith("ray://") else _ask_gcs)
    print(json.dumps(told), flush=True)
    os._exit(0)  # a request that hangs is not waited for


if __name__ == "__main__":
    main()
