"""What studies of a run say, in MLflow: the answers as tags, their tables and the report as artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report.mlflow.directory import RunDirectory

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = "harness.studies"  # the digest of the findings that were sent, so that newer ones are noticed
ANSWER = "harness.study."  # and the name of a study: its answer
TABLES = "mlflow.loggedArtifacts"  # MLflow shows a JSON file as a table where this tag names it
LONGEST = 500  # characters of an answer; the whole of it is in the report
REPORT = ("report.html", "audit.md", "audit.json")


def send(client: MlflowClient, run_id: str, run: RunDirectory) -> None:
    """Bring the studies of a logged run up to date: answers that are no longer in OUT go, tables are overwritten."""
    tags: Mapping[str, str] = client.get_run(run_id).data.tags
    answers = {f"{ANSWER}{name}": answer(found) for name, found in run.findings.items()}
    for stale in [tag for tag in tags if tag.startswith(ANSWER) and tag not in answers]:
        client.delete_tag(run_id, stale)
    shown = {entry["path"]: entry for entry in json.loads(tags.get(TABLES, "[]"))}
    for name, found in run.findings.items():
        for number, table in enumerate(found.get("tables", []), 1):
            path = f"studies/{name}/{number}.json"
            client.log_dict(run_id, {"columns": table["columns"], "data": table["rows"]}, path)
            shown[path] = {"path": path, "type": "table"}
    for file in [*run.finding_files, *(run.out / name for name in REPORT)]:
        if file.is_file():
            client.log_artifact(run_id, str(file), "run")
    client.set_tag(run_id, TABLES, json.dumps(list(shown.values())))
    for tag, text in answers.items():
        client.set_tag(run_id, tag, text)
    client.set_tag(run_id, TAG, run.studied)  # last: what was cut off halfway is sent again


def answer(found: Mapping[str, Any]) -> str:
    """The first sentence of a finding's verdict, its title where it has none, with the title before it."""
    sentences = found.get("verdict") or []
    text = f"{found['title']}: {sentences[0]}" if sentences else str(found["title"])
    return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"


def lines(run: RunDirectory) -> list[str]:
    """A line of markdown for each study, for the description of the run."""
    return [answer(found) for found in run.findings.values()]
