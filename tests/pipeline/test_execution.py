"""Where and how fast is one noun: stages alone go to the executor that it names, as a whole run does."""

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from harness.cli.stages import make
from harness.pipeline.execution import Execution
from harness.run import run_with
from tests.support.here import Here
from tests.support.noise_folders import declared, noise


class Counted(Here):
    def __init__(self):
        self.units = []

    def submit(self, work, unit):
        self.units.append(str(unit))
        return super().submit(work, unit)


def test_stages_alone_run_on_the_executor_that_is_asked_for_and_leave_nothing_for_a_whole_run(tmp_path):
    bench = declared(noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1), out=tmp_path / "yaml")
    alone, whole, once = Counted(), Counted(), Counted()
    for stages in (("sample",), ("sample", "encode"), ("sample", "encode", "score")):
        make(bench, stages, Execution(tmp_path / "store", executor=alone), receipt=None)
    run_with(Execution(tmp_path / "store", executor=whole), bench, out=tmp_path / "two", tracking=False)
    run_with(Execution(tmp_path / "other", executor=once), bench, out=tmp_path / "one", tracking=False)
    assert whole.units == []
    assert sorted(alone.units) == sorted(once.units)
    one, two = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("command", ["sample", "encode", "score", "rank", "run", "merge"])
def test_every_stage_takes_the_options_of_an_executor(command):
    told = CliRunner().invoke(main, [command, "bench.yaml", "--executor", "rya"])
    assert told.exit_code == 2
    assert "no executor 'rya'" in told.output
    told = CliRunner().invoke(main, [command, "bench.yaml", "--gpus-per-worker", "0.5", "--cpus-per-worker", "2"])
    assert told.exit_code == 2
    assert "need --executor ray or slurm" in told.output
