"""The training loops of `examples/`, for seconds: each ends by holding its last evaluation against files."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("plain_loop", "torch"),
        ("lightning_loop", "lightning"),
        ("trainer_loop", "accelerate"),
        ("accelerate_loop", "accelerate"),
    ],
)
def test_a_training_loop_evaluates_and_its_last_evaluation_is_that_of_files_to_the_bit(
    name, package, tmp_path, monkeypatch, capsys
):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    try:
        assert importlib.import_module(name).main(steps=40, every=20, n=60, out=tmp_path / "images")
    finally:
        for module in (name, "tiny"):
            sys.modules.pop(module, None)
    told = capsys.readouterr().out
    assert "step 20: fd " in told
    assert "step 40: fd " in told
    assert "to the bit" in told
