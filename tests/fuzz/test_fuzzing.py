"""Seconds of what `python -m tests.fuzz` does for minutes; its findings stay mended; a reader's faults are caught."""

from __future__ import annotations

import importlib
import os
import random
import socket
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from harness.base import UsageError
from tests.fuzz import mutations, page, replay, structures
from tests.fuzz.engine import fuzz
from tests.fuzz.guard import Guard
from tests.fuzz.targets import CORPUS, TARGETS, Target

FEW = {"benchmark: any value under any key": 4, "benchmark: sound keys are taken as they are": 4}
SLOW = {
    "OUT: records.jsonl": 2,
    "OUT: analyses/pixels.safetensors": 2,
    "bundle": 4,
}  # inputs of what verifies whole runs


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """Libraries that forks of this process need not load one after the other."""
    for name in ("harness.benchmark.locked", "harness.images.captions", "harness.studies.verify.bundle", "pandas"):
        importlib.import_module(name)


@pytest.mark.parametrize(
    "target", [one for one in TARGETS if not one.name.startswith(replay.HEAVY)], ids=lambda one: one.name
)
def test_nearly_right_input_costs_a_sentence_and_no_more(target):
    found = fuzz(target, seconds=0.04, seed=0, steered=False, most=SLOW.get(target.name))
    assert not found.findings, "\n".join(f"{key}\n{one.detail}" for key, one in found.findings.items())
    assert found.inputs > len(target.seeds()) or target.name in SLOW


@pytest.mark.parametrize("words", list(structures.STRUCTURES))
def test_structures_are_read_back_or_refused_in_one_sentence(words):
    how = settings(
        max_examples=FEW.get(words, 8),
        derandomize=True,
        phases=[Phase.generate],  # finding the smallest example can take minutes
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    how(structures.STRUCTURES[words])()


@pytest.mark.parametrize(
    ("fault", "file", "words"), replay.inputs(heavy=False), ids=[file for _, file, _ in replay.inputs(heavy=False)]
)
def test_what_was_found_stays_mended(
    fault, file, words, tmp_path
):  # of weights: tests/encoders/test_damaged_weights.py
    replay.check(fault, file, words, tmp_path)


def test_every_input_of_a_mended_fault_is_tried():
    named = {file for heavy in (False, True) for _, file, _ in replay.inputs(heavy=heavy)}
    assert named == {path.name for path in replay.FOLDER.iterdir()}


def raises(payload: bytes, _: Path) -> None:
    raise KeyError("lost")


def hangs(payload: bytes, _: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass


def hoards(payload: bytes, _: Path) -> None:
    bytearray(3 << 29)[:: 1 << 12] = b"x" * (3 << 17)


def writes_outside(payload: bytes, _: Path) -> None:
    Path("/tmp/never-written-by-a-reader").write_bytes(b"")


def leaves_a_file(payload: bytes, folder: Path) -> None:
    (folder / "more").write_bytes(b"")


def starts(payload: bytes, _: Path) -> None:
    subprocess.run(["true"], check=False)


def connects(payload: bytes, _: Path) -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def says_it_in_two_lines(payload: bytes, _: Path) -> None:
    raise UsageError("a problem\nand its traceback")


def dies(payload: bytes, _: Path) -> None:
    os.abort()


def hides_it(payload: bytes, folder: Path) -> None:
    try:
        starts(payload, folder)
    except BaseException:
        raise UsageError("nothing happened") from None


@pytest.mark.parametrize(
    ("reader", "what"),
    [
        (raises, "KeyError"),
        (hangs, "slow"),
        (hoards, "Memory"),
        (writes_outside, "writes"),
        (leaves_a_file, "leaves a file"),
        (starts, "subprocess.Popen"),
        (connects, "socket"),
        (says_it_in_two_lines, "several lines"),
        (dies, "SIGABRT"),
        (hides_it, "subprocess.Popen"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_reader_with_this_fault_is_caught(reader, what):
    sound = (CORPUS / "prompts.csv").read_bytes()  # is read before the bounds are put on

    def faulty(payload: bytes, folder: Path) -> None:
        if payload != sound:
            reader(payload, folder)

    target = Target("control", faulty, ("prompts.csv",))
    found = fuzz(target, seconds=1, seed=0, steered=False, guard=Guard((), seconds=0.3, memory=1 << 29), most=2)
    assert any(what in key for key in found.findings), found.findings
    assert not Path("/tmp/never-written-by-a-reader").exists()


def test_mutations_are_drawn_by_the_seed_and_know_their_formats():
    seeds = {name: (CORPUS / name).read_bytes() for name in ("rgb.png", "images.zip", "images.tar", "manifest.json")}
    shapes = {"rgb.png": mutations.of_png, "images.zip": mutations.of_zip, "images.tar": mutations.of_tar}
    for name, payload in seeds.items():
        own = [shapes.get(name, mutations.of_json)]
        one, other = (
            [mutations.mutated(payload, rng, [payload], [b"x"], own) for _ in range(30)]
            for rng in (random.Random(3), random.Random(3))
        )
        assert one == other
        assert len(set(one)) > 20


def test_the_corpus_is_small_and_sound():
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 200_000
    assert all(target.seeds() for target in TARGETS)


def test_the_page_counts_what_the_campaigns_left():
    lines = [
        {"target": "a", "inputs": 1000, "seconds": 90, "engine": "loop"},
        {"target": "a", "inputs": 500, "seconds": 30, "engine": "atheris"},
        {"target": "b", "inputs": 1, "seconds": 0, "engine": "loop"},
    ]
    table = page.table(lines, [{"target": "a", "was": "a traceback", "now": "a sentence"}])
    assert "| a | atheris, loop | 1,500 | 2.0 | 1 |" in table
    assert "| **all** | | **1,501** | **2** | **1** |" in table
    assert page.table(page.counts(), page.mended()) in page.PAGE.read_text(encoding="utf-8")
