"""A run as an RO-Crate 1.1: its files, each with its digest and what it is, and one page for programs."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from harness.report.exports.about import TOOL, About, provenance
from harness.report.run_files import RunFiles

PAGE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/crate/1.1"
KINDS = {
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".html": "text/html",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".npz": "application/zip",
}
NAMES = {
    "records.jsonl": "Every number with its interval, inputs and provenance; the truth of the run",
    "leaderboard.json": "The ranked rows with rank sets",
    "benchmark.lock.yaml": "Everything that decided the numbers, resolved, with digests",
    "report.html": "The report, one page",
}


def files(run: RunFiles, about: About) -> dict[str, bytes]:
    """Every file of the run and `ro-crate-metadata.json` beside them."""
    held = {
        path.relative_to(run.out).as_posix(): path.read_bytes()
        for path in sorted(run.out.rglob("*"))
        if path.is_file() and path.name != PAGE and ".lock" not in path.suffixes[-1:]
    }
    return {**held, PAGE: (json.dumps(_page(run, about, held), indent=1) + "\n").encode("ascii")}


def _page(run: RunFiles, about: About, held: dict[str, bytes]) -> dict[str, Any]:
    told = provenance(run)
    tool = f"#{TOOL}"
    when = json.loads(held["run.json"])["time"] if "run.json" in held else None
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Results of the benchmark {run.board.benchmark}",
        "description": (
            f"Generative image models measured by {TOOL}, each value with an interval; run key {run.lock['run_key']}"
        ),
        "identifier": str(run.lock["run_key"]),
        "license": {"@id": "#licence"},
        "datePublished": when or "1970-01-01T00:00:00+00:00",
        "hasPart": [{"@id": name} for name in held],
        "mentions": {"@id": "#run"},
    }
    if about.source:
        root["url"] = about.source
    parts = [
        {
            "@id": name,
            "@type": "File",
            "name": NAMES.get(name, name),
            "encodingFormat": KINDS.get(PurePosixPath(name).suffix, "application/octet-stream"),
            "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in held.items()
    ]
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"harness run of {run.board.benchmark}",
        "instrument": {"@id": tool},
        "object": {"@id": "benchmark.lock.yaml"},
        "result": {"@id": "records.jsonl"},
        **({"endTime": when} if when else {}),
    }
    needed = [f"{name} {version}" for name, version in told.get("libraries", {}).items()]
    software = {
        "@id": tool,
        "@type": "SoftwareApplication",
        "name": TOOL,
        "version": str(told.get("harness", "unknown")),
        "softwareRequirements": needed[0] if len(needed) == 1 else needed,  # RO-Crate wants no list of one
        "identifier": str(told.get("commit", "unknown")),
    }
    descriptor = {
        "@id": PAGE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": PROFILE},
        "about": {"@id": "./"},
    }
    licence = {"@id": "#licence", "@type": "CreativeWork", "name": "not stated by the run"}
    entities = [descriptor, root, action, software, licence]
    if about.organisation != About.organisation:
        root["author"] = root["publisher"] = {"@id": "#organisation"}
        entities.append({"@id": "#organisation", "@type": "Organization", "name": about.organisation})
    # RO-Crate 1.1's own context lacks schema.org's sha256.
    return {"@context": [f"{PROFILE}/context", {"sha256": "https://schema.org/sha256"}], "@graph": [*entities, *parts]}
