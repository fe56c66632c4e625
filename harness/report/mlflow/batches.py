"""Metrics and params in as few requests as MLflow accepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.mlflow import words

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric

METRICS_AT_ONCE, PARAMS_AT_ONCE = 900, 100  # one request over REST holds 1,000 entries and 100 params
TRIES = 3


@dataclass(frozen=True)
class Metrics:
    """Values at one moment; None is not a number and is left out.

    model, dataset  the LoggedModel that they speak about, and name and digest of the real images that it was held
                    against; None where they speak about the run
    """

    values: Mapping[str, float | None]
    at: int
    model: str | None = None
    dataset: tuple[str, str] | None = None

    def entities(self) -> list[Metric]:
        """As MLflow takes them."""
        from mlflow.entities import Metric

        dataset_name, dataset_digest = self.dataset or (None, None)
        return [
            Metric(words.name(name), float(value), self.at, 0, self.model, dataset_name, dataset_digest)
            for name, value in self.values.items()
            if value is not None
        ]


def send(client: MlflowClient, run_id: str, metrics: Metrics | list[Metrics], params: Mapping[str, Any]) -> None:
    """Log metrics and params of a run. Params whose names MLflow takes for one are told apart by a number."""
    from mlflow.entities import Param

    groups = metrics if isinstance(metrics, list) else [metrics]
    found = [entity for group in groups for entity in group.entities()]
    said: dict[str, str] = {}
    for name, value in params.items():
        accepted = free = words.name(name)
        count = 2
        while free in said:
            free, count = words.name(f"{accepted}_{count}"), count + 1
        said[free] = words.value(value)
    listed = [Param(name, value) for name, value in said.items()]
    while found or listed:
        client.log_batch(run_id, metrics=found[:METRICS_AT_ONCE], params=listed[:PARAMS_AT_ONCE])
        found, listed = found[METRICS_AT_ONCE:], listed[PARAMS_AT_ONCE:]


def send_inputs(
    client: MlflowClient, run_id: str, datasets: Sequence[DatasetInput], models: Iterable[str] = ()
) -> None:
    """Log the real images, and the models by their ids, that a run has as inputs.

    Whole or not at all, so it is tried again: a server fails where two senders bring a new dataset at the same moment
    (a unique key is violated, which MLflow does not catch), and has it at the next try.
    """
    from mlflow.entities import LoggedModelInput
    from mlflow.exceptions import MlflowException

    for left in reversed(range(TRIES)):
        try:
            return client.log_inputs(run_id, list(datasets), [LoggedModelInput(model) for model in models])
        except MlflowException:
            if not left:
                raise
