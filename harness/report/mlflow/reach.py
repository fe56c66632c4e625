"""Reaching MLflow: what may be wrong is found within seconds and said in one sentence."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from harness.base import UsageError, locked, printable, without_password
from harness.encoders import weights

ANSWER_SECONDS = 5  # that a database may be busy
WRITER_SECONDS = 120  # that a run waits for another one to finish logging to the same database


# What helps, by what went wrong below MLflow's client.
HINTS = {
    ssl.SSLCertVerificationError: "for a private certificate set MLFLOW_TRACKING_SERVER_CERT_PATH",
    TimeoutError: "MLFLOW_HTTP_REQUEST_TIMEOUT sets the limit in seconds",
}


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
        raise TrackingUnavailable(f"{uri!r} is not a tracking URI; use http(s)://host:port or sqlite:///PATH")


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
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    draft = database.with_name(f"{database.name}.{os.getpid()}.new")
    try:
        try:
            shutil.copyfile(_migrated(), draft)
            MlflowClient(f"sqlite:///{draft}").search_experiments(max_results=1)
        except (OSError, UsageError, MlflowException, SQLAlchemyError):  # no cache to be had, or not what it was
            draft.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{draft}").search_experiments(max_results=1)
        if not database.exists():
            draft.replace(database)
    finally:
        draft.unlink(missing_ok=True)


def _migrated() -> Path:
    """A database without an experiment, as `mlflow db upgrade` of the installed MLflow leaves it.

    Its migrations take seconds, once on a machine: the file stays in `$HARNESS_MLFLOW`, else in the user's cache
    folder. Raises OSError or UsageError where there is no such folder.
    """
    from mlflow import db
    from mlflow.version import VERSION

    path = weights.cache_folder("HARNESS_MLFLOW", "mlflow") / f"empty-{VERSION}.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            upgrade: Any = db.upgrade  # a command of click
            upgrade.callback(url=f"sqlite:///{draft}")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _ask(uri: str) -> None:
    """Raise TrackingUnavailable unless somebody answers at an address and lets us in.

    Asked once, by MLflow's own client: whatever it reads of certificates, logins and timeouts counts here too.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request
    except ImportError as error:
        raise TrackingUnavailable(f"MLflow cannot be imported ({_line(error)})") from error
    request: Any = http_request  # without types
    login: Any = get_default_host_creds
    endpoint, one = "/api/2.0/mlflow/experiments/search", {"max_results": 1}
    try:
        known = login(uri)
        answer = request(known, endpoint, "POST", json=one, max_retries=0, raise_on_status=False)
    except (MlflowException, OSError, ValueError) as error:
        reason = _innermost(error)
        hint = next((f"; {words}" for kind, words in HINTS.items() if isinstance(reason, kind)), "")
        said = f"no MLflow server answers at {without_password(uri)} ({_line(reason)}){hint}"
        raise TrackingUnavailable(said) from error
    if answer.status_code in (401, 403):
        given = known.username or known.token or without_password(uri) != uri
        wanted = "requires a login" if not given else "rejects this login"
        verb = "check" if given else "set"
        if answer.status_code == 403:
            wanted = "refuses this login" if given else "requires a login"
        raise TrackingUnavailable(
            f"MLflow at {without_password(uri)} {wanted} ({answer.status_code}): {verb} MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    # Any other answer is one; whether it is MLflow shows at the first request.


def _innermost(error: BaseException) -> BaseException:
    """What happened below an exception: requests and urllib3 wrap it several times."""
    below: object = error
    while isinstance(below, BaseException):
        error = below
        carried = next((part for part in error.args if isinstance(part, BaseException)), None)
        below = error.__cause__ or error.__context__ or getattr(error, "reason", None) or carried
    return error


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold the database's lock file, so that two runs that end together log one after the other, not the same twice."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(database.with_name(f"{database.name}.lock"), seconds=WRITER_SECONDS))
        except TimeoutError as error:
            raise TrackingUnavailable(
                f"the MLflow database {database} has been locked by another run for {WRITER_SECONDS} s"
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
    """The first line of what an exception says, short enough for one line and without the login."""
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    # However short they are, and as they are quoted: a header with a line break in it is refused with its content.
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"):
        if secret := os.environ.get(name, "").strip():
            said = said.replace(secret, f"***{name}***")
    line = printable(said.splitlines()[0])
    return line if len(line) <= 200 else line[:199] + "…"
