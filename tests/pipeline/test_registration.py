"""What was decided before sampling is told from what was decided after."""

import json

import pytest
from click.testing import CliRunner

from harness.base.record import read_records
from harness.benchmark import model as benchmark
from harness.cli.main import main
from harness.pipeline.plan import Plan
from harness.pipeline.registration import POST_HOC, standing
from harness.pipeline.store import Store
from harness.run import run_benchmark
from tests.support.tiny import tiny


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    (tmp_path / "one").mkdir()
    return tiny(tmp_path / "one", "", {"noise": {}}, n_real=60, n_fake=60)


def register(bench, *arguments):
    return CliRunner().invoke(main, ["register", str(bench), *arguments])


def plan(bench, tmp_path):
    return Plan(benchmark.load(bench), Store(tmp_path / "store"), "cpu")


def test_records_of_what_was_registered_say_so_and_registering_afterwards_is_refused(bench, tmp_path):
    told = register(bench, "--margin", "0.5", "--rule", "worse by more than half")
    assert told.exit_code == 0, told.output
    digest = told.stdout.split()[-1]
    result = run_benchmark(bench, out=tmp_path / "out", tracking=False)
    (said,) = {record.provenance["registration"] for record in read_records(result.out / "records.jsonl")}
    assert said.startswith("registered 20")
    assert digest[:16] in said
    assert "fd under pixels, margin 0.5, level 0.95; worse by more than half" in said
    path = bench.with_name("bench.registered.json")
    assert "already exists" in register(bench).stderr
    path.unlink()
    refused = register(bench)
    assert refused.exit_code == 2
    assert "would be post hoc" in refused.stderr
    assert not path.exists()


def test_a_changed_registration_or_benchmark_counts_for_nothing(bench, tmp_path):
    assert standing(plan(bench, tmp_path)) == POST_HOC
    assert register(bench).exit_code == 0
    assert standing(plan(bench, tmp_path)).startswith("registered")
    path = bench.with_name("bench.registered.json")
    sound = path.read_text()
    told = json.loads(sound)
    told["decision"]["margin"] = 9.0
    path.write_text(json.dumps(told))
    assert standing(plan(bench, tmp_path)) == POST_HOC
    path.write_text(sound)
    bench.write_text(bench.read_text().replace("seed: 7", "seed: 8"))
    assert standing(plan(bench, tmp_path)) == POST_HOC


def test_a_metric_that_the_benchmark_does_not_have_is_refused(bench):
    refused = register(bench, "--metric", "kd")
    assert refused.exit_code == 2
    assert "kd" in refused.stderr
