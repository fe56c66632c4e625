"""A generator in MLflow: a run under each encoder, and a LoggedModel for each training seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from harness.base import Record
from harness.pipeline import Row
from harness.report.mlflow import tables, words
from harness.report.mlflow.batches import Metrics, send, send_inputs
from harness.report.mlflow.directory import RunDirectory

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

MODEL = "image generator"  # the type of the models


@dataclass(frozen=True)
class Sender:
    """Where the generators of a run go: the parent's id, and the real images that it has as inputs."""

    client: MlflowClient
    experiment_id: str
    parent: str
    run: RunDirectory
    inputs: tuple[DatasetInput, ...]

    def send(self, generator: str) -> None:
        """Log a generator's models, then its runs with their metrics."""
        rows = [(place, row) for place, row in enumerate(self.run.board.rows) if row.generator == generator]
        models = self._models(rows[0][1])
        for place, row in rows:
            # Lists show what started last first: so the best comes first.
            self._child(row, models, started=self.run.started + len(self.run.board.rows) - place)

    def _models(self, row: Row) -> dict[int | None, str]:
        """Make the LoggedModels of a generator and return their ids by training seed; None where it has no seeds.

        They are made before the metrics that name them.
        """
        run, encoders = self.run, self.run.board.encoders
        cells = [record for encoder in encoders for record in run.cells(row.generator, encoder)]
        alive: dict[int | None, bool] = {}
        for record in cells:
            seed = record.cell.training_seed
            alive[seed] = alive.get(seed, False) or record.status == "ok"
        declared = run.lock["benchmark"]["generators"][row.generator]
        found = {}
        for seed, ok in sorted(alive.items(), key=lambda item: -1 if item[0] is None else item[0]):
            params = {
                "generator": row.generator,
                "generator.use": declared["use"],
                **dict(words.flat(declared["parameters"], "generator.")),
                "training_seed": seed,
                "sampling_seeds": list(row.sampling_seeds),
                "n_fake": row.n_fake,
                "rank_by": f"{run.board.rank_by['metric']} under {run.board.rank_by['encoder']}",
            }
            tags = {
                "harness.level": "model",
                "harness.benchmark": run.board.benchmark,
                "harness.run_key": run.key,
                "harness.generator": row.generator,
            }
            model = self.client.create_logged_model(
                self.experiment_id,
                name=words.model_name(row.generator if seed is None else f"{row.generator}-seed-{seed}"),
                source_run_id=self.parent,
                tags=tags,
                params={words.name(name): words.value(value) for name, value in params.items() if value is not None},
                model_type=MODEL,
            )
            self.client.finalize_logged_model(model.model_id, "READY" if ok else "FAILED")
            found[seed] = model.model_id
        return found

    def _child(self, row: Row, models: dict[int | None, str], *, started: int) -> None:
        """Log one generator under one encoder, all its seeds."""
        run, client = self.run, self.client
        encoder_note = run.board.encoder_notes[row.encoder]
        remarks = [f"**Failed**: {row.reason}"] if row.reason else []
        remarks += [f"{row.encoder}: {encoder_note}"] if encoder_note else []
        tags = {
            "mlflow.parentRunId": self.parent,
            "mlflow.note.content": words.note([*remarks, *row.flags]),
            "harness.level": "generator",
            "harness.benchmark": run.board.benchmark,
            "harness.generator": row.generator,
            "harness.encoder": row.encoder,
            "harness.status": row.status,
        }
        title = words.title(tables.child_title(run.board, row))
        child = client.create_run(self.experiment_id, start_time=started, tags=tags, run_name=title).info.run_id
        params = self._params(row)
        split = params.get("reference_split")
        send(client, child, [*self._of_models(row, models, split), Metrics(self._metrics(row), run.ended)], params)
        inputs = [i for i in self.inputs if i.tags[0].value == split]
        send_inputs(client, child, inputs, models.values())
        client.set_terminated(child, "FINISHED" if row.status == "ok" else "FAILED", end_time=run.ended)

    def _metrics(self, row: Row) -> dict[str, float | None]:
        """What the leaderboard says of a row, and what the generator cost."""
        metrics: dict[str, float | None] = {"rank": row.rank, "rank.low": row.rank_low, "rank.high": row.rank_high}
        for metric, e in row.metrics.items():
            metrics |= {metric: e.value, f"{metric}.se": e.se, f"{metric}.ci_lo": e.low, f"{metric}.ci_hi": e.high}
        costs = self.run.shown.costs.get(row.generator, {})
        metrics |= {f"cost.{name}": value for name, value in costs.items() if isinstance(value, int | float)}
        if (bits := row.observations.get("likelihood", {})) and "value" in bits:
            metrics |= {
                "bits_per_dim": bits["value"],
                "bits_per_dim.ci_lo": bits["low"],
                "bits_per_dim.ci_hi": bits["high"],
            }
        # A model's metrics under another encoder have its name; the last value of each is the generator's.
        if self._prefix(row):
            metrics |= {f"{self._prefix(row)}{metric}": e.value for metric, e in row.metrics.items()}
            metrics[f"{self._prefix(row)}rank"] = row.rank
        return metrics

    def _of_models(self, row: Row, models: dict[int | None, str], split: str | None) -> Iterator[Metrics]:
        """The metrics of each training seed, the mean over its sampling seeds, tied to its model and the real images.

        They are older than the run's own by a few milliseconds: MLflow shows a metric's newest value, and a run's is
        the leaderboard's. Each seed has a moment of its own, since MLflow keeps equal values of one moment once.
        """
        dataset = self.run.dataset(split) if split is not None and split in self.run.lock["dataset"] else None
        values: dict[int | None, dict[str, list[float]]] = {seed: {} for seed in models}
        for record in self.run.cells(row.generator, row.encoder):
            if record.estimate is not None:
                metrics = values[record.cell.training_seed]
                metrics.setdefault(record.metric, []).append(record.estimate.value)
        for age, (seed, found) in enumerate(values.items(), 1):
            if found:
                means: dict[str, float | None] = {metric: fmean(several) for metric, several in found.items()}
                named = {f"{self._prefix(row)}{name}": value for name, value in {**means, "rank": row.rank}.items()}
                yield Metrics(named, self.run.ended - age, models[seed], dataset)

    def _prefix(self, row: Row) -> str:
        """What a model's metrics begin with: it has those of all encoders, with plain names of the one that ranks."""
        return "" if row.encoder == self.run.board.rank_by["encoder"] else f"{row.encoder}/"

    def _params(self, row: Row) -> dict[str, Any]:
        run = self.run
        params: dict[str, Any] = {"generator": row.generator, "encoder": row.encoder}
        for kind, name in (("generators", row.generator), ("encoders", row.encoder)):
            declared = run.lock["benchmark"][kind][name]
            params |= words.flat(declared["parameters"], f"{kind[:-1]}.")
            params[f"{kind[:-1]}.use"] = declared["use"]
        bits = row.observations.get("likelihood", {})
        if bits:
            params["bits_per_dim.kind"] = bits.get("kind", "failed")
        params |= {"n_real": row.n_real, "n_fake": row.n_fake, **run.board.interval}
        params |= {"training_seeds": list(row.training_seeds), "sampling_seeds": list(row.sampling_seeds)}
        own: list[Record] = run.of(row.generator, row.encoder)
        for record in own:
            cell = record.cell
            params |= {"dataset": cell.dataset, "reference_split": cell.reference_split}
            params |= {"preprocessing": cell.preprocessing, **dict(words.flat(record.parameters, f"{record.metric}."))}
        return params
