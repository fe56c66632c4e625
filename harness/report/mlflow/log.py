"""One run written to MLflow: an experiment per benchmark, a run per invocation, a child per generator and encoder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.pipeline import Row
from harness.report.curves import steps
from harness.report.mlflow import studies, tables
from harness.report.mlflow.directory import RunDirectory
from harness.report.mlflow.reach import TrackingUnavailable
from harness.report.words import answer

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

METRICS_AT_ONCE, PARAMS_AT_ONCE = 900, 100  # one request over REST holds 1,000 entries and 100 params
LONGEST_VALUE = 500  # characters; MLflow cuts at 6,000 without a word, and the lock file holds all of it anyway
UNSENT = ("tracked.json",)  # what the run notes about tracking itself


def experiment(client: MlflowClient, name: str, database: Path | None) -> str:
    """The id of the benchmark's experiment, made where there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:
        # Without a location of its own an experiment's files land in whatever folder the first run was started from.
        folder = (database.parent / "mlartifacts" / re.sub(r"\W+", "-", name)).as_uri() if database else None
        return str(client.create_experiment(name, artifact_location=folder))
    if found.lifecycle_stage != "active":
        raise TrackingUnavailable(
            f"the MLflow experiment {name!r} was deleted;"
            f" `mlflow experiments restore -x {found.experiment_id}` brings it back"
        )
    return str(found.experiment_id)


def delete(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Delete a run with its children (MLflow keeps them restorable)."""
    for child in client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"):
        client.delete_run(child.info.run_id)
    client.delete_run(run_id)


def log(client: MlflowClient, experiment_id: str, run: RunDirectory) -> str:
    """Log a whole run and return its id; it counts as FINISHED only when everything else is there."""
    board = run.board
    provenance = run.records[0].provenance if run.records else {}
    tags = {
        "harness.level": "benchmark",
        "harness.benchmark": board.benchmark,
        "harness.run_key": run.key,
        "harness.outcome": run.outcome,
        "mlflow.source.name": "harness run",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": str(provenance.get("commit", "")),
        **{f"harness.{name}": _short(value) for name, value in provenance.items()},
    }
    name = f"{board.benchmark} {run.invocation['time'][:16].replace('T', ' ')}"
    parent = client.create_run(experiment_id, start_time=run.started, tags=tags, run_name=name).info.run_id
    failed = sum(row.status != "ok" for row in board.rows)
    counts = {"ranked": sum(row.rank is not None for row in board.rows), "failed": failed}
    declared = {"run_key": run.key, **dict(_flat(run.lock["benchmark"]))}
    _batch(client, parent, counts, declared, run.ended)
    _curves(client, parent, run)
    inputs = _inputs(run)
    client.log_inputs(parent, inputs)
    for place, row in enumerate(board.rows):
        # Lists show what started last first: so the best comes first.
        _log_child(client, experiment_id, parent, run, row, inputs, started=run.started + len(board.rows) - place)
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
    client.set_terminated(parent, "FINISHED", end_time=run.ended)
    return str(parent)


def send_studies(client: MlflowClient, experiment_id: str, run_id: str, run: RunDirectory) -> None:
    """Bring a logged run's studies and the descriptions that quote them up to date."""
    page = tables.leaderboard_page(experiment_id, run_id)
    note = tables.description(run.board, page, studies.lines(run), answer=answer(run.shown))
    client.set_tag(run_id, "mlflow.note.content", note)
    client.set_experiment_tag(experiment_id, "mlflow.note.content", note)
    studies.send(client, run_id, run)


def _log_child(
    client: MlflowClient,
    experiment_id: str,
    parent: str,
    run: RunDirectory,
    row: Row,
    inputs: list[DatasetInput],
    *,
    started: int,
) -> None:
    """Log one generator under one encoder, all its seeds."""
    own = [r for r in run.records if (r.cell.generator, r.cell.encoder) == (row.generator, row.encoder)]
    note = run.board.encoder_notes[row.encoder]
    remarks = [*([f"**Failed**: {row.reason}"] if row.reason else []), *([f"{row.encoder}: {note}"] if note else [])]
    tags = {
        "mlflow.parentRunId": parent,
        "mlflow.note.content": "\n\n".join([*remarks, *row.flags]),
        "harness.level": "generator",
        "harness.benchmark": run.board.benchmark,
        "harness.generator": row.generator,
        "harness.encoder": row.encoder,
        "harness.status": row.status,
    }
    metrics: dict[str, float | None] = {"rank": row.rank, "rank.low": row.rank_low, "rank.high": row.rank_high}
    for metric, e in row.metrics.items():
        metrics |= {metric: e.value, f"{metric}.se": e.se, f"{metric}.ci_lo": e.low, f"{metric}.ci_hi": e.high}
    costs = run.shown.costs.get(row.generator, {})
    metrics |= {f"cost.{name}": value for name, value in costs.items() if isinstance(value, int | float)}
    if (bits := row.observations.get("likelihood", {})) and "value" in bits:
        metrics |= {
            "bits_per_dim": bits["value"],
            "bits_per_dim.ci_lo": bits["low"],
            "bits_per_dim.ci_hi": bits["high"],
        }
    params: dict[str, Any] = {"generator": row.generator, "encoder": row.encoder}
    for kind, name in (("generators", row.generator), ("encoders", row.encoder)):
        declared = run.lock["benchmark"][kind][name]
        params |= _flat(declared["parameters"], f"{kind[:-1]}.")
        params[f"{kind[:-1]}.use"] = declared["use"]
    if bits:
        params["bits_per_dim.kind"] = bits.get("kind", "failed")
    params |= {"n_real": row.n_real, "n_fake": row.n_fake, **run.board.interval}
    params |= {"training_seeds": list(row.training_seeds), "sampling_seeds": list(row.sampling_seeds)}
    for record in own:
        cell = record.cell
        params |= {"dataset": cell.dataset, "reference_split": cell.reference_split}
        params |= {"preprocessing": cell.preprocessing, **dict(_flat(record.parameters, f"{record.metric}."))}
    title = tables.child_title(run.board, row)
    child = client.create_run(experiment_id, start_time=started, tags=tags, run_name=title).info.run_id
    _batch(client, child, metrics, params, run.ended)
    client.log_inputs(child, [i for i in inputs if i.tags[0].value == params.get("reference_split")])
    client.set_terminated(child, "FINISHED" if row.status == "ok" else "FAILED", end_time=run.ended)


def _batch(
    client: MlflowClient, run_id: str, metrics: Mapping[str, float | None], params: Mapping[str, Any], at: int
) -> None:
    """Log metrics and params in as few requests as MLflow accepts; None is no number and is left out."""
    from mlflow.entities import Metric, Param

    found = [Metric(_name(name), float(value), at, 0) for name, value in metrics.items() if value is not None]
    said = [Param(_name(name), _short(value)) for name, value in params.items()]
    while found or said:
        client.log_batch(run_id, metrics=found[:METRICS_AT_ONCE], params=said[:PARAMS_AT_ONCE])
        found, said = found[METRICS_AT_ONCE:], said[PARAMS_AT_ONCE:]


def _curves(client: MlflowClient, run_id: str, run: RunDirectory) -> None:
    """Log the curves of a sweep, a step for each cell."""
    from mlflow.entities import Metric

    found = steps(run.board, str(run.board.rank_by["encoder"]))
    for start in range(0, len(found), METRICS_AT_ONCE):
        part = found[start : start + METRICS_AT_ONCE]
        client.log_batch(run_id, metrics=[Metric(_name(name), value, run.ended, step) for name, value, step in part])


def _inputs(run: RunDirectory) -> list[DatasetInput]:
    """The splits of real images with their digests; the context of each is the split's name."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name = run.lock["benchmark"]["dataset"]
    found = []
    first = run.lock["benchmark"]["reference_split"]  # pages show one and count the rest
    for split, facts in sorted(run.lock["dataset"].items(), key=lambda item: item[0] != first):
        full = str(facts["digest"])
        dataset = Dataset(
            name=f"{name}/{split}",
            digest=full.removeprefix("sha256:")[:16],  # MLflow has room for 36 characters
            source_type="code",
            source=json.dumps({"tags": {"dataset": name, "split": split, "digest": full}}),
            profile=json.dumps({"images": facts["size"]}),
        )
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return found


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"a": {"b": 1}}` → ("a.b", 1)."""
    for name, part in value.items():
        if isinstance(part, Mapping) and part:
            yield from _flat(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {part}" for name, part in value.items())
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 20] + " … (see lock file)"


def _name(text: str) -> str:
    """A name that MLflow accepts: letters, digits and `_ - . : / space`."""
    return re.sub(r"[^\w\-.:/ ]", "_", text)
