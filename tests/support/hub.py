"""A server that answers as the Hugging Face Hub does, for the files of one repository; see HF_ENDPOINT."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34


@contextmanager
def serving(repository: str, files: Mapping[str, bytes], asked: list[str]) -> Iterator[str]:
    """The address of a hub with these files of a repository, at revision `main` and COMMIT; `asked` hears requests."""

    class Answer(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(f"{self.command} {self.path}")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            for revision in ("main", COMMIT):
                if path == f"/api/models/{repository}/revision/{revision}":
                    siblings = [{"rfilename": name} for name in files]
                    told = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
                    return self.send(json.dumps({**told, "tags": [], "private": False}).encode(), "application/json")
                if path.startswith(f"/api/models/{repository}/tree/{revision}"):
                    tree = [
                        {"type": "file", "path": name, "size": len(payload), "oid": hashlib.sha1(payload).hexdigest()}
                        for name, payload in files.items()
                    ]
                    return self.send(json.dumps(tree).encode(), "application/json")
                if path.startswith(f"/{repository}/resolve/{revision}/"):
                    payload = files.get(path.removeprefix(f"/{repository}/resolve/{revision}/"))
                    if payload is not None:
                        return self.send(payload, "application/octet-stream")
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def send(self, payload: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("ETag", f'"{hashlib.sha256(payload).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(payload)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
