"""Shards of a run divide its units by the declaration alone, and together they do what one run does."""

import time

import pytest
from click.testing import CliRunner

from harness import benchmark
from harness.base.errors import UsageError
from harness.cli.main import main
from harness.pipeline.execution import Execution
from harness.pipeline.plan import Plan
from harness.pipeline.sharing import Sharing, share_of
from harness.pipeline.units import Share
from harness.run import run_benchmark, run_share, what_is_missing
from tests.support.here import Here
from tests.support.noise_folders import declared, noise


@pytest.mark.parametrize(
    ("text", "environ", "share"),
    [
        ("2/8", {}, Share(2, 8)),
        ("auto", {"RANK": "0", "WORLD_SIZE": "4"}, Share(1, 4)),
        ("auto", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "4"}, Share(4, 4)),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "5",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            Share(3, 3),
        ),
        ("auto", {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, Share(2, 2)),
        ("auto", {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "2"}, Share(1, 2)),
    ],
)
def test_a_shard_is_named_or_found_in_what_the_scheduler_sets(text, environ, share):
    assert share_of(text, environ) == share


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1-4", "x", "", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="give i/N with i from 1 to N"):
        share_of(text, {})


def test_auto_without_a_scheduler_says_what_it_looked_for():
    with pytest.raises(UsageError, match=r"\$RANK and \$WORLD_SIZE"):
        share_of("auto", {})
    with pytest.raises(UsageError, match=r"\$RANK is '4'"):
        share_of("auto", {"RANK": "4", "WORLD_SIZE": "4"})


class Counted(Here):
    """Counts the units that were run."""

    def __init__(self):
        self.units = []

    def submit(self, work, unit):
        self.units.append(str(unit))
        return super().submit(work, unit)


def test_shards_one_after_the_other_and_a_last_run_do_every_unit_once_and_give_the_records_of_one_run(tmp_path):
    real = noise(tmp_path / "real", 60)
    fakes = [noise(tmp_path / f"fake{seed}", 60, seed=seed) for seed in (1, 2, 3)]
    bench = declared(real, *fakes, out=tmp_path / "yaml")
    whole, shared = Counted(), Counted()
    run_benchmark(bench, out=tmp_path / "one", store=tmp_path / "one-store", executor=whole, tracking=False)
    execution = Execution(tmp_path / "store", executor=shared)
    results = [run_share(execution, bench, Share(index, 3), patience=0) for index in (3, 2, 1)]
    assert results[0].left > 0
    assert all(result.done > 0 for result in results)
    last = Counted()
    run_benchmark(bench, out=tmp_path / "many", store=tmp_path / "store", executor=last, tracking=False)
    assert len(last.units) == sum(result.left for result in results)
    assert sorted(shared.units + last.units) == sorted(whole.units)
    one, many = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("one", "many"))
    assert one == many


def test_a_merge_computes_nothing_and_says_what_is_missing(tmp_path):
    bench = declared(noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1), out=tmp_path / "yaml")
    execution = Execution(tmp_path / "store", workers=1, executor=Here())
    run_share(execution, bench, Share(2, 2), patience=0)
    missing = what_is_missing(execution, bench)
    assert any(line.startswith("features: real split reference") for line in missing)
    told = CliRunner().invoke(main, ["merge", str(bench), "--store", str(tmp_path / "store"), "--workers", "1"])
    assert told.exit_code == 2
    run_share(execution, bench, Share(1, 2), patience=0)
    assert what_is_missing(execution, bench) == []


@pytest.fixture
def pair(tmp_path):
    bench = declared(noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1), out=tmp_path / "yaml")
    plan = Plan(benchmark.load(bench), tmp_path / "store")
    return [Sharing(plan, Share(index, 2), patience=0.6) for index in (1, 2)]


def test_a_shard_is_waited_for_while_it_is_about_to_begin_or_at_an_earlier_stage_and_no_longer(pair):
    one, two = pair
    with one:
        one.begin("encode")
        assert one.may_come()  # may begin yet
        with two:
            two.begin("sample")
            assert one.may_come()
            two.begin("encode")
            assert one.may_come()  # it may make images that a unit of the same stage reads
            assert not two.may_come()  # the first waits for it
            two.begin("score")
            assert not one.may_come()
        two_over = one.may_come()
    assert not two_over


def test_a_shard_that_gives_no_sign_of_life_is_given_up(pair):
    one, two = pair
    with one, two:
        one.begin("score")
        two.begin("sample")
        assert one.may_come()
        two._over.set()  # as if it were killed: it writes no more, and does not say that it ended
        two._thread.join()
        deadline = time.monotonic() + 10
        while one.may_come():
            assert time.monotonic() < deadline
