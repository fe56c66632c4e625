"""OUT's benchmark.lock.yaml: everything the numbers rest on, and the keys of a run and of its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.base import LOCK_BYTES, canonical_json, check_size, digest, expands
from harness.pipeline import provenance
from harness.pipeline.plan import declared
from harness.pipeline.stages import Pipeline
from harness.pipeline.units import name_of

LOCK = "benchmark.lock.yaml"
DECLARED = ("benchmark", "dataset", "components", "statistics")  # of a lock: known before the first image is made


def resolved(pipeline: Pipeline) -> dict[str, Any]:
    """Everything the numbers rest on, with every default filled in; `run_key` is the digest of all the rest."""
    plan = pipeline.plan
    images = {name_of(fake): entry.facts for fake in plan.fakes if (entry := plan.images(fake))}
    grouped = {name: dict(facts["groups"]) for name, facts in images.items() if "groups" in facts}
    lock = {
        **declared(plan),
        "image_sets": {name: facts["content"] for name, facts in images.items()},
        **({"groups": grouped} if grouped else {}),
        "failed": {f"{name_of(fake)} under {encoder}": f.reason for (fake, encoder), f in pipeline.failures.items()},
        "software": provenance.software(),
    }
    # The commit says where the code lies; what it does is in the digests of its sources.
    software = {name: value for name, value in provenance.software().items() if name != "commit"}
    return {"run_key": digest(lock | {"software": software}), **lock}


def as_yaml(lock: Mapping[str, Any]) -> bytes:
    """The bytes of a lock file; the same lock gives the same bytes."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = BytesIO()
    yaml.dump(dict(lock), text)
    return text.getvalue()


def read_lock(out: Path) -> dict[str, Any] | None:
    """The content of OUT's benchmark.lock.yaml; None where there is none that can be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        check_size(out / LOCK, LOCK_BYTES, "a lock")
        found = YAML(typ="safe").load((out / LOCK).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(found, Mapping) or expands(found):
        return None
    try:
        canonical_json(found)  # digests are taken of it: no date, no key that is no text
    except (TypeError, ValueError, RecursionError):
        return None
    return dict(found)


def run_key(out: Path) -> str | None:
    """The key of the run that OUT holds; None where it holds none."""
    found = read_lock(out)
    return None if found is None or "run_key" not in found else str(found["run_key"])


def declared_key(locked: Mapping[str, Any]) -> str:
    """The key of what a lock file declares: the benchmark but for its audit, which decides no value, data and code."""
    parts = {name: locked.get(name) for name in DECLARED}
    if isinstance(parts["benchmark"], Mapping):
        parts["benchmark"] = {name: value for name, value in parts["benchmark"].items() if name != "audit"}
    return digest(parts)
