"""Metrics by the set: `metrics: core`, `metrics: [dgm-eval, mind]`, or a set's name beside single metrics.

A set stands for entries that could be written out; what is written beside it under the same name takes its place. Of a
set those metrics are left out that none of the benchmark's encoders has the features for, or that its images are too
few for; `harness check` names them with the reason. A metric named by itself is never left out: it is an error then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.base import Document
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import Entry, MetricEntry
from harness.benchmark.metric_checks import not_apart, reads
from harness.encoders import JUDGE_SETS, JUDGES
from harness.metrics import METRICS

SPLITS = {"training": "train", "reference": "reference"}  # where a benchmark does not name them
Entries = Mapping[str, Mapping[str, Any]]

_CORE: Entries = {name: {} for name in ("fd", "kd", "precision", "recall", "density", "coverage")}
_K5_OPEN: Mapping[str, Any] = {"k": 5, "closed": False}

SETS: Mapping[str, Entries] = {
    "core": _CORE,
    # Its conventions: k = 5 and open balls for all four; its sFID is an encoder.
    "dgm-eval": {
        "fd": {},
        "fd_infinity": {},
        "kd": {},
        "inception_score": {},
        "precision": _K5_OPEN,
        "recall": _K5_OPEN,
        "density": {"k": 5},
        "coverage": {"k": 5},
        "authenticity": {},
        "realism": {"k": 5},
        "vendi": {},
        "c_t": {},
        "fls": {},
        "fls_overfit": {},
    },
    # guided-diffusion/evaluations.
    "adm": {
        "inception_score": {"split_size": 5000, "shuffle": None},
        "fd": {},
        "sfid": {},
        "precision": {"k": 3},
        "recall": {"k": 3},
    },
    # One distance under six encoders, `encoders: {all: {protocol: fdr6}}`; `harness fdr6 OUT` averages them.
    "fdr6": {"fd": {}},
    "memorisation": {name: {} for name in ("authenticity", "c_t", "fld", "fls", "fls_overfit")},
    "all": {row.name: {} for row in METRICS},
}

# Sets and judges of `harness judge`.
JUDGED = (*JUDGE_SETS, *JUDGES)


def expanded(document: Document) -> dict[str, str]:
    """Write the sets that the file's `metrics` name out in the document, and say of which set each such entry is."""
    declared = document.value.get("metrics")
    if isinstance(declared, str):
        named: list[tuple[Any, Any]] = [(declared, {})]
        document.places.setdefault(("metrics", declared), document.places[("metrics",)])
    elif isinstance(declared, list) and all(isinstance(item, str) for item in declared):
        named = [(item, {}) for item in declared]
        for i, item in enumerate(declared):
            document.places.setdefault(("metrics", item), document.places[("metrics", i)])
    elif isinstance(declared, Mapping):
        named = list(declared.items())
    else:
        return {}
    entries: dict[str, Any] = {}
    of_set: dict[str, str] = {}
    for name, body in named:
        if name in JUDGED:
            text = "scores single images with their prompts, and is not a metric of two sets; after the run, "
            document.complain(
                ("metrics", name), f"{text}`harness judge IMAGES --by {name}` ranks the generators", key=True
            )
            continue
        if name not in SETS or (isinstance(body, Mapping) and "use" in body):
            entries[name] = body
            of_set.pop(name, None)
            continue
        if body:
            document.complain(("metrics", name), f"the set {name} takes no parameters; name single metrics beside it")
        place = document.key_places.get(("metrics", name)) or document.places[("metrics", name)]
        for metric, parameters in SETS[name].items():
            if metric not in entries:
                entries[metric] = dict(parameters)
                of_set[metric] = name
                document.places.setdefault(("metrics", metric), place)
    document.value["metrics"] = entries
    return of_set


def fitted(
    document: Document, data: PinnedDataset | None, made: Mapping[str, Mapping[str, Entry]], of_set: Mapping[str, str]
) -> dict[str, str]:
    """Restrict the metrics of sets to encoders that they can read, and take out those that do not fit: why, by name."""
    metrics, encoders = made.get("metrics"), made.get("encoders", {})
    if not isinstance(metrics, dict):
        return {}
    sizes = [size for key in ("n_real", "n_fake") if isinstance(size := document.value.get(key), int)]
    training, reference = (document.value.get(f"{split}_split", given) for split, given in SPLITS.items())
    named = isinstance(training, str) and isinstance(reference, str)  # what else it may be is said elsewhere
    apart = not_apart(data, training, reference) if data is not None and named and reference in data.splits else ""
    left_out: dict[str, str] = {}
    for name, of in of_set.items():
        metric = metrics.get(name)
        if not isinstance(metric, MetricEntry):
            continue
        fitting = tuple(encoder for encoder, entry in encoders.items() if reads(metric, entry, by_name=False))
        reason = _too_few(metric, min(sizes)) if sizes else ""
        if encoders and not fitting:
            reason = f"it needs layer {' or '.join(metric.component.reads)} of inception, which no encoder here has"
        elif metric.component.trains and apart:
            reason = f"it {apart}"
        if reason:
            left_out[name] = f"left out of {of}: {reason}"
            del metrics[name]
            del document.value["metrics"][name]
        elif len(fitting) < len(encoders):
            metrics[name] = metric.model_copy(update={"encoders": fitting})
    return left_out


def _too_few(metric: MetricEntry, n: int) -> str:
    """Why sets of n images are too small for a metric's parameters; empty where they are not."""
    k, subset, splits = (metric.parameters.get(key) for key in ("k", "subset_size", "splits"))
    if k is not None and k > n // 2 - 1:
        return f"half of {n} images is too few for {k} neighbours"
    if subset is not None and subset > n:
        return f"its subsets have {subset} images, but there are only {n}; set a smaller subset_size"
    if (clusters := metric.parameters.get("clusters")) is not None and clusters > n:
        return f"it needs {clusters} clusters, but there are only {n} images"
    if metric.component.rows > n:
        return f"{n} images are too few to choose a bandwidth; it needs {metric.component.rows}"
    if splits is not None and metric.parameters.get("split_size") is None and splits > n // 2:
        return f"{n} images are too few for {splits} splits of two; set fewer splits"
    return ""
