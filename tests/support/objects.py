"""An S3-compatible server of this machine, moto's, in a process of its own: `python -m tests.support.objects`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "bench"
PACKAGES = ("fsspec", "s3fs", "moto", "flask_cors")
ABSENT = [name for name in PACKAGES if find_spec(name) is None]
needs_s3 = pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}")


class S3:
    """The server, with one empty bucket; `environment` is what a client of it needs."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.support.objects"]
        self._process = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()
        self.environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "AKIAHARNESSTEST",
            "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _serve() -> None:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    from urllib.request import Request, urlopen

    address = f"http://{host}:{port}"
    urlopen(Request(f"{address}/{BUCKET}", method="PUT", headers={"Host": f"{host}:{port}"})).read()
    print(address, flush=True)
    sys.stdin.read()  # until whoever started it closes it, or ends
    server.stop()


if __name__ == "__main__":
    _serve()
