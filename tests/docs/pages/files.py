"""The files of a run, and the keys of those that programs read, from their schemas."""

from __future__ import annotations

from collections.abc import Iterator

from harness.cli.schema import made
from tests.docs.pages.markdown import table
from tests.docs.pages.schema import Schema, keys

INTRODUCTION = """\
# Files of a run

`harness run BENCH` writes into OUT, `results/NAME` unless `--out` says otherwise. The records are the truth: everything
else is made of them, and can be made again with `harness rank` and `harness report`. `harness schema KIND` prints
a JSON Schema.
"""
FILES = (
    ("`records.jsonl`", "every number: one metric of one cell a line", "[record](../schemas/record.json)"),
    ("`leaderboard.json`", "ranked rows, intervals, rank sets, notes", "[leaderboard](../schemas/leaderboard.json)"),
    ("`leaderboard.csv`, `leaderboard.md`", "the same as tables", ""),
    ("`metrics.json`", "numbers by `encoder/generator/metric`, for DVC", "[metrics](../schemas/metrics.json)"),
    ("`benchmark.lock.yaml`", "the declaration resolved, and every digest", "[lock](../schemas/lock.json)"),
    ("`run.json`", "time, seconds and machine: what differs between two runs of the same", ""),
    ("`report.html`", "one page: verdict, tables, figures, samples", ""),
    ("`plots/`, `grids/`, `nearest/`", "figures and samples as files", ""),
    ("`analyses/`", "per encoder: what intervals were computed from, for `compare`, `gate`, `rerank`, `power`", ""),
    ("`failures.log`", "tracebacks of failed cells; only if there are some", ""),
    ("`.complete.json`", "digests of the files: a changed one is refused", ""),
    (
        "`bundle.json`, in the zip of `harness submit`",
        "every file with its SHA-256",
        "[bundle](../schemas/bundle.json)",
    ),
)


def page() -> str:
    """docs/reference/files.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield from table(("file", "holds", "JSON Schema"), FILES)
    titles = {
        "record": "records.jsonl",
        "leaderboard": "leaderboard.json",
        "lock": "benchmark.lock.yaml",
        "bundle": "bundle.json",
    }
    for kind, title in titles.items():
        schema: Schema = made(kind)
        yield f"\n## {title}\n"
        yield from keys(schema, schema.get("$defs", {}))
        for name, of in schema.get("$defs", {}).items():
            yield f"\n### {name} of {title}\n\n{of['description']}\n"
            yield from keys(of, schema["$defs"])
