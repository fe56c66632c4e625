"""Paths, addresses and archives that cannot be what was meant: one sentence at once, no traceback and no waiting."""

import time
import zipfile

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.benchmark import datasets as pinned
from harness.encoders import download, weights
from harness.images import listing as imagelist
from harness.studies.selftest.catalogue import Draw, TorchvisionSet
from harness.studies.selftest.material import default_folder, drawn, locate
from tests.benchmark.test_model import Written, changed
from tests.support.torchvision_layout import write_cifar10

NOBODY = "~no_such_user_7/x"
KNOWN = "inception-2015-12-05.pt"


@pytest.fixture
def written(tmp_path):
    return Written(tmp_path)


def test_the_home_of_nobody_is_no_file_of_a_benchmark(written):
    text = changed(
        "  kde: {}", f"  net: {{use: torchscript, file: {NOBODY}, latent: 4, range: [-1, 1], quantise: round}}"
    )
    (line,) = written.problems(text)
    assert line.startswith("bench.yaml:10:")
    assert line.endswith(f"{NOBODY}: no such file")
    text = changed("  kde: {}", f"  pool: {{use: folder, path: {NOBODY}}}")
    (line,) = written.problems(text)
    assert f"{NOBODY}: does not exist" in line


def test_the_home_of_nobody_is_no_root_of_a_torchvision_set(tmp_path):
    (tmp_path / "datasets.yaml").write_text(
        f"tiny:\n  use: torchvision\n  dataset: CIFAR10\n  root: {NOBODY}\n  source: x\n  licence: x\n"
        f"  image: [32, 32, 3]\n  splits:\n    train: {{split: train, size: 8, digest: 'sha256:{'0' * 64}'}}\n"
    )
    catalogue = pinned.load(tmp_path / "datasets.yaml")
    pinned.check_files(catalogue.document, catalogue.datasets["tiny"])
    assert any(NOBODY in line for line in catalogue.document.lines())


@pytest.mark.parametrize(
    ("variable", "folder"), [("HARNESS_WEIGHTS", weights.folder), ("HARNESS_DATA", default_folder)]
)
def test_a_variable_that_names_the_home_of_nobody_is_a_mistake_of_the_user(monkeypatch, variable, folder):
    monkeypatch.setenv(variable, NOBODY)
    with pytest.raises(UsageError, match=f"{variable} is .*no user 'no_such_user_7' here"):
        folder()
    monkeypatch.setenv(variable, "~/x")
    assert folder().is_absolute()
    assert "~" not in str(folder())


@pytest.mark.parametrize(("escape", "name"), [("\\0", "0000"), ("\\ud800", "d800")])
def test_what_no_path_can_hold_is_named_with_its_place(written, escape, name):
    (line,) = written.problems(changed("  kde: {}", f'  pool: {{use: folder, path: "a{escape}b"}}'))
    assert line.startswith(f"bench.yaml:10:29: generators.pool.path: the character #x{name} is not allowed here")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Sets the mirror; weights are fetched to an empty folder, and a second attempt would take a minute."""
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "w"))
    monkeypatch.setattr(download, "PAUSE", 30)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return lambda address: monkeypatch.setenv("HARNESS_WEIGHTS_MIRROR", address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://[::1", "that is not an address"),
        ("http://127.0.0.1/x?key=1", "must be %3F and %23"),
        ("http://127.0.0.1:port/x", "is not a usable address"),
        ("file:///nowhere/at/all", "No such file or directory"),
        ("file:///no where", "No such file or directory"),
    ],
)
def test_a_mirror_that_cannot_be_costs_one_sentence_at_once(mirror, address, words):
    mirror(address)
    began = time.monotonic()
    with pytest.raises(UsageError, match=words):
        weights.fetch(KNOWN)
    assert time.monotonic() - began < 10


def test_a_mirror_with_umlauts_and_spaces_is_asked_as_people_write_it(mirror, tmp_path):
    folder = tmp_path / "für alle"
    folder.mkdir()
    (folder / KNOWN).write_bytes(b"other")
    mirror(f"file://{folder}")
    with pytest.raises(UsageError, match=r"the file on the server has 5 bytes, not|gave a file with SHA-256"):
        weights.fetch(KNOWN)
    for written_as in (f"http://127.0.0.1/{folder.name}", "http://127.0.0.1/f%C3%BCr%20alle"):
        mirror(written_as)
        assert weights._address(KNOWN) == f"http://127.0.0.1/f%C3%BCr%20alle/{KNOWN}"


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED], ids=str)
def test_a_damaged_member_is_refused_whatever_its_compression(tmp_path, compression):
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.png", np.random.default_rng(0).bytes(5000))
        start = archive.getinfo("a.png").header_offset + 30 + len("a.png")
    raw = bytearray(path.read_bytes())
    raw[start + 9 : start + 60] = b"\xff" * 51
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"a\.png' is damaged in the archive"):
        imagelist.content_digest("zip", {"path": path})


def test_draws_that_differ_in_their_seed_alone_are_other_images(tmp_path, monkeypatch):
    images = write_cifar10(tmp_path, monkeypatch)["test"][0]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for seed in (1, 2, 1):
        given = TorchvisionSet(use="torchvision", dataset="CIFAR10", split="test", draw=Draw(n=6, seed=seed))
        found = np.load(locate(given, tmp_path, scratch))["images"]
        assert np.array_equal(found, drawn(images, given.draw))
    assert not np.array_equal(drawn(images, Draw(n=6, seed=1)), drawn(images, Draw(n=6, seed=2)))
