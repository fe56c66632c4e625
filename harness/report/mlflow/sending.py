"""Records → MLflow: a mirror that can always be rebuilt from a run's directory. Nothing else imports MLflow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import without_password
from harness.report.mlflow import once, studies
from harness.report.mlflow.directory import RunDirectory, read
from harness.report.mlflow.reach import (
    create,
    find_logged,
    one_sentence,
    reachable,
    sqlite_path,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

REQUESTS_AT_ONCE = 4  # to a server: it has as many processes, where nobody says otherwise
UI = "http://127.0.0.1:5000"  # where `make ui` serves a local database


@dataclass(frozen=True)
class Tracked:
    """Where a run is in MLflow. `existed` says that the same run had been logged before and was left as it is."""

    uri: str
    experiment_id: str
    run_id: str
    existed: bool

    @property
    def url(self) -> str:
        """The page of the leaderboard: on the server, or on the one that `make ui` starts for a local database."""
        from harness.report.mlflow.tables import leaderboard_page

        server = without_password(self.uri).rstrip("/") if self.uri.startswith(("http://", "https://")) else UI
        return f"{server}/{leaderboard_page(self.experiment_id, self.run_id)}"


def default_uri(start: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or else SQLite beside the project: in the nearest folder upwards with a pyproject.toml."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    start = start.resolve()
    project = next((folder for folder in (start, *start.parents) if (folder / "pyproject.toml").is_file()), start)
    return f"sqlite:///{project / 'mlflow.db'}"


def track(out: Path, uri: str | None = None) -> Tracked:
    """Send a run's directory to MLflow and return where it is; of a run that is already there only newer studies.

    The benchmark's run is marked FINISHED last, so one that was killed halfway is recognised and replaced. Of several
    senders at once the first to have logged all of it counts; the others delete theirs and return its place. Raises
    UsageError where `out` is not a run's directory and TrackingUnavailable where MLflow cannot be reached or written.
    """
    run = read(out)
    uri = uri or default_uri(Path.cwd())
    with reachable(uri):
        if (database := sqlite_path(uri)) and (found := find_logged(database, run.key, run.outcome, run.studied)):
            return Tracked(uri, *found, existed=True)
        with one_sentence(uri):
            return _send(run, uri, database)


def _send(run: RunDirectory, uri: str, database: Path | None) -> Tracked:
    """Find the run in MLflow, or log it: everything first, then the claim that it is the one, then its FINISHED."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    from harness.report.mlflow.children import Sender
    from harness.report.mlflow.log import begin, experiment, inputs, log, send_studies

    if database and not database.exists():
        create(database)
    client = MlflowClient(uri)
    experiment_id = experiment(client, f"{run.board.benchmark} leaderboard", database)

    def there(run_id: str) -> Tracked:
        if client.get_run(run_id).data.tags.get(studies.TAG) != run.studied:
            send_studies(client, experiment_id, run_id, run)
        return Tracked(uri, experiment_id, run_id, existed=True)

    if found := _finished(client, experiment_id, run):
        return there(found)
    # A database of this machine has one writer, who holds its lock; a server has many.
    logged = begin(client, experiment_id, run)
    try:
        sender = Sender(client, experiment_id, logged, run, inputs(run))
        log(sender, at_once=1 if database else REQUESTS_AT_ONCE)
    except MlflowException:
        # Another sender was faster and has deleted what it took for left behind.
        if not database and (found := _finished(client, experiment_id, run)):
            once.delete(client, experiment_id, logged)
            return there(found)
        raise
    counts = logged if database else once.claim(client, f"{run.key} {run.outcome}", logged)
    client.set_terminated(counts, "FINISHED", end_time=run.ended)
    _tidy(client, experiment_id, run, counts, alone=bool(database))
    return there(counts) if counts != logged else Tracked(uri, experiment_id, logged, existed=False)


def _finished(client: MlflowClient, experiment_id: str, run: RunDirectory) -> str | None:
    """The id of the same run, logged whole; None where there is none."""
    where = f"tags.`harness.run_key` = '{run.key}' and tags.`harness.outcome` = '{run.outcome}'"
    for earlier in once.runs(client, experiment_id, f"{where} and attributes.status = 'FINISHED'"):
        if earlier.data.tags.get("harness.level") == "benchmark":
            return str(earlier.info.run_id)
    return None


def _tidy(client: MlflowClient, experiment_id: str, run: RunDirectory, counts: str, *, alone: bool) -> None:
    """Delete what senders that were killed, or were not the first, left of this run.

    Where others may be sending just now, one with another outcome may not be left behind but under way.
    """
    where = f"tags.`harness.run_key` = '{run.key}' and attributes.status != 'FINISHED'"
    for other in list(once.runs(client, experiment_id, where)):
        same = other.data.tags.get("harness.outcome") == run.outcome
        if other.info.run_id != counts and (alone or same):
            once.delete(client, experiment_id, other.info.run_id)
