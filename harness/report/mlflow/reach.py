"""Reaching MLflow: what may be wrong is found within seconds and said in one sentence."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from harness.base import locked

ANSWER_SECONDS = 5
WRITER_SECONDS = 120  # that a run waits for another one to finish logging to the same database


class TrackingUnavailable(Exception):  # noqa: N818 - nothing is wrong with the run: its Records can be sent later
    """MLflow could not be reached or written: one sentence. The Records are complete without it."""


@contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Say within seconds, before MLflow's own long retries, that nobody answers; let one writer into a database."""
    # MLflow reads these when it is imported; a value that the user has set wins.
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }.items():
        os.environ.setdefault(name, value)
    for noisy in ("alembic", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if database := sqlite_path(uri):
        with _alone(database):
            yield
    elif uri.startswith(("http://", "https://")):
        _ask(uri)
        yield
    elif uri == "databricks" or ("://" in uri and not uri.startswith("file:")):
        yield
    else:
        raise TrackingUnavailable(
            f"{uri!r} is no tracking URI: give http(s)://host:port, or sqlite:/// and the path of a database"
        )


def without_password(uri: str) -> str:
    """The URI as it may be printed."""
    return re.sub(r"(?<=://)[^/@]*@", "", uri)


def sqlite_path(uri: str) -> Path | None:
    """The file of a `sqlite:///` URI; None for another."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


@contextmanager
def one_sentence(uri: str) -> Iterator[None]:
    """Turn what MLflow, and the database or network below it, raise into TrackingUnavailable."""
    try:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise TrackingUnavailable(f"MLflow cannot be imported ({_line(error)})") from error
    try:
        yield
    except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        raise TrackingUnavailable(f"MLflow at {without_password(uri)} failed: {_line(error)}") from error


def find_logged(database: Path, key: str, outcome: str, studied: str) -> tuple[str, str] | None:
    """Experiment and run id of a finished run with these studies in an SQLite database; None where it is not there.

    It saves the 4 s of imports that MLflow takes for the same answer. Its tables are no public interface, so any
    other layout than the expected one means None, and MLflow itself is asked.
    """
    question = """
        SELECT runs.experiment_id, runs.run_uuid FROM runs
        JOIN experiments ON experiments.experiment_id = runs.experiment_id
        JOIN tags AS keys ON keys.run_uuid = runs.run_uuid AND keys.key = 'harness.run_key'
        JOIN tags AS outcomes ON outcomes.run_uuid = runs.run_uuid AND outcomes.key = 'harness.outcome'
        JOIN tags AS studies ON studies.run_uuid = runs.run_uuid AND studies.key = 'harness.studies'
        WHERE keys.value = ? AND outcomes.value = ? AND studies.value = ? AND runs.status = 'FINISHED'
        AND runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'"""
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute(question, (key, outcome, studied)).fetchone()
    except sqlite3.Error:
        return None
    return (str(found[0]), str(found[1])) if found else None


def create(database: Path) -> None:
    """Make an empty MLflow database under a temporary name: one killed amid its migrations could never be opened."""
    from mlflow import MlflowClient

    draft = database.with_name(f"{database.name}.{os.getpid()}.new")
    try:
        MlflowClient(f"sqlite:///{draft}").search_experiments(max_results=1)
        if not database.exists():
            draft.replace(database)
    finally:
        draft.unlink(missing_ok=True)


def _ask(uri: str) -> None:
    """Raise TrackingUnavailable unless somebody answers at an address."""
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # it answers; whether it is MLflow shows at the first request
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)  # urllib wraps what happened
        raise TrackingUnavailable(f"no MLflow server answers at {without_password(uri)} ({_line(reason)})") from error


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold the database's lock file, so that two runs that end together log one after the other, not the same twice."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(database.with_name(f"{database.name}.lock"), seconds=WRITER_SECONDS))
        except TimeoutError as error:
            raise TrackingUnavailable(
                f"another run has been writing the MLflow database {database} for {WRITER_SECONDS} s"
            ) from error
        except OSError as error:
            raise TrackingUnavailable(f"the MLflow database {database} cannot be written ({_line(error)})") from error
        if database.exists():
            # MLflow would try ten times, for minutes, to open what cannot be opened.
            try:
                with closing(sqlite3.connect(database, timeout=ANSWER_SECONDS, isolation_level=None)) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise TrackingUnavailable(f"the MLflow database {database} cannot be written ({error})") from error
        yield


def _line(error: object) -> str:
    """The first line of what an exception says, short enough for one line."""
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    line = said.splitlines()[0]
    return line if len(line) <= 200 else line[:199] + "…"
