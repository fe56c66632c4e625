"""From the entries of a YAML file to checked entries: read, looked up in the registry, parameters filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.base import (
    NAME,
    NAME_RULE,
    Component,
    Document,
    Kind,
    UsageError,
    found,
    unknown,
)
from harness.benchmark import metric_sets, parameters, presets, protocols, registry, sweeps
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import EncoderEntry, Entry, GeneratorEntry, MetricEntry, not_here, stated
from harness.benchmark.protocols.catalogue import Protocol
from harness.benchmark.protocols.metric_conventions import filled
from harness.images import recipes
from harness.metrics import MetricFacts

MODELS: Mapping[Kind, type[Entry]] = {"encoders": EncoderEntry, "generators": GeneratorEntry, "metrics": MetricEntry}
# The key of an entry that is not one of its component's parameters.
OWN_KEY: Mapping[Kind, str] = {"encoders": "preprocessing", "generators": "trained", "metrics": "better"}
# Further ones, which a built-in component may be given too.
ALSO: Mapping[Kind, tuple[str, ...]] = {"encoders": (), "generators": (), "metrics": ("encoders",)}
# What an entry of a protocol's encoder may say besides: where the same network's weights are from.
CARRY = ("weights", "file", "sha256", "key")


def read_all(document: Document, data: PinnedDataset | None, folder: Path) -> dict[str, Any]:
    """The sound entries of every kind that the file declares; what is wrong with the others is noted.

    `left_out` says why metrics of a named set are not among them.
    """
    made: dict[str, dict[str, Entry]] = {}
    of_set = metric_sets.expanded(document)
    swept = sweeps.expanded(document)
    _averaged(document)
    for kind in MODELS:
        if kind not in document.value:
            continue
        made[kind] = {}
        declared = document.value[kind]
        if not isinstance(declared, Mapping) or not declared:
            document.complain((kind,), f"{found(declared)}; expected a mapping of at least one name")
            continue
        known = len(document.problems)
        for name, body in declared.items():
            entry = _entry(document, data, folder, kind, name, {} if body is None else body)
            if entry is not None:
                cell = {"swept": swept[name]} if kind == "generators" and name in swept else {}
                made[kind][name] = entry.model_copy(update=cell)
        if kind == "generators" and swept:
            sweeps.once(document, known)
    return {**made, "left_out": metric_sets.fitted(document, data, made, of_set)}


def _averaged(document: Document) -> None:
    """Write the encoders of an average out where an entry names its protocol: each has the entry's other keys."""
    declared = document.value.get("encoders")
    if not isinstance(declared, Mapping):
        return
    written: dict[str, Any] = {}
    for name, body in declared.items():
        asked = body.get("protocol") if isinstance(body, Mapping) else None
        members = protocols.load(asked).constants if isinstance(asked, str) and asked in protocols.names() else {}
        for member in members:
            written[member] = {**body, "protocol": member}
            for place, at in list(document.places.items()):
                if place[:2] == ("encoders", name):
                    document.places.setdefault(("encoders", member, *place[2:]), at)
        if not members:
            written[name] = body
    document.value["encoders"] = written


def _entry(
    document: Document, data: PinnedDataset | None, folder: Path, kind: Kind, name: str, body: Any
) -> Entry | None:
    location = (kind, name)
    if not NAME.fullmatch(name):
        document.complain(location, f"the name '{name}' is not allowed; {NAME_RULE}", key=True)
    if not isinstance(body, Mapping):
        document.complain(location, f"{found(body)}; expected a mapping of parameters, {{}} for none")
        return None
    protocol = None
    if kind == "encoders" and "preset" in body:
        filled = presets.taken(document, name, body)
        if filled is None:
            return None
        body = filled
    elif kind == "encoders" and "protocol" in body:
        protocol = _protocol(document, name, body)
        if protocol is None:
            return None
        given_here = {key: value for key, value in body.items() if key != "protocol"}
        taken = {"use": protocol.encoder["use"], "preprocessing": protocol.recipe}
        body = {**taken, **protocol.encoder.get("parameters", {}), **given_here}
    component = _component(document, kind, name, body, folder)
    if component is None:
        return None
    own, also = OWN_KEY[kind], ALSO[kind]
    grouped = kind == "generators" and _labelled(component)
    also += ("groups",) if grouped else ()
    allowed = (*(("use", own) if kind == "encoders" or component.origin != "built-in" else ("use",)), *also)
    if kind == "metrics" and component.origin == "built-in":
        allowed += ("protocol",)
        if "protocol" in body:
            told = _conventions(document, name, component, body)
            if told is None:
                return None
            body = told
    given = {key: value for key, value in body.items() if key not in ("use", own, *also)}
    known = parameters.checked(document, component, given, location, allowed)
    facts = {"name": name, "use": body.get("use", name), "parameters": known, "component": component}
    facts |= {key: body[key] for key in also if key in body}
    if own in body:
        facts[own] = body[own]
        if kind == "encoders":
            facts[own] = recipes.declared(document, body[own], (*location, own))
        elif component.origin == "built-in":
            text = f"is only for your own {kind}; {component.name} is built in"
            document.complain((*location, own), text, key=True)
    if kind == "generators":
        facts.setdefault("trained", component.trained)
        facts["pool"] = None if known is None else _pool(document, data, name, component, known, folder)
    if protocol is not None:
        facts["protocol"] = stated(protocol)
    if isinstance(component, MetricFacts) and component.better is not None:
        facts["better"] = component.better
    entry = document.check(MODELS[kind], {**facts, "parameters": known or {}}, location)
    if isinstance(entry, GeneratorEntry) and entry.groups in ("clusters", "strata") and component.origin == "built-in":
        _readable(document, entry, (*location, "groups"))
    return None if known is None else entry


def _labelled(component: Component) -> bool:
    """Whether a generator may give its images labels, so that `groups` says how they are read."""
    if component.origin != "built-in":  # one's own parameter of that name is what the key then means
        return "groups" not in (component.takes or ())
    return component.class_folders or (
        component.parameters is not None and "labels" in component.parameters.model_fields
    )


def _readable(document: Document, entry: GeneratorEntry, location: tuple[str, ...]) -> None:
    """Note a `groups` that a built-in generator's labels cannot be read as."""
    if entry.grouping is None:
        text = f"found {entry.groups}, but {entry.component.name} gives no labels; leave it out"
        document.complain(location, text)
    elif entry.groups == "strata" and entry.component.files is None and entry.parameters.get("labels") != "balanced":
        text = "found strata, but label counts are random; add `labels: balanced`, or use none"
        document.complain(location, text)


def _conventions(document: Document, name: str, component: Component, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of a metric with what its protocol fixes filled in; None, with the problem noted, where that fails."""
    location = ("metrics", name, "protocol")
    asked = body["protocol"]
    assert component.parameters is not None
    own = component.parameters.model_fields
    try:
        if not isinstance(asked, str):
            raise UsageError(f"{found(asked)}; expected a protocol's name")
        given = {key: value for key, value in body.items() if key in own}
        told = filled(asked, component.name, given)
    except UsageError as problem:
        document.complain(location, str(problem))
        return None
    return {key: value for key, value in body.items() if key != "protocol"} | told


def _protocol(document: Document, name: str, body: Mapping[str, Any]) -> Protocol | None:
    """The protocol that an encoder's entry names; None, with the problem noted, where it cannot be run."""
    location = ("encoders", name, "protocol")
    asked = body["protocol"]
    if not isinstance(asked, str) or asked not in protocols.names():
        is_text = isinstance(asked, str)
        text = (
            unknown("protocol", asked, protocols.names()) if is_text else f"{found(asked)}; expected a protocol's name"
        )
        document.complain(location, text)
        return None
    for key in ("use", "preprocessing"):
        if key in body:
            document.complain(("encoders", name, key), f"protocol {asked} sets this; leave it out", key=True)
            return None
    protocol = protocols.load(asked)
    if "use" not in protocol.encoder or protocol.recipe is None:
        document.complain(location, not_here(protocol))
        return None
    component = registry.find("encoders", protocol.encoder["use"], Path.cwd())
    known = component.parameters.model_fields if component.parameters else {}
    for key in body:
        if key in known and key not in CARRY:
            # Another network, layer or size under the protocol's label would be no number of that protocol.
            text = f"protocol {asked} sets this; only {', '.join(CARRY)} can be added"
            document.complain(("encoders", name, key), text, key=True)
            return None
    return protocol


def _pool(
    document: Document, data: PinnedDataset | None, name: str, component: Component, known: dict[str, Any], folder: Path
) -> int | None:
    """How many images a generator with finitely many has, from pins and listings; None where it has any number."""
    location = ("generators", name)
    if component.files is not None:
        try:
            return registry.count_files(component, known, folder)
        except UsageError as problem:
            document.complain((*location, "path"), str(problem))
            return None
    if component.pool is None or data is None:
        return None
    if known["split"] in data.unsound:
        return None
    if known["split"] not in data.splits:
        text = unknown("split", known["split"], data.splits, place=f"dataset {data.name}")
        document.complain((*location, "split"), text)
        return None
    split = data.splits[known["split"]]
    if component.pool == "split":
        return int(split.size)
    if split.classes is None:
        text = f"{data.where}: split {known['split']} has no `classes`; {component.name} needs the number of each"
        document.complain((*location, "split"), text)
        return None
    for i, label in enumerate(known["keep"]):
        if label >= len(split.classes):
            text = f"found {label}; split {known['split']} has classes 0 to {len(split.classes) - 1}"
            document.complain((*location, "keep", i), text)
    return sum(int(split.classes[label]) for label in known["keep"] if label < len(split.classes))


def _component(document: Document, kind: Kind, name: str, body: Mapping[str, Any], folder: Path) -> Component | None:
    use = body.get("use", name)
    if not isinstance(use, str):
        document.complain((kind, name, "use"), f"{found(use)}; expected a name or module:thing")
        return None
    try:
        return registry.find(kind, use, folder)
    except UsageError as problem:
        if "use" in body:
            document.complain((kind, name, "use"), str(problem))
        else:
            document.complain((kind, name), str(problem), key=True)
        return None
