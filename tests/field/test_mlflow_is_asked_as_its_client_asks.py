"""A tracking server behind a login, a private certificate or a slow start is reached as MLflow's client reaches it."""

from __future__ import annotations

import base64
import datetime
import http.server
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.report.mlflow.reach import TrackingUnavailable, reachable

LOGIN = "Basic " + base64.b64encode(b"ana:secret").decode()


@contextmanager
def server(*, login: bool = False, seconds: float = 0.0, certificate: Path | None = None) -> Iterator[int]:
    """The port of a local server that answers as MLflow does; with a certificate by HTTPS."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(seconds)
            if login and self.headers.get("Authorization") != LOGIN:
                self.send_error(401)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine, and none that stays."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("USERNAME", "PASSWORD", "TOKEN", "SERVER_CERT_PATH", "INSECURE_TLS"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def reached(uri: str) -> bool:
    with reachable(uri):
        return True


def refused(uri: str) -> str:
    with pytest.raises(TrackingUnavailable) as caught, reachable(uri):
        pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_401_names_the_two_variables_and_they_help(monkeypatch):
    with server(login=True) as port:
        said = refused(f"http://127.0.0.1:{port}")
        assert "requires a login (401)" in said
        assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in said
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ana")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        assert reached(f"http://127.0.0.1:{port}")


def test_user_and_password_in_the_address_are_read():
    with server(login=True) as port:
        assert reached(f"http://ana:secret@127.0.0.1:{port}")
        assert "rejects this login (401): check" in refused(f"http://ana:secretive@127.0.0.1:{port}")


def test_a_token_with_a_line_break_is_not_quoted_in_the_refusal(monkeypatch):
    with server() as port:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret\n")
        assert "header" in refused(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1, valid for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_private_certificate_is_accepted_by_mlflows_variables_and_named_where_it_is_not(certificate, monkeypatch):
    with server(certificate=certificate) as port:
        said = refused(f"https://127.0.0.1:{port}")
        assert "certificate verify failed" in said
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in said
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        assert reached(f"https://127.0.0.1:{port}")


@pytest.mark.slow
def test_a_first_answer_after_eight_seconds_is_an_answer():
    with server(seconds=8) as port:
        assert reached(f"http://127.0.0.1:{port}")


def test_the_users_own_timeout_counts_and_is_named(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with server(seconds=3) as port:
        said = refused(f"http://127.0.0.1:{port}")
    assert "timed out" in said
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" in said
