"""Weight files arrive whole and right or not at all, whatever the server and the line do."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from click.testing import CliRunner

from harness.base.errors import UsageError
from harness.cli.main import main
from harness.encoders import download, weights

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
NAME = "net.pth"


class Server:
    """Serves CONTENT on the loopback interface in whatever way `faults` says, one fault an answer, then properly."""

    def __init__(self):
        self.faults, self.asked, self.conditions, outer = [], [], [], self
        self.tag, self.content = '"one"', CONTENT

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        given = request.headers.get("Range")
        self.asked.append((request.path, given))
        self.conditions.append(request.headers.get("If-Range"))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            request.send_error(fault)
            return
        content = self.content
        if fault == "corrupt":
            content = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
        if fault == "portal":
            content = b"<html>please log in</html>"
        if request.headers.get("If-Range", self.tag) != self.tag or fault == "portal":
            given = None
        if fault == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.url}/elsewhere")
            request.end_headers()
            return
        start = (
            int(given.removeprefix("bytes=").rstrip("-"))
            if given and not str(fault).startswith("ignores ranges")
            else 0
        )
        if start >= len(content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        body = content[start:]
        if start:
            first = start - 1 if fault == "misplaces" else start
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.tag:
            request.send_header("ETag", self.tag)
        if fault == "truncate":  # and lies about it
            body = body[: len(body) // 2]
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if str(fault).endswith("drop") or str(fault).endswith("drops"):
            body = body[: len(body) // 2]
        try:
            for i in range(0, len(body), 1 << 16):
                request.wfile.write(body[i : i + (1 << 16)])
                if fault == "slow":
                    time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        request.close_connection = True


@pytest.fixture
def server(tmp_path, monkeypatch):
    made = Server()
    table = tmp_path / "table.yaml"
    entry = "{key}:\n  url: {url}/{key}\n  bytes: {size}\n  sha256: {sha}\n  licence: MIT\n  what: a network\n"
    entry += "  source: a page\n"
    table.write_text(
        entry.format(key=NAME, url=made.url, size=len(CONTENT), sha=SHA256)
        + entry.format(key="unsized.pth", url=made.url, size="null", sha=SHA256)
        + entry.format(key="unknown.pth", url=made.url, size="null", sha="null")
        + entry.format(key="begins.pth", url=made.url, size="null", sha="null")
        + f'  begins: "md5:{MD5[:6]}"\n'
        + entry.format(key="huge.pth", url=made.url, size=10**15, sha=SHA256)
    )
    monkeypatch.setattr(weights, "TABLE", table)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "w"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY", "HARNESS_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    weights.registered.cache_clear()
    yield made
    made.http.shutdown()
    weights.registered.cache_clear()


def test_a_file_is_fetched_verified_and_located_and_not_fetched_twice(server):
    found = weights.fetch(NAME)
    assert (found.sha256, found.transferred) == (SHA256, len(CONTENT))
    assert weights.locate(NAME).read_bytes() == CONTENT
    assert weights.fetch(NAME).transferred == 0
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", [NAME, "unsized.pth"])
def test_a_dropped_connection_costs_only_what_was_missing(server, name):
    server.faults = ["drop", "drop"]
    found = weights.fetch(name)
    assert weights.locate(name).read_bytes() == CONTENT
    assert found.transferred == len(CONTENT)
    assert [asked for _, asked in server.asked] == [None, "bytes=1500000-", "bytes=2250000-"]


def test_a_server_that_ignores_ranges_starts_over(server):
    server.faults = ["drop", "ignores ranges"]
    weights.fetch(NAME)
    assert weights.locate(NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "fault"), [(NAME, "corrupt"), ("unsized.pth", "corrupt"), ("unsized.pth", "truncate")]
)
def test_a_wrong_file_is_refused_and_leaves_nothing(server, tmp_path, name, fault):
    server.faults = [fault]
    with pytest.raises(UsageError, match=f"not {SHA256}; it was deleted"):
        weights.fetch(name)
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [f"{name}.lock"]


def test_a_truncated_file_of_known_size_is_completed(server):
    server.faults = ["truncate"]
    weights.fetch(NAME)
    assert weights.locate(NAME).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / f"{NAME}.part").write_bytes(CONTENT + b"more")
    weights.fetch(NAME)
    assert weights.locate(NAME).read_bytes() == CONTENT


def test_redirects_are_followed_and_server_errors_waited_out(server):
    server.faults = [503, "redirect"]
    weights.fetch(NAME)
    assert [path for path, _ in server.asked] == [f"/{NAME}", f"/{NAME}", "/elsewhere"]


@pytest.mark.parametrize(("faults", "words"), [([404], "answers 404"), ([500] * 9, "500 .*5 times")])
def test_an_address_without_the_file_costs_one_sentence_that_says_what_to_place_where(server, tmp_path, faults, words):
    server.faults = faults
    with pytest.raises(UsageError, match=words) as told:
        weights.fetch(NAME)
    for fact in (f"{server.url}/{NAME}", SHA256, f"{len(CONTENT):,} bytes", str(tmp_path / "w" / NAME)):
        assert fact in str(told.value)


def test_without_a_network_the_sentence_is_the_same(server, tmp_path):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UsageError, match=f"5 times.*put {server.url}/{NAME}.*at {tmp_path}/w/{NAME}"):
        weights.fetch(NAME)
    with pytest.raises(UsageError, match=f"harness weights fetch {NAME}.*SHA-256 {SHA256}"):
        weights.locate(NAME)


def test_a_check_with_nothing_to_check_says_so(server, tmp_path):
    told = CliRunner().invoke(main, ["weights", "check"])
    assert told.exit_code == 0
    assert told.output == f"{tmp_path / 'w'}: no known weight file is present, nothing to check\n"


def test_a_file_that_was_damaged_later_is_not_located_and_check_names_it(server):
    path = weights.fetch(NAME).path
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(UsageError, match="is not the registered file"):
        weights.locate(NAME)
    told = CliRunner().invoke(main, ["weights", "check"])
    assert told.exit_code == 1
    assert f"{path}: WRONG" in told.output
    weights.fetch(NAME)
    told = CliRunner().invoke(main, ["weights", "check"])
    assert (told.exit_code, told.output) == (0, f"{path}: verified\n")


def test_a_file_without_a_registered_digest_must_be_trusted_by_name(server):
    with pytest.raises(UsageError, match="--trust-first-use"):
        weights.fetch("unknown.pth")
    told = CliRunner().invoke(main, ["weights", "fetch", "unknown.pth", "--trust-first-use"])
    assert told.exit_code == 0
    assert SHA256 in told.output


def test_a_mirror_takes_the_place_of_the_address(server, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", f"{server.url}/mirror/")
    weights.fetch(NAME)
    assert server.asked[0][0] == f"/mirror/{NAME}"


def test_a_proxy_from_the_environment_is_asked(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", "http://weights.invalid")
    weights.fetch(NAME)
    assert server.asked[0][0] == f"http://weights.invalid/{NAME}"


def test_a_process_killed_while_it_downloads_is_resumed(server, tmp_path):
    server.faults = ["slow"]
    code = (
        "import pathlib; from harness.encoders import weights;"
        f"weights.TABLE = pathlib.Path({str(weights.TABLE)!r}); weights.fetch({NAME!r})"
    )
    running = subprocess.Popen([sys.executable, "-c", code])
    part = tmp_path / "w" / f"{NAME}.part"
    for _ in range(1000):
        if part.exists() and part.stat().st_size > 300_000:
            break
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = part.stat().st_size
    assert 300_000 < kept < len(CONTENT)
    assert weights.fetch(NAME).transferred == len(CONTENT) - kept
    assert weights.locate(NAME).read_bytes() == CONTENT


def test_two_downloads_at_once_make_one(server):
    server.faults = ["slow"]
    found = []
    both = [threading.Thread(target=lambda: found.append(weights.fetch(NAME).transferred)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(found) == [0, len(CONTENT)]


def test_every_registered_file_of_the_package_has_a_sound_entry():
    weights.registered.cache_clear()
    for name, known in weights.registered().items():
        assert known.url.startswith("https://")
        # Hugging Face calls every repository's file so, LPIPS its heads by the network; here names tell them apart.
        assert known.url.endswith((name, "/model.safetensors", "/v0.1/alex.pth", "/v0.1/vgg.pth"))
        assert known.sha256 is None or len(bytes.fromhex(known.sha256)) == 32


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean 'ViT-B-32\.pt'"):
        weights.find("ViT-B-32.pth")


def test_a_server_that_always_answers_with_something_short_is_given_up(server):
    server.faults = ["portal"] * 50
    with pytest.raises(UsageError, match="the file on the server has 26 bytes, not 3,000,000, 5 times"):
        weights.fetch(NAME)
    assert len(server.asked) == download.TRIES


def test_a_server_that_ignores_ranges_and_always_breaks_off_is_given_up(server):
    server.faults = [fault for _ in range(25) for fault in ("drop", "ignores ranges and drops")]
    server.tag = '"one"'
    with pytest.raises(UsageError, match="5 times"):
        weights.fetch(NAME)
    assert len(server.asked) < 10


def test_a_file_that_changed_between_two_answers_is_sent_whole(server):
    server.faults = ["drop"]
    server.content = bytes(len(CONTENT))

    def changed(done, whole):
        if done >= len(CONTENT) // 2:
            server.content, server.tag = CONTENT, '"two"'

    found = weights.fetch(NAME, progress=changed)
    assert server.conditions == [None, '"one"']
    assert found.transferred == len(CONTENT) * 3 // 2
    assert weights.locate(NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ["", 'W/"one"'])
def test_bytes_of_two_files_joined_where_the_server_names_no_version_cost_one_more_download(server, tmp_path, tag):
    server.tag = tag
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / f"{NAME}.part").write_bytes(bytes(1_000_000))
    found = weights.fetch(NAME)
    assert server.conditions == [None, None]
    assert found.transferred == 2_000_000 + len(CONTENT)
    assert weights.locate(NAME).read_bytes() == CONTENT


def test_a_beginning_from_one_address_is_completed_from_a_mirror(server, tmp_path, monkeypatch):
    server.faults = ["drop"] + [500] * 5
    with pytest.raises(UsageError, match="500"):
        weights.fetch(NAME)
    assert weights.kept(NAME) == len(CONTENT) // 2
    monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", f"{server.url}/mirror")
    assert weights.fetch(NAME).transferred == len(CONTENT) // 2
    assert server.conditions[-1] is None
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [NAME, f"{NAME}.lock"]


def test_a_server_that_misplaces_a_range_is_asked_for_the_whole_file(server):
    server.faults = ["drop", "misplaces"]
    weights.fetch(NAME)
    assert weights.locate(NAME).read_bytes() == CONTENT
    assert server.asked[-1] == (f"/{NAME}", None)


def test_a_trusted_file_is_pinned_and_held_to_it_afterwards(server):
    trusted = weights.fetch("unknown.pth", trust=True)
    assert (trusted.trusted, trusted.sha256) == (True, SHA256)
    assert (weights.verdict("unknown.pth"), weights.pinned("unknown.pth")) == ("right", SHA256)
    assert weights.fetch("unknown.pth", trust=True).transferred == 0
    trusted.path.write_bytes(CONTENT[:-1])
    with pytest.raises(UsageError, match=r"is not the registered file: it has 2,999,999 bytes"):
        weights.locate("unknown.pth")
    server.content = bytes(10)
    with pytest.raises(UsageError, match=f"not {SHA256} as when it was first trusted"):
        weights.fetch("unknown.pth", trust=True)
    server.content = CONTENT
    assert not weights.fetch("unknown.pth", trust=True).trusted


def test_the_beginning_of_a_digest_refuses_what_contradicts_it(server):
    server.content = CONTENT[::-1]
    with pytest.raises(UsageError, match=f"not md5:{MD5[:6]}"):
        weights.fetch("begins.pth", trust=True)
    server.content = CONTENT
    path = weights.fetch("begins.pth", trust=True).path
    weights._pin("begins.pth").unlink()
    assert weights.verdict("begins.pth") == "unpinned"
    path.write_bytes(CONTENT[::-1])
    assert weights.verdict("begins.pth") == "wrong"


def test_a_disk_without_room_costs_one_sentence_before_the_first_byte(server, tmp_path):
    with pytest.raises(UsageError, match=rf"{tmp_path}/w has [\d,]+ bytes free, huge\.pth needs 1,000,000,000,000,000"):
        weights.fetch("huge.pth")
    assert server.asked == []


def test_a_disk_that_fills_costs_one_sentence_and_keeps_what_came(server, tmp_path):
    # The kernel's limit on a file's size fails the write as a full disk does.
    code = (
        "import pathlib, resource, signal; from harness.base import UsageError; from harness.encoders import weights;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6));"
        f"weights.TABLE = pathlib.Path({str(weights.TABLE)!r})\n"
        f"try: weights.fetch({NAME!r})\nexcept UsageError as told: print(told)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert told.stdout.startswith(f"cannot write {tmp_path}/w/{NAME}.part: "), told
    assert told.stdout.count("\n") == 1
    assert 0 < weights.kept(NAME) <= 10**6
    assert weights.fetch(NAME).transferred == len(CONTENT) - 10**6


def test_a_proxy_is_not_asked_for_an_address_in_no_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    weights.fetch(NAME)  # the fixture's no_proxy names this host
    monkeypatch.setenv("no_proxy", "")
    (weights.folder() / NAME).unlink()
    with pytest.raises(UsageError, match="refused, 5 times"):
        weights.fetch(NAME)


def test_a_mirror_without_a_scheme_is_a_mistake_of_the_user_and_a_folder_is_a_mirror(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", "mirror.example/files")
    with pytest.raises(UsageError, match=r"HARNESS_WEIGHTS_MIRROR is 'mirror\.example/files'; it must begin with http"):
        weights.fetch(NAME)
    (tmp_path / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", tmp_path.as_uri())
    assert weights.fetch(NAME).transferred == len(CONTENT)
    assert server.asked == []


def test_the_list_says_what_is_right_wrong_begun_and_absent(server):
    weights.fetch(NAME)
    (weights.folder() / "unsized.pth").write_bytes(b"x")
    (weights.folder() / "huge.pth.part").write_bytes(bytes(10**6))
    told = CliRunner().invoke(main, ["weights", "list"])
    states = {line.split()[0]: line for line in told.output.splitlines() if ".pth" in line}
    for name, state in {
        NAME: "verified",
        "unsized.pth": "WRONG",
        "huge.pth": "1 MB so far",
        "unknown.pth": "absent",
    }.items():
        assert state in states[name]
    assert "MIT" in states[NAME]
    assert "3,000,000" in states[NAME]


def test_every_registered_encoder_file_is_in_the_list_with_its_encoder():
    weights.registered.cache_clear()
    told = CliRunner().invoke(main, ["weights", "list"]).output
    for name, encoder in {
        "dinov2_vitg14_reg4_pretrain.pth": "dinov2",
        "ViT-B-16.pt": "clip",
        "vgg16-397923af.pth": "vgg16",
    }.items():
        assert f" {encoder} " in next(line for line in told.splitlines() if line.startswith(name))


def test_a_weak_version_is_not_asked_for_since_two_files_may_share_it(server):
    server.tag, server.faults = 'W/"one"', ["drop"]
    assert weights.fetch(NAME).transferred == len(CONTENT)
    assert server.conditions == [None, None]
