"""A run for a model repository of the Hugging Face Hub: `.eval_results/*.yaml`, and the card's `model-index`."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from harness.report.exports.about import About, Score, note, scores
from harness.report.run_files import RunFiles

TASK = "unconditional-image-generation"


def files(run: RunFiles, about: About) -> dict[str, bytes]:
    """For each generator `<generator>/.eval_results/<benchmark>.yaml` and `<generator>/README.md` with a model-index.

    The first form has no field for an interval: it stands in `notes`. In the second the value is text with its ends.
    """
    found: dict[str, bytes] = {}
    for generator, own in scores(run, about).items():
        entries = [_entry(run, about, one) for one in own]
        found[f"{generator}/.eval_results/{run.board.benchmark}.yaml"] = _yaml(entries)
        card = _yaml({"model-index": [{"name": generator, "results": _results(run, about, own)}]})
        found[f"{generator}/README.md"] = b"---\n" + card + b"---\n"
    return found


def _entry(run: RunFiles, about: About, one: Score) -> dict[str, Any]:
    told: dict[str, Any] = {
        "dataset": {"id": _dataset(run, about), "task_id": one.task},
        "value": one.estimate.value,
        "notes": note(run, one),
    }
    if when := _time(run):
        told["date"] = when
    if about.source:
        told["source"] = {"url": about.source, "name": run.board.benchmark}
    return told


def _results(run: RunFiles, about: About, own: list[Score]) -> list[dict[str, Any]]:
    """One result an encoder, with its metrics, as the card's specification groups them."""
    results = []
    for encoder in dict.fromkeys(one.row.encoder for one in own):
        metrics = [
            {
                "type": one.column.metric,
                "name": f"{one.column.label} ({encoder})",
                "value": _text(one),
                "args": {"notes": note(run, one)},
            }
            for one in own
            if one.row.encoder == encoder
        ]
        split = str(run.lock["benchmark"]["reference_split"])
        result: dict[str, Any] = {
            "task": {"type": TASK},
            "dataset": {"type": _dataset(run, about), "name": str(run.lock["benchmark"]["dataset"]), "split": split},
            "metrics": metrics,
        }
        if about.source:
            result["source"] = {"name": run.board.benchmark, "url": about.source}
        results.append(result)
    return results


def _text(one: Score) -> str:
    if not one.estimate.has_interval:
        return f"{one.estimate.value:.6g}"
    low, high = one.estimate.ends
    return f"{one.estimate.value:.6g} [{low:.6g}, {high:.6g}]"


def _dataset(run: RunFiles, about: About) -> str:
    return about.dataset or str(run.lock["benchmark"]["dataset"])


def _time(run: RunFiles) -> str | None:
    path = run.out / "run.json"
    return str(json.loads(path.read_text("utf-8"))["time"]) if path.is_file() else None


def _yaml(value: Any) -> bytes:
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe"), BytesIO()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 10_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(value, text)
    return text.getvalue()
