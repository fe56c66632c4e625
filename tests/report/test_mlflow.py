from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.rows import Column, Row
from harness.report.mlflow import tables
from harness.report.mlflow.reach import TrackingUnavailable, create, one_sentence, reachable, without_password
from harness.report.mlflow.sending import default_uri, track
from tests.support.run_directory import GENERATORS, REASON, estimate_of, write_run

ROOT = Path(__file__).parents[2]
SEND = "import sys; from pathlib import Path; from harness.report import track; track(Path(sys.argv[1]), sys.argv[2])"
FEW = {name: GENERATORS[name] for name in ("kde", "noise")}
TWO = {"digits_convnet": "", "random_convnet": "random weights: not a measure of quality"}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    uri = f"sqlite:///{path}"
    with reachable(uri), one_sentence(uri):
        create(path)
    return path


def test_a_new_database_is_what_mlflow_makes_by_itself(migrated, tmp_path, monkeypatch):
    def layout(path):
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
            # Migrations copy tables, and the order in which they name a table's constraints is not always the same.
            tables = {name: sorted(line.strip(" \t,") for line in (sql or "").splitlines()) for name, sql in found}
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            return tables, revision, connection.execute("SELECT name FROM experiments").fetchall()

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_MLFLOW", str(tmp_path / "file"))  # no folder can be made there: MLflow alone
    with reachable(f"sqlite:///{tmp_path}/alone.db"):
        create(tmp_path / "alone.db")
    assert layout(tmp_path / "alone.db") == layout(migrated)


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    """A path with a space in it, since projects have such paths."""
    folder = tmp_path / "my project"
    folder.mkdir()
    return Path(shutil.copy(migrated, folder / "mlflow.db"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return write_run(tmp_path / "out", generators=FEW, encoders=TWO)


@pytest.fixture(scope="module")
def logged(migrated: Path, tmp_path_factory: pytest.TempPathFactory):
    """One run logged once, for all tests that only read it: (client, Tracked, OUT, database)."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("logged")
    path = Path(shutil.copy(migrated, folder / "mlflow.db"))
    out = write_run(folder / "out", generators=FEW, encoders=TWO)
    (out / "costs.json").write_text(json.dumps({"kde": {"training_seconds": 1.5, "device": "cpu"}}))
    tracked = track(out, f"sqlite:///{path}")
    return MlflowClient(f"sqlite:///{path}"), tracked, out, path


def runs_in(database: Path) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{database}")
    found = client.search_experiments(filter_string="name = 'digits leaderboard'")
    return list(client.search_runs([e.experiment_id for e in found])) if found else []


def parents(runs: list) -> list:
    return [run for run in runs if run.data.tags["harness.level"] == "benchmark"]


def finding(answer, rows):
    table = {"caption": "t", "columns": ["encoder", "tau"], "rows": rows}
    return json.dumps({"title": "Alike?", "verdict": [answer, "And so on."], "tables": [table]})


def test_studies_that_came_after_the_run_are_sent_with_tables_and_the_report_and_stale_ones_go(out, database):
    from mlflow import MlflowClient

    uri = f"sqlite:///{database}"
    (out / "report.html").write_text("old")
    first = track(out, uri)
    client = MlflowClient(uri)

    def tags():
        return client.get_run(first.run_id).data.tags

    def table():
        return json.loads(Path(client.download_artifacts(first.run_id, "studies/rerank/1.json")).read_text())

    assert not any(tag.startswith("harness.study.") for tag in tags())
    (out / "rerank.finding.json").write_text(finding("Yes.", [["pixels", 0.5]]))
    (out / "report.html").write_text("new")
    again = track(out, uri)
    assert (again.run_id, again.existed) == (first.run_id, True)
    assert tags()["harness.study.rerank"] == "Alike?: Yes."
    assert "Alike?: Yes." in tags()["mlflow.note.content"]
    assert table() == {"columns": ["encoder", "tau"], "data": [["pixels", 0.5]]}
    assert Path(client.download_artifacts(first.run_id, "run/report.html")).read_text() == "new"
    shown = [entry["path"] for entry in json.loads(tags()["mlflow.loggedArtifacts"])]
    assert {"leaderboard.json", "seeds.json", "studies/rerank/1.json"} <= set(shown)
    assert len(shown) == len(set(shown))
    # Said anew, it replaces; taken away, it goes.
    (out / "rerank.finding.json").write_text(finding("No.", [["pixels", -0.5], ["convnet", 0.1]]))
    track(out, uri)
    assert tags()["harness.study.rerank"] == "Alike?: No."
    assert len(table()["data"]) == 2
    (out / "rerank.finding.json").unlink()
    track(out, uri)
    assert "harness.study.rerank" not in tags()
    assert len(parents(runs_in(database))) == 1


def child_of(logged, generator: str, encoder: str):
    client, tracked, _, _ = logged
    (found,) = client.search_runs(
        [tracked.experiment_id], f"tags.`harness.generator` = '{generator}' and tags.`harness.encoder` = '{encoder}'"
    )
    return found


def table_of(logged, path: str) -> dict[str, list]:
    _, tracked, _, database = logged
    folder = database.parent / "mlartifacts" / "digits-leaderboard" / tracked.run_id / "artifacts"
    table = json.loads((folder / path).read_text())
    return dict(zip(table["columns"], map(list, zip(*table["data"], strict=True)), strict=True))


def test_a_run_is_a_parent_with_a_child_for_each_generator_under_each_encoder(logged):
    _, tracked, _, database = logged
    runs = runs_in(database)
    (parent,) = parents(runs)
    assert parent.info.run_id == tracked.run_id
    assert parent.info.status == "FINISHED"
    children = {(r.data.tags["harness.generator"], r.data.tags["harness.encoder"]) for r in runs if r is not parent}
    assert children == {(g, e) for g in (*FEW, "broken") for e in TWO}
    assert all(r.data.tags["mlflow.parentRunId"] == tracked.run_id for r in runs if r is not parent)


def test_a_child_has_value_standard_error_and_interval_of_every_metric(logged):
    _, _, out, _ = logged
    metrics = child_of(logged, "kde", "digits_convnet").data.metrics
    for record in read_records(out / "records.jsonl"):
        named = (record.cell.generator, record.cell.encoder, record.level) == ("kde", "digits_convnet", "generator")
        if named and record.estimate.reference == "random":
            e = record.estimate
            told = [metrics[record.metric + suffix] for suffix in ("", ".se", ".ci_lo", ".ci_hi")]
            assert told == [e.value, e.se, e.low, e.high]
    assert metrics["rank"] == 1


def test_what_a_generator_cost_is_sent(logged):
    metrics = child_of(logged, "kde", "random_convnet").data.metrics
    assert {name: value for name, value in metrics.items() if name.startswith("cost.")} == {
        "cost.training_seconds": 1.5
    }


def test_a_training_seed_is_a_model_with_its_mean_over_sampling_seeds_under_every_encoder(logged):
    client, tracked, out, _ = logged
    models = client.search_logged_models([tracked.experiment_id], max_results=50)
    named = {(model.params["generator"], model.params.get("training_seed")): model for model in models}
    assert named.keys() == {("kde", "0"), ("kde", "1"), ("kde", "2"), ("noise", None), ("broken", None)}
    reference = next(
        record.estimate.reference for record in read_records(out / "records.jsonl") if record.estimate is not None
    )
    for encoder, prefix in (("digits_convnet", ""), ("random_convnet", "random_convnet/")):
        values = [
            record.estimate.value
            for record in read_records(out / "records.jsonl")
            if (record.level, record.metric, record.cell.generator) == ("cell", "fd", "kde")
            and (record.cell.training_seed, record.cell.encoder) == (1, encoder)
            and record.estimate.reference == reference
        ]
        (metric,) = [m for m in named["kde", "1"].metrics if m.key == f"{prefix}fd"]
        assert metric.value == pytest.approx(sum(values) / len(values))
        assert len(values) == 2
        assert metric.dataset_name == "digits/reference"
    # The run's own number stays the leaderboard's.
    assert child_of(logged, "kde", "digits_convnet").data.metrics["fd"] == 2.2
    assert child_of(logged, "kde", "random_convnet").data.metrics["random_convnet/fd"] == 2.2


def test_a_child_has_its_parameters_and_what_its_interval_means(logged):
    params = child_of(logged, "kde", "digits_convnet").data.params
    for name, value in {
        "generator.bandwidth": "0.1",
        "precision.k": "3",
        "density.k": "5",
        "level": "0.95",
        "target": "T_N",
        "reference": "random",
        "n_real": "400",
        "training_seeds": "[0, 1, 2]",
        "preprocessing": "grey",
    }.items():
        assert params[name] == value


def test_a_failed_generator_is_a_failed_run_with_the_reason_and_no_metric(logged):
    child = child_of(logged, "broken", "digits_convnet")
    assert child.info.status == "FAILED"
    assert REASON in child.data.tags["mlflow.note.content"]
    assert not child.data.metrics


def test_random_weights_are_said_in_the_run_and_in_the_table(logged):
    assert "random weights" in child_of(logged, "kde", "random_convnet").data.tags["mlflow.note.content"]
    assert all("random weights" in cell for cell in table_of(logged, "leaderboards/random_convnet.json")["encoder"])


def test_the_leaderboard_is_a_table_that_begins_with_what_a_reader_wants(logged):
    client, tracked, _, _ = logged
    table = table_of(logged, "leaderboard.json")
    assert list(table)[:4] == ["rank", "generator", "FD", "95% interval"]
    assert table["generator"] == ["kde", "noise", "broken"]
    assert table["rank"] == [1, "control", "failed"]
    shown_as_tables = json.loads(client.get_run(tracked.run_id).data.tags["mlflow.loggedArtifacts"])
    assert {"path": "leaderboard.json", "type": "table"} in shown_as_tables
    assert table["95% interval"][0] == "[1.94, 2.46]"


def test_every_image_set_has_a_row_with_its_seeds(logged):
    _, _, out, _ = logged
    table = table_of(logged, "seeds.json")
    names = ("encoder", "generator", "training seed", "sampling seed")
    rows = dict(zip(zip(*(table[name] for name in names), strict=True), table["fd"], strict=True))
    values = {}
    for record in read_records(out / "records.jsonl"):
        cell = record.cell
        if record.level == "cell" and record.metric == "fd":
            seeds = ["" if seed is None else seed for seed in (cell.training_seed, cell.sampling_seed)]
            values[cell.encoder, cell.generator, *seeds] = record.estimate.value if record.estimate else ""
    assert len(values) == 2 * (6 + 2 + 2)
    assert rows.keys() == values.keys()
    for place, value in values.items():
        assert rows[place] == (pytest.approx(value, abs=1e-9) if value != "" else "")


def test_the_real_images_are_inputs_with_their_digests(logged):
    client, tracked, _, _ = logged
    inputs = client.get_run(tracked.run_id).inputs.dataset_inputs
    digests = {i.dataset.name: json.loads(i.dataset.source)["tags"]["digest"] for i in inputs}
    assert set(digests) == {"digits/train", "digits/reference"}
    assert all(i.dataset.digest == digests[i.dataset.name].removeprefix("sha256:")[:16] for i in inputs)


def test_files_of_the_run_lie_beside_the_database_byte_for_byte(logged):
    _, tracked, out, database = logged
    folder = database.parent / "mlartifacts" / "digits-leaderboard" / tracked.run_id / "artifacts"
    for name in ("records.jsonl", "benchmark.lock.yaml", "leaderboard.csv", "leaderboard.json", "run.json"):
        assert (folder / "run" / name).read_bytes() == (out / name).read_bytes()
    assert (folder / "grids" / "kde.png").read_bytes() == (out / "grids" / "kde.png").read_bytes()
    assert (folder / "plots" / "digits_convnet.svg").is_file()


def test_run_and_experiment_are_described_by_the_leaderboard_and_a_link_to_it(logged):
    client, tracked, _, _ = logged
    note = client.get_run(tracked.run_id).data.tags["mlflow.note.content"]
    assert client.get_experiment(tracked.experiment_id).tags["mlflow.note.content"] == note
    opening = note.splitlines()[0]
    assert opening.startswith("Leaderboard of digits by fd under digits_convnet: [open the table](#/experiments/")
    assert f"{tracked.run_id}/artifacts/leaderboard.json" in opening
    assert "| 1 | kde | 2.20 ±0.26 |" in note
    assert tracked.url.startswith(f"http://127.0.0.1:5000/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}/")


def test_provenance_is_told_in_tags(logged):
    client, tracked, _, _ = logged
    tags = client.get_run(tracked.run_id).data.tags
    assert tags["mlflow.source.git.commit"] == "0" * 40
    assert tags["harness.device"] == "cpu"
    assert tags["harness.libraries"].startswith("numpy ")


def test_the_time_of_a_run_is_when_it_ran_not_when_it_was_sent(logged):
    client, tracked, _, _ = logged
    info = client.get_run(tracked.run_id).info
    assert info.start_time == 1767323045000  # 2026-01-02T03:04:05 UTC
    assert info.end_time - info.start_time == 12500


def test_the_same_run_is_logged_once_wherever_its_files_lie(database, out, tmp_path):
    first = track(out, f"sqlite:///{database}")
    copy = Path(shutil.copytree(out, tmp_path / "elsewhere"))
    (copy / "run.json").write_text((copy / "run.json").read_text().replace("03:04:05", "09:09:09"))
    again = track(copy, f"sqlite:///{database}")
    assert (first.existed, again.existed) == (False, True)
    assert again.run_id == first.run_id
    assert len(parents(runs_in(database))) == 1


def test_a_run_that_is_there_is_recognised_without_importing_mlflow(logged):
    _, _, out, database = logged
    program = (
        "import sys; from pathlib import Path; from harness.report import track\n"
        "assert track(Path(sys.argv[1]), sys.argv[2]).existed; print('mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(out), f"sqlite:///{database}"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "False"


def test_a_run_that_was_deleted_in_mlflow_is_logged_again(database, out):
    from mlflow import MlflowClient

    uri = f"sqlite:///{database}"
    first = track(out, uri)
    MlflowClient(uri).delete_run(first.run_id)
    assert not track(out, uri).existed


def test_another_key_or_a_mended_failure_is_another_run(database, tmp_path):
    uri = f"sqlite:///{database}"
    small = {"kde": FEW["kde"]}, {"pixels": ""}
    broken = write_run(tmp_path / "a", generators=small[0], encoders=small[1], run_key="k1")
    mended = write_run(tmp_path / "b", generators=small[0], encoders=small[1], run_key="k1", failed=())
    other = write_run(tmp_path / "c", generators=small[0], encoders=small[1], run_key="k2", failed=())
    ids = {track(folder, uri).run_id for folder in (broken, mended, other, mended)}
    assert len(ids) == len(parents(runs_in(database))) == 3


def test_a_run_killed_while_it_was_logged_is_replaced_not_doubled(database, tmp_path):
    uri = f"sqlite:///{database}"
    out = write_run(tmp_path / "large", encoders=TWO)
    whole = 1 + 2 * (len(GENERATORS) + 1)
    process = subprocess.Popen([sys.executable, "-c", SEND, str(out), uri], cwd=ROOT)
    with sqlite3.connect(database) as connection:
        while connection.execute("SELECT count(*) FROM runs").fetchone()[0] < 3:
            assert process.poll() is None, "it finished before it could be killed"
            time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = runs_in(database)
    assert len(left) < whole
    assert all(run.info.status != "FINISHED" for run in parents(left))
    track(out, uri)
    runs = runs_in(database)
    (parent,) = parents(runs)
    assert parent.info.status == "FINISHED"
    assert len(runs) == whole


def test_two_processes_that_send_the_same_run_at_once_log_it_once_in_a_new_database(out, tmp_path):
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    command = [sys.executable, "-c", SEND, str(out), uri]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in "ab"
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said == ["", ""], "MLflow's own chatter stays off the terminal"
    assert len(runs_in(tmp_path / "new" / "mlflow.db")) == 1 + 6
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["mlartifacts", "mlflow.db", "mlflow.db.lock"]


def test_nothing_is_written_into_the_current_folder(database, out, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    track(out, f"sqlite:///{database}")
    assert list(empty.iterdir()) == []


def test_a_refused_connection_is_said_at_once(out):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(TrackingUnavailable, match=f"no MLflow server answers at http://127.0.0.1:{port} .*refused"):
        track(out, f"http://127.0.0.1:{port}")
    assert time.monotonic() - start < 3


def test_a_server_that_never_answers_is_given_up_within_15_seconds(out):
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TrackingUnavailable, match="timed out"):
        track(out, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - start < 15


def test_a_server_that_is_not_mlflow_is_one_sentence(out):
    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TrackingUnavailable, match="MLflow at http") as caught:
            track(out, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "\n" not in str(caught.value)


def test_a_database_locked_by_another_program_is_said_within_seconds(database, out):
    start = time.monotonic()
    with sqlite3.connect(database, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingUnavailable, match=r"cannot be written .*locked"):
            track(out, f"sqlite:///{database}")
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("what", ["a folder", "no database", "a file on the way"])
def test_a_path_that_cannot_hold_a_database_is_one_sentence(what, out, tmp_path):
    path = tmp_path / "place"
    if what == "a folder":
        path.mkdir()
    else:
        path.write_text("this is not SQLite, and it is long enough to be looked at")
    with pytest.raises(TrackingUnavailable, match="cannot be written"):
        track(out, f"sqlite:///{path / 'mlflow.db' if what == 'a file on the way' else path}")


@pytest.mark.parametrize("uri", ["./mlruns", "/tmp/mlruns", "file:///tmp/mlruns", "localhost:5000"])
def test_a_uri_that_mlflow_cannot_write_is_refused_with_what_is_allowed(uri, out):
    with pytest.raises(TrackingUnavailable, match="use http"):
        track(out, uri)


def test_a_deleted_experiment_says_how_to_bring_it_back(database, out):
    from mlflow import MlflowClient

    uri = f"sqlite:///{database}"
    MlflowClient(uri).delete_experiment(track(out, uri).experiment_id)
    with pytest.raises(TrackingUnavailable, match=r"deleted; restore it with `mlflow experiments restore -x \d+`"):
        track(out, uri)


def test_passwords_are_not_printed():
    assert without_password("postgresql://me:secret@host/db") == "postgresql://host/db"
    assert without_password("http://host:5000/a@b") == "http://host:5000/a@b"


def test_a_folder_without_a_run_is_the_users_mistake(tmp_path):
    with pytest.raises(UsageError, match=r"no records\.jsonl and no leaderboard\.json"):
        track(tmp_path, "sqlite:///unused.db")


def test_the_default_database_lies_in_the_project_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "project" / "benchmarks").mkdir(parents=True)
    assert default_uri(tmp_path / "project" / "benchmarks").endswith("/project/benchmarks/mlflow.db")
    (tmp_path / "project" / "pyproject.toml").touch()
    assert default_uri(tmp_path / "project" / "benchmarks") == f"sqlite:///{tmp_path.resolve()}/project/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert default_uri(tmp_path) == "http://tracking:5000"


def board_of(count):
    rows = tuple(
        Row(
            "pixels",
            f"generator_{rank}",
            "ok",
            None,
            rank,
            rank,
            rank,
            (),
            (0,),
            (0,),
            400,
            400,
            {"fd": estimate_of("fd", float(rank), "random")},
            ("a remark of some length",),
        )
        for rank in range(1, count + 1)
    )
    return Leaderboard(
        "many",
        {"metric": "fd", "encoder": "pixels"},
        {"level": 0.95, "target": "T_N", "reference": "random"},
        (Column("fd", "FD", True),),
        {"pixels": ""},
        rows,
        ("a note",),
    )


def test_a_description_of_many_generators_stays_within_what_mlflow_keeps():
    board = board_of(300)
    for studies in ([], ["An audit: " + "so it is " * 40] * 40):
        note = tables.description(board, "#/page", studies)
        assert 7000 < len(note) <= tables.LONGEST_NOTE
        assert "generator_1 |" in note
        assert "more in the table" in note
        assert ("- … 40 more in the report" in note) == bool(studies)
        assert note.endswith("One child run per generator and encoder.")
    assert len(tables.table(board, "pixels")["rank"]) == 300


def test_many_studies_leave_a_description_its_leaderboard_and_are_counted():
    board = board_of(10)
    studies = [f"Comparison {number}: {'it is so ' * 33}" for number in range(40)]
    note = tables.description(board, "#/page", studies)
    assert 7000 < len(note) <= tables.LONGEST_NOTE
    assert all(f"| generator_{rank} |" in note for rank in range(1, 11))
    assert "more in the table" not in note
    told = [study for study in studies if f"- {study}\n" in note]
    assert told == studies[: len(told)]
    assert 15 < len(told) < 40
    assert f"- … {40 - len(told)} more in the report" in note
    assert "- a note" in note
    few = tables.description(board, "#/page", studies[:3])
    assert all(study in few for study in studies[:3])
    assert "more in the report" not in few


def test_importing_tracking_imports_no_mlflow():
    heavy = "{'mlflow', 'pandas', 'torch', 'sqlalchemy'}"
    program = f"import sys, harness.report.mlflow; print(sorted({heavy} & set(sys.modules)))"
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "[]"
