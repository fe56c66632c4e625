"""What a run costs that has nothing to do, counted in calls: seconds are the machine's."""

from __future__ import annotations

import cProfile
import json
import pickle
import pstats
from pathlib import Path

import pytest

from harness import benchmark
from harness.pipeline import Plan, ownership
from harness.pipeline.stages import _arrived, _OnPlan
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.noise_folders import declared, noise

FEW, MANY = 1, 4  # generators
EACH = 8_500  # calls that one generator more may cost; 8,180 were counted


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The calls of a second run by the number of generators: (all of them, by the function's file and name)."""
    folder = tmp_path_factory.mktemp("runs")
    fakes = [noise(folder / f"g{i}", 24, seed=i + 1) for i in range(MANY)]
    real, found = noise(folder / "real", 30), {}
    for many in (FEW, MANY):
        bench = declared(real, *fakes[:many], out=folder / f"of_{many}")

        def run(bench: Path = bench) -> bool:
            options = {"store": folder / "store", "executor": Here(), "tracking": False}
            return run_benchmark(bench, out=bench.with_suffix(""), **options).cached

        assert not run()
        assert run()  # what is imported and parsed once in a process is not of a generator
        with cProfile.Profile() as counted:
            assert run()
        stats = pstats.Stats(counted)
        named = {(Path(file).name, name): calls[1] for (file, _, name), calls in stats.stats.items()}
        found[many] = stats.total_calls, named
    return found


def test_a_generator_more_costs_little_where_nothing_is_to_do(again):
    assert again[MANY][0] - again[FEW][0] <= EACH * (MANY - FEW)


def test_the_code_of_a_component_is_read_once_however_many_generators_use_it(again):
    for what in (("source.py", "source_files"), ("__init__.py", "version"), ("document.py", "read_yaml")):
        assert again[MANY][1].get(what, 0) == again[FEW][1].get(what, 0), what


def test_each_stored_result_is_read_once(again):
    reads = {many: of[1].get(("store.py", "find"), 0) for many, of in again.items()}
    parsed = {many: of[1].get(("decoder.py", "decode"), 0) for many, of in again.items()}
    stored = 1 + 1 + 7  # images, features, scores
    assert parsed[MANY] - parsed[FEW] == stored * (MANY - FEW)
    assert reads[MANY] > parsed[MANY]


def test_neither_the_lock_nor_the_records_of_a_finished_run_are_parsed(again):
    assert ("main.py", "load") not in again[MANY][1]  # ruamel's
    assert ("record.py", "read_records") not in again[MANY][1]


def test_a_process_keeps_the_encoder_of_a_plan_for_the_units_to_come(tmp_path):
    bench = declared(noise(tmp_path / "real", 30), noise(tmp_path / "fake", 30, seed=1), out=tmp_path / "b")
    plan = Plan(benchmark.load(bench), tmp_path / "store")
    loaded = []

    def arrive() -> _OnPlan:
        work, sent = pickle.loads(pickle.dumps((print, plan)))
        return _arrived(work, sent)

    for _ in range(2):
        loaded.append(arrive().plan.encoder("pixels"))
    assert loaded[0] is loaded[1]
    plan.unusable.add("pixels")
    assert "pixels" in arrive().plan.unusable
    other = Plan(plan.benchmark, plan.store_root)
    assert _arrived(print, pickle.loads(pickle.dumps(other))).plan.encoder("pixels") is not loaded[0]


def test_a_receipt_from_elsewhere_removes_no_file_outside_of_its_folder(tmp_path):
    mine, out = tmp_path / "mine.txt", tmp_path / "out"
    mine.write_text("mine")
    (out / "plots").mkdir(parents=True)
    (out / "plots" / "old.svg").write_text("")
    named = {"plots/../../mine.txt": "", "plots/old.svg": ""}
    (out / ownership.RECEIPT).write_text(json.dumps({"files": named}))
    ownership.clear(out)
    assert mine.exists()
    assert not (out / "plots" / "old.svg").exists()
