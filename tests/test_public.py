"""What a script may use: the exact list, its examples, and a finished run as data frames."""

from __future__ import annotations

import ast
import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.base import Estimate

PUBLIC = [
    "Benchmark",
    "Estimate",
    "Estimates",
    "FinishedRun",
    "Leaderboard",
    "Monitor",
    "Record",
    "Result",
    "Scores",
    "UsageError",
    "adapters",
    "content_digest",
    "estimate",
    "estimate_all",
    "load",
    "measure",
    "metrics",
    "open_run",
    "run_benchmark",
    "score",
]


def test_the_public_names_are_these_and_no_others_and_each_says_what_it_is():
    assert harness.__all__ == PUBLIC
    assert [name for name in PUBLIC if not getattr(harness, name).__doc__] == []
    assert Estimate is harness.Estimate
    with pytest.raises(AttributeError, match="has no attribute 'estimates'"):
        harness.estimates  # noqa: B018


def test_importing_the_harness_loads_no_library():
    code = "import sys, harness; print([m for m in ('numpy', 'torch', 'pandas', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_examples_of_the_first_page_are_true():
    assert doctest.testmod(harness, raise_on_error=True).failed == 0


def test_a_strict_type_checker_of_a_users_takes_every_public_name_for_meant():
    """`from x import y as y` is an explicit re-export (mypy --strict, pyright); `from x import y` is not."""
    tree = ast.parse(Path(str(harness.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    names = [alias for line in block.body if isinstance(line, ast.ImportFrom) for alias in line.names]
    assert sorted(alias.name for alias in names) == PUBLIC
    assert all(alias.asname == alias.name for alias in names)
    assert Path(str(harness.__file__)).with_name("py.typed").is_file()


def test_a_finished_run_as_data_frames(finished):
    run = harness.open_run(finished.folder / "results" / "small")
    frame = run.to_pandas()
    assert len(frame) == len(run.records)
    whole = frame.query("level == 'generator' and reference == 'random' and encoder == 'pixels' and metric == 'fd'")
    shown = run.leaderboard.to_pandas().query("encoder == 'pixels'").set_index("generator")
    assert dict(zip(whole["generator"], whole["value"], strict=True)) == shown["fd"].to_dict()
    assert (frame["low"] <= frame["high"]).all()
    assert frame["training_seed"].dtype == "Int64"


def test_every_two_generators_are_compared_as_the_command_does_and_holm_goes_over_a_table(copy_of):
    finished = copy_of()
    run = harness.open_run(finished.folder / "results" / "small")
    pairs = run.pairs()
    n = len(run.leaderboard.of("pixels"))
    assert len(pairs) == 2 * 6 * n * (n - 1) // 2
    one = run.pairs(encoder="pixels", metric="fd")
    own = pairs.query("encoder == 'pixels' and metric == 'fd'")
    assert own.reset_index(drop=True).equals(one)
    assert (one["p_holm"] >= one["p"]).all()
    assert one["p_holm"].min() == pytest.approx(min(1, len(one) * one["p"].min()))
    noise = one[(one["first"] == "noise") | (one["second"] == "noise")]
    assert "noise" not in set(noise["better"])
    found = noise.iloc[0]
    told = ("--encoder", "pixels", "--json", "said.json")
    assert finished.harness("compare", "results/small", found["first"], found["second"], *told).returncode == 0
    answers = json.loads((finished.folder / "said.json").read_text())
    said = next(answer["comparison"] for answer in answers if answer["metric"] == "fd")
    assert [said[key] for key in ("value", "low", "high")] == [found[key] for key in ("value", "low", "high")]
    with pytest.raises(harness.UsageError, match="did you mean 'pixels'"):
        run.pairs(encoder="pixel")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(harness.UsageError, match="holds no run"):
        harness.open_run(tmp_path)
