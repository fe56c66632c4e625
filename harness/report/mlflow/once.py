"""A run counts once in MLflow, also where several machines send it at the same moment.

A tracking server has no transactions, but names of experiments are unique in it, deleted ones included. So whoever has
logged the whole run claims it: an experiment named after the run's key and outcome, with the id of the logged run as a
tag, deleted at once so that nobody sees it. Only the first gets the name. Everybody else finds the id there, marks that
run FINISHED (its sender may have died before it could), deletes what he has logged himself and takes the other's. No
clock and no waiting: a sender that dies at any point blocks nobody.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CLAIM = "harness.claimed_by"  # the tag with the id of the run that counts
NOTE = "Marks which of several logged runs counts. Made and deleted by `harness track`; safe to remove."


def claim(client: MlflowClient, key: str, run_id: str) -> str:
    """The id of the run that counts for `key`: `run_id` where nobody else has claimed it before.

    A claim of a run that has been deleted since is over, and the next one counts.
    """
    from mlflow.exceptions import MlflowException

    for number in itertools.count():
        name = f"harness claim {key} {number}"
        try:
            made = client.create_experiment(name, tags={CLAIM: run_id, "mlflow.note.content": NOTE})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            claimed = client.get_experiment_by_name(name)
            if claimed is None:  # `mlflow gc` has just taken it away
                continue
            if claimed.lifecycle_stage == "active":
                with contextlib.suppress(MlflowException):  # not ours to delete, or just deleted
                    client.delete_experiment(claimed.experiment_id)
            if is_there(client, claimed.tags[CLAIM]):
                return str(claimed.tags[CLAIM])
        else:
            client.delete_experiment(made)
            return run_id
    raise AssertionError("itertools.count ends nowhere")


def is_there(client: MlflowClient, run_id: str) -> bool:
    """Whether a run exists and is not deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def runs(client: MlflowClient, experiment_id: str, where: str) -> Iterator[Run]:
    """Every run that a filter finds, however many there are."""
    yield from _pages(lambda token: client.search_runs([experiment_id], where, page_token=token))


def delete(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Delete a run with its children and models (MLflow keeps runs restorable)."""
    from mlflow.exceptions import MlflowException

    children = [child.info.run_id for child in runs(client, experiment_id, f"tags.`mlflow.parentRunId` = '{run_id}'")]
    where = f"source_run_id = '{run_id}'"
    models = _pages(lambda token: client.search_logged_models([experiment_id], where, page_token=token))
    for model in [found.model_id for found in models]:
        with contextlib.suppress(MlflowException):  # another sender cleans up too
            client.delete_logged_model(model)
    for run in [*children, run_id]:
        if is_there(client, run):
            with contextlib.suppress(MlflowException):
                client.delete_run(run)


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return
