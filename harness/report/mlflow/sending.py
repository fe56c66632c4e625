"""Records → MLflow: a mirror that can always be rebuilt from a run's directory. Nothing else imports MLflow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.base import without_password
from harness.report.mlflow.directory import RunDirectory, read
from harness.report.mlflow.reach import (
    create,
    find_logged,
    one_sentence,
    reachable,
    sqlite_path,
)

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

    The benchmark's run is marked FINISHED last, so one that was killed halfway is recognised and replaced. Raises
    UsageError where `out` is no run's directory and TrackingUnavailable where MLflow cannot be reached or written.
    """
    run = read(out)
    uri = uri or default_uri(Path.cwd())
    with reachable(uri):
        if (database := sqlite_path(uri)) and (found := find_logged(database, run.key, run.outcome, run.studied)):
            return Tracked(uri, *found, existed=True)
        with one_sentence(uri):
            return _send(run, uri, database)


def _send(run: RunDirectory, uri: str, database: Path | None) -> Tracked:
    """Find the run in MLflow, or log it."""
    from mlflow import MlflowClient

    from harness.report.mlflow import studies
    from harness.report.mlflow.log import delete, experiment, log, send_studies

    if database and not database.exists():
        create(database)
    client = MlflowClient(uri)
    experiment_id = experiment(client, f"{run.board.benchmark} leaderboard", database)
    for earlier in client.search_runs([experiment_id], f"tags.`harness.run_key` = '{run.key}'"):
        if earlier.info.status != "FINISHED":
            delete(client, experiment_id, earlier.info.run_id)
        elif earlier.data.tags.get("harness.outcome") == run.outcome:
            if earlier.data.tags.get(studies.TAG) != run.studied:
                send_studies(client, experiment_id, earlier.info.run_id, run)
            return Tracked(uri, experiment_id, earlier.info.run_id, existed=True)
    return Tracked(uri, experiment_id, log(client, experiment_id, run), existed=False)
