"""A run as Every Eval Ever's JSON (arXiv:2606.14516, schema 0.2.1): one file a generator, intervals included."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from harness.base import digest
from harness.metrics import METRICS
from harness.report.exports.about import TOOL, About, Score, note, provenance, scores
from harness.report.run_files import RunFiles

SCHEMA = "0.2.1"
# The schema wants both ends of a continuous score; JSON has no infinity.
UNBOUNDED = sys.float_info.max


def files(run: RunFiles, about: About) -> dict[str, bytes]:
    """`<benchmark>/<organisation>/<generator>/<run key>.json`, as the project's folders are."""
    found = {}
    for generator, own in scores(run, about).items():
        text = json.dumps(_document(run, about, generator, own), indent=1, allow_nan=False) + "\n"
        place = f"{run.board.benchmark}/{_plain(about.organisation)}/{generator}"
        found[f"{place}/{str(run.lock['run_key'])[:16]}.json"] = text.encode("ascii")
    return found


def _document(run: RunFiles, about: About, generator: str, own: list[Score]) -> dict[str, Any]:
    told = provenance(run)
    seconds = _seconds(run)
    model = f"{_plain(about.organisation)}/{generator}"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{run.board.benchmark}/{model}/{seconds}",
        "retrieved_timestamp": seconds,
        "dedupe_identity": {
            "run_fingerprint": str(run.lock["run_key"]),
            "content_hash": digest([one.estimate.value for one in own]),
            "hash_algorithm": "sha256",
        },
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
            "additional_details": {"commit": str(told.get("commit", "unknown"))},
        },
        "model_info": {
            "name": generator,
            "id": model,
            "additional_details": {"use": run.use(generator)},
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
    described = {"notes": note(run, one), "bounds": "a share" if share else "unbounded: the ends are no bounds"}
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
            "lower_is_better": one.column.lower_is_better,
            "score_type": "continuous",
            "min_score": 0.0 if share else -UNBOUNDED,
            "max_score": 1.0 if share else UNBOUNDED,
            "additional_details": described,
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
