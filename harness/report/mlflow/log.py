"""One run written to MLflow: an experiment per benchmark, a run per invocation, a child per generator and encoder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.report.curves import steps
from harness.report.mlflow import studies, tables, words
from harness.report.mlflow.batches import METRICS_AT_ONCE, Metrics, send, send_inputs
from harness.report.mlflow.children import Sender
from harness.report.mlflow.directory import RunDirectory
from harness.report.mlflow.reach import TrackingUnavailable
from harness.report.words import answer

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

UNSENT = ("tracked.json",)  # what the run notes about tracking itself


def experiment(client: MlflowClient, name: str, database: Path | None) -> str:
    """The id of the benchmark's experiment, made where there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        # Without a location of its own an experiment's files land in whatever folder the first run was started from.
        folder = (database.parent / "mlartifacts" / re.sub(r"\W+", "-", name)).as_uri() if database else None
        try:
            return str(client.create_experiment(name, artifact_location=folder))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # somebody else was faster
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise TrackingUnavailable(
            f"the MLflow experiment {name!r} was deleted;"
            f" restore it with `mlflow experiments restore -x {found.experiment_id}`"
        )
    return str(found.experiment_id)


def begin(client: MlflowClient, experiment_id: str, run: RunDirectory) -> str:
    """Make the run of an invocation and return its id; nothing is in it yet."""
    provenance = run.records[0].provenance if run.records else {}
    tags = {
        "harness.level": "benchmark",
        "harness.benchmark": run.board.benchmark,
        "harness.run_key": run.key,
        "harness.outcome": run.outcome,
        "mlflow.source.name": "harness run",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": str(provenance.get("commit", "")),
        **{f"harness.{name}": words.value(value) for name, value in provenance.items()},
    }
    name = words.title(f"{run.board.benchmark} {run.invocation['time'][:16].replace('T', ' ')}")
    return str(client.create_run(experiment_id, start_time=run.started, tags=tags, run_name=name).info.run_id)


def log(sender: Sender, *, at_once: int) -> None:
    """Log everything of a run, `at_once` generators together; that it is FINISHED is for the caller to say."""
    client, experiment_id, parent, run = sender.client, sender.experiment_id, sender.parent, sender.run
    board = run.board
    failed = sum(row.status != "ok" for row in board.rows)
    counts = {"ranked": sum(row.rank is not None for row in board.rows), "failed": failed}
    declared = {"run_key": run.key, **dict(words.flat(run.lock["benchmark"]))}
    send(client, parent, Metrics(counts, run.ended), declared)
    _curves(client, parent, run)
    send_inputs(client, parent, sender.inputs)
    generators = dict.fromkeys(row.generator for row in board.rows)
    if at_once == 1:
        list(map(sender.send, generators))
    else:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(sender.send, generators))
    for encoder in board.encoders:
        file = "leaderboard.json" if encoder == board.rank_by["encoder"] else f"leaderboards/{encoder}.json"
        client.log_table(parent, tables.table(board, encoder), file)
    client.log_table(parent, tables.seeds(run.records), "seeds.json")
    for path in sorted(run.out.iterdir()):
        if path.is_dir():
            client.log_artifacts(parent, str(path), path.name)
        elif path.name not in UNSENT and not path.name.startswith("."):
            client.log_artifact(parent, str(path), "run")
    send_studies(client, experiment_id, parent, run)


def send_studies(client: MlflowClient, experiment_id: str, run_id: str, run: RunDirectory) -> None:
    """Bring a logged run's studies and the descriptions that quote them up to date."""
    page = tables.leaderboard_page(experiment_id, run_id)
    note = tables.description(run.board, page, studies.lines(run), answer=answer(run.shown))
    client.set_tag(run_id, "mlflow.note.content", note)
    client.set_experiment_tag(experiment_id, "mlflow.note.content", note)
    studies.send(client, run_id, run)


def _curves(client: MlflowClient, run_id: str, run: RunDirectory) -> None:
    """Log the curves of a sweep, a step for each cell."""
    from mlflow.entities import Metric

    found = steps(run.board, str(run.board.rank_by["encoder"]))
    for start in range(0, len(found), METRICS_AT_ONCE):
        part = found[start : start + METRICS_AT_ONCE]
        metrics = [Metric(words.name(name), value, run.ended, step) for name, value, step in part]
        client.log_batch(run_id, metrics=metrics)


def inputs(run: RunDirectory) -> tuple[DatasetInput, ...]:
    """The splits of real images with their digests; the context of each is the split's name."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    found = []
    first = run.lock["benchmark"]["reference_split"]  # pages show one and count the rest
    for split, facts in sorted(run.lock["dataset"].items(), key=lambda item: item[0] != first):
        name, short = run.dataset(split)
        source: Mapping[str, Any] = {
            "dataset": run.lock["benchmark"]["dataset"],
            "split": split,
            "digest": facts["digest"],
        }
        dataset = Dataset(
            name=name,
            digest=short,
            source_type="code",
            source=json.dumps({"tags": source}),
            profile=json.dumps({"images": facts["size"]}),
        )
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return tuple(found)
