"""A run as Every Eval Ever's JSON (arXiv:2606.14516, schema 0.3.0): one file a generator, intervals included."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from harness.base import digest
from harness.metrics import METRICS
from harness.report.exports.about import TOOL, About, Score, note, provenance, scores
from harness.report.run_files import RunFiles

SCHEMA = "0.3.0"


def files(run: RunFiles, about: About) -> dict[str, bytes]:
    """`data/<benchmark>/<organisation>/<generator>/<UUID>.json`, as the project's folders are.

    The UUID has the form of version 4 but follows from the run key and the generator: the same run, the same file.
    """
    found = {}
    for generator, own in scores(run, about).items():
        text = json.dumps(_document(run, about, generator, own), indent=1, allow_nan=False) + "\n"
        place = f"data/{run.board.benchmark}/{_plain(about.organisation)}/{generator}"
        name = UUID(hex=digest([str(run.lock["run_key"]), generator])[:32], version=4)
        found[f"{place}/{name}.json"] = text.encode("ascii")
    return found


def _document(run: RunFiles, about: About, generator: str, own: list[Score]) -> dict[str, Any]:
    told = provenance(run)
    seconds = _seconds(run)
    model = f"{_plain(about.organisation)}/{generator}"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{run.board.benchmark}/{model}/{seconds}",
        "retrieved_timestamp": seconds,
        "source_metadata": {
            "source_name": run.board.benchmark,
            "source_type": "evaluation_run",
            "source_organization_name": about.organisation,
            "evaluator_relationship": "other",
            **({"source_organization_url": about.source} if about.source else {}),
        },
        "eval_library": {
            "name": TOOL,
            "version": str(told.get("harness", "unknown")),
            "additional_details": {
                "commit": str(told.get("commit", "unknown")),
                "run_key": str(run.lock["run_key"]),
            },
        },
        "model_info": {
            "name": generator,
            "id": model,
            "additional_details": {
                "use": run.use(generator),
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
            },
        },
        "evaluation_results": [_result(run, about, one) for one in own],
    }


def _result(run: RunFiles, about: About, one: Score) -> dict[str, Any]:
    estimate = one.estimate
    facts = next((row for row in METRICS if row.name == run.uses(one.column.metric)), None)
    share = facts is not None and facts.share
    score: dict[str, Any] = {"score": estimate.value}
    if estimate.has_interval:
        low, high = estimate.ends
        level = {"lower": low, "upper": high, "confidence_level": estimate.level, "method": estimate.method}
        error = {"standard_error": {"value": estimate.se, "method": estimate.method}} if estimate.se is not None else {}
        score["uncertainty"] = {**error, "confidence_interval": level, "num_samples": estimate.n_fake}
    else:
        score["details"] = {"interval": estimate.method}
    data = about.dataset or str(run.lock["benchmark"]["dataset"])
    return {
        "evaluation_name": one.task,
        "source_data": {
            "dataset_name": data,
            "source_type": "other",
            "additional_details": {
                "split": str(run.lock["benchmark"]["reference_split"]),
                "digest": str(run.lock["dataset"][run.lock["benchmark"]["reference_split"]]["digest"]),
            },
        },
        "metric_config": {
            "evaluation_description": f"{one.column.label} under {one.row.encoder}",
            "metric_id": one.task,
            "metric_name": one.column.label,
            "metric_kind": run.uses(one.column.metric),
            "lower_is_better": one.column.lower_is_better,
            "score_type": "continuous",
            "min_score": 0.0 if share else "-Infinity",
            "max_score": 1.0 if share else "Infinity",
            "additional_details": {"notes": note(run, one)},
        },
        "score_details": score,
    }


def _seconds(run: RunFiles) -> str:
    path = run.out / "run.json"
    if not path.is_file():
        return "0"
    return str(int(datetime.fromisoformat(json.loads(path.read_text("utf-8"))["time"]).timestamp()))


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "unknown"
