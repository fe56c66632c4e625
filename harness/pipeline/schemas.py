"""JSON Schemas of the files that a run leaves in OUT, of the classes that write them."""

from __future__ import annotations

from harness.base import DIALECT, Record, Schema, schema_of
from harness.benchmark import Benchmark
from harness.pipeline.rows import Chosen, Column, Disagreement, Row, Sized

# What keys mean whose class says it in prose: its docstring is part of the sources that stored scores hang on.
MEANINGS = {
    "Record": {
        "benchmark": "its name",
        "cell": "what was scored",
        "parameters": "of the metric, defaults filled in",
        "estimate": "the value with its interval; null where the cell failed",
        "reason": "why a cell failed; else null",
        "observations": "facts beside the metric: repeats, copies of training images, variance components …",
    },
    "Cell": {
        "dataset": "a name of datasets.yaml",
        "reference_split": "the split that the fakes are compared with",
        "generator": "its name in the benchmark",
        "training_seed": "null for a generator that is not trained, and in a record about all seeds",
        "sampling_seed": "null in a record about all seeds",
        "preprocessing": "label of the recipe",
        "encoder": "its name in the benchmark",
    },
    "Estimate": {
        "value": "the plain estimate for T_N, the debiased one for T_inf",
        "se": "standard error; null where there is no interval",
        "low": "lower end of the interval, or null",
        "high": "upper end of the interval, or null",
        "level": "how often such intervals cover",
        "target": "T_N, the expected value at these numbers of images; T_inf, the population's value",
        "reference": "random: the real images are one draw of many; fixed: they are held",
        "method": "how the interval was made; `none: ` and the reason where there is none",
        "n_real": "images of the reference",
        "n_fake": "generated images",
        "conservative": "the interval is known to cover more often than `level` says",
        "notes": "remarks on this number",
    },
    "Row": {
        "encoder": "its name in the benchmark",
        "generator": "its name in the benchmark",
        "status": "ok or failed",
        "reason": "why it failed; else null",
        "rank": "from 1, by value; null for a control, a failure, a copier of the reference",
        "rank_low": "best rank that the data allow, simultaneously for all rows of the encoder",
        "rank_high": "worst rank that the data allow",
        "tied_with": "generators whose difference from this one is not resolved",
        "training_seeds": "those that have a score",
        "sampling_seeds": "those that have a score",
        "n_real": "images of the reference",
        "n_fake": "images of each set",
        "metrics": "metric → its value over all seeds, with its interval",
        "flags": "what a reader must know of it, such as exact copies of training images",
        "observations": "facts beside the metrics, over all seeds",
        "control": "its answer is known beforehand; it takes no rank",
    },
    "Column": {
        "metric": "its name in the benchmark",
        "label": "the head of its column",
        "lower_is_better": "which values are good",
    },
    "Disagreement": {
        "encoder": "under which it was seen",
        "first": "a metric",
        "second": "another",
        "pairs": "of generators: `first` prefers the first of each, `second` the other",
    },
    "Chosen": {
        "encoder": "under which it was chosen",
        "entry": "the swept generator",
        "metric": "the metric that it was chosen by",
        "cells": "all cells of the entry",
        "best": "the cell that was chosen",
        "value": "of the best cell, as it is",
        "low": "lower end of its interval",
        "high": "upper end of its interval",
        "corrected": "the value corrected for having chosen the best",
        "corrected_low": "lower end of its interval",
        "corrected_high": "upper end of its interval",
        "picked": "parts of the data that choose this cell",
        "folds": "parts of the data",
        "level": "of both intervals",
        "over": "what was parted: seeds or images",
    },
    "Sized": {
        "encoder": "its name in the benchmark",
        "generator": "its name in the benchmark",
        "n": "first images of each set that were taken",
        "value": "the metric that ranks, at that size",
        "low": "lower end of its interval",
        "high": "upper end of its interval",
        "debiased": "the value with its bias taken off, or null",
        "debiased_low": "lower end of its interval, or null",
        "debiased_high": "upper end of its interval, or null",
    },
}
SHA = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
TEXTS = {"type": "array", "items": {"type": "string"}}


def record_schema() -> Schema:
    """The schema of one line of records.jsonl."""
    definitions: Schema = {}
    whole = _written(schema_of(Record, definitions), "Record")
    for name, one in definitions.items():
        _written(one, name)
    return {"$schema": DIALECT, "title": "A line of records.jsonl", **whole, "$defs": definitions}


def leaderboard_schema() -> Schema:
    """The schema of leaderboard.json."""
    definitions: Schema = {}
    row = schema_of(Row, definitions)
    estimate = definitions.pop("Estimate")
    for name in ("n_real", "n_fake"):  # the row says them once
        del estimate["properties"][name]
    note = {"type": "string", "description": "what is known of the encoder, such as random weights; empty for most"}
    row["properties"] = {"encoder": row["properties"].pop("encoder"), "encoder_note": note, **row["properties"]}
    definitions |= {"Estimate": _written(estimate, "Estimate"), "Row": _written(row, "Row")}
    for model in (Column, Disagreement, Chosen, Sized):
        definitions[model.__name__] = _written(schema_of(model, definitions), model.__name__)
    always: Schema = {
        "benchmark": {"type": "string", "description": "its name"},
        "rank_by": {"type": "object", "description": "the metric and the encoder that order the rows"},
        "interval": {"type": "object", "description": "level, target and reference of every interval"},
        "columns": _list("Column", "the metrics, in their order"),
        "encoders": {"type": "object", "additionalProperties": note, "description": "encoder → its note"},
        "rows": _list("Row", "one generator under one encoder each; the ranking encoder's first"),
        "notes": {**TEXTS, "description": "what stands below the tables"},
        "disagreements": _list("Disagreement", "pairs whose order two metrics turn round beyond noise"),
    }
    sweeps = {
        "choices": _list("Chosen", "of a sweep: the best cell, and the price of having chosen it"),
        "sizes": _list("Sized", "of a sweep over n_fake: the ranking metric at smaller sizes"),
    }
    return {
        "$schema": DIALECT,
        "title": "leaderboard.json",
        "description": "The ranked rows under each encoder, with their intervals, rank sets and notes.",
        "type": "object",
        "properties": {**always, **sweeps},
        "required": list(always),
        "additionalProperties": False,
        "$defs": definitions,
    }


def metrics_schema() -> Schema:
    """The schema of metrics.json, which DVC compares between commits."""
    return {
        "$schema": DIALECT,
        "title": "metrics.json",
        "description": "Numbers by `encoder/generator/metric`; `.ci_lo` and `.ci_hi` are the ends of its interval, "
        "`encoder/generator/rank` the rank. A generator that failed has none.",
        "type": "object",
        "propertyNames": {"pattern": "^[^/]+/[^/]+/[^/]+$"},
        "additionalProperties": {"type": "number"},
    }


def lock_schema() -> Schema:
    """The schema of benchmark.lock.yaml: what decided the numbers, resolved."""
    keys = schema_of(Benchmark, {})["properties"]
    for key in ("folder", "left_out"):
        del keys[key]
    named = {key: {"description": of.get("description", "")} for key, of in keys.items()}
    named["data"] = {"description": "the dataset's entry of datasets.yaml, with its pins"}
    resolved = [key for key in named if key not in ("sweep", "numerics")]
    digests = {"type": "object", "additionalProperties": {"type": "string"}}
    always: Schema = {
        "run_key": {**SHA, "description": "digest of all the rest, the commit apart: two runs that share it are one"},
        "benchmark": {
            "type": "object",
            "description": "the declaration with every default filled in",
            "properties": named,
            "required": resolved,
        },
        "dataset": {"type": "object", "description": "split → its size and the digest of its images"},
        "components": {
            "type": "object",
            "description": "kind → name → what decides its bytes: parameters, digests of source and weights, libraries",
            "required": ["generators", "encoders"],
        },
        "statistics": {**SHA, "description": "digest of the source that computes values and intervals"},
        "image_sets": {**digests, "description": "generator and seeds → the digest of its images"},
        "failed": {**digests, "description": "image set and encoder → why it has no score"},
        "software": {"type": "object", "description": "version and commit of the harness"},
    }
    groups = {"groups": {"type": "object", "description": "how images are grouped into clusters or strata"}}
    return {
        "$schema": DIALECT,
        "title": "benchmark.lock.yaml",
        "description": "Everything that the numbers of a run rest on.",
        "type": "object",
        "properties": {**always, **groups},
        "required": list(always),
    }


def _written(schema: Schema, name: str) -> Schema:
    """A class's schema as its JSON has it: every key is there, and no other."""
    schema["required"] = list(schema["properties"])
    schema["additionalProperties"] = False
    for key, of in schema["properties"].items():
        of.pop("default", None)
        of.setdefault("description", MEANINGS[name].get(key, ""))
    return schema


def _list(name: str, words: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "description": words}
