"""JSON Schemas of the YAML that people write: a benchmark, and its `datasets.yaml`.

Keys, types, defaults and meanings are those of the models that read the files; what is here says which model counts
where, and the shorthands that are read before a model sees them. A schema sees less than `harness check`: no file, no
other key, nothing that two keys say together.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from pydantic import BaseModel

from harness.base import DIALECT, KINDS, NAME, NAME_RULE, Component, Kind, Schema, schema_of
from harness.benchmark import presets, protocols, registry
from harness.benchmark.audit import Audit
from harness.benchmark.datasets import ANY, PinnedDataset
from harness.benchmark.meanings import MEANINGS
from harness.benchmark.metric_sets import SETS
from harness.benchmark.model import Benchmark
from harness.benchmark.protocols.metric_conventions import conventions
from harness.benchmark.reading import CARRY
from harness.images import FILTERS, NORMALISATIONS, Crop, Normalise, Preprocessing, recipes

ANY_NAME: Schema = {"pattern": f"^{NAME.pattern}$", "description": NAME_RULE}
SPLITS = "the parts of the dataset, by name"
SCALARS = ["string", "number", "boolean", "null"]
NULL: Schema = {"type": "null"}
TEXT: Schema = {"type": "string"}
ASKED = ("required", "anyOf", "oneOf")  # what a step asks for, and a changed step has already
OWN_CODE = "^[^:]+:[A-Za-z_][A-Za-z0-9_]*$"
USE = "a built-in name, one that an installed package adds, or `module:thing` with a module beside the YAML file"


def benchmark_schema(*, plugins: bool = True) -> Schema:
    """The schema of a benchmark's YAML; names that installed packages add are known where `plugins` says so."""
    definitions: Schema = {}
    whole = schema_of(Benchmark, definitions)
    keys: Schema = whole["properties"]
    for key in ("data", "folder", "left_out"):
        del keys[key]
    for name in ("EncoderEntry", "GeneratorEntry", "MetricEntry", "PinnedDataset", "Split", "Swept", "Preprocessing"):
        definitions.pop(name, None)
    definitions |= _preprocessing()
    names = {kind: registry.names(kind) if plugins else _built_in(kind) for kind in KINDS}
    for kind in ("generators", "encoders", "metrics"):
        definitions |= {**_components(kind), f"{kind}:use": _by_use(kind, names)}
    definitions |= _named_whole()
    keys["name"] |= {"pattern": f"^{NAME.pattern}$"}
    keys["preprocessing"] = {"$ref": "#/$defs/preprocessing", "description": keys["preprocessing"]["description"]}
    keys["generators"] = _mapping(keys["generators"], "generators", names["generators"])
    keys["encoders"] = _mapping(keys["encoders"], "encoders", names["encoders"])
    keys["metrics"] = _metrics(keys["metrics"], names["metrics"])
    keys["datasets"] = {
        "type": "string",
        "description": "path of a datasets.yaml; by default the nearest above this file",
    }
    for seeds in ("training_seeds", "sampling_seeds"):
        keys[seeds]["uniqueItems"] = True
    definitions["Interval"]["properties"]["level"] |= {"minimum": 0.5, "maximum": 0.999}
    _named(definitions["Audit"])
    swept = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": SCALARS}}}
    definitions["Sweep"]["properties"]["generators"] |= {"additionalProperties": swept}
    required = [key for key in whole["required"] if key in keys]
    order = [*Benchmark.model_fields]
    order.insert(order.index("dataset") + 1, "datasets")
    return {
        "$schema": DIALECT,
        "title": "A benchmark of the generative image harness",
        "description": whole["description"],
        "type": "object",
        "properties": {key: keys[key] for key in order if key in keys},
        "required": required,
        "additionalProperties": False,
        # An entry may leave a key to the sweep that varies it.
        "if": {"not": {"required": ["sweep"]}},
        "then": {"properties": {"generators": _needed("generators")}},
        "$defs": definitions,
    }


def datasets_schema(*, plugins: bool = True) -> Schema:
    """The schema of a `datasets.yaml`."""
    definitions: Schema = {}
    own = schema_of(PinnedDataset, definitions)["properties"]
    split = definitions["Split"]
    definitions.clear()
    own = {key: own[key] for key in ("source", "licence", "image", "splits")}
    own["image"] = {
        "anyOf": [
            {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 3, "maxItems": 3},
            {"const": ANY},
        ],
        "description": own["image"]["description"],
    }
    components = [one for one in registry.TABLE if one.kind == "datasets"]
    for component in components:
        definitions[_key(component)] = _dataset(component, own, split)
    own["splits"] = {"type": "object", "minProperties": 1, "description": SPLITS}
    definitions["datasets:own"] = {
        "type": "object",
        "properties": {**own, "use": {"type": "string", "description": USE}},
        "required": ["source", "licence", "image", "splits"],
    }
    names: dict[Kind, list[str]] = {"datasets": registry.names("datasets") if plugins else _built_in("datasets")}
    definitions["datasets:use"] = _by_use("datasets", names)
    return {
        "$schema": DIALECT,
        "title": "The datasets.yaml of the generative image harness",
        "description": "Real image sets pinned by source, licence, size and content digest.",
        "type": "object",
        "propertyNames": ANY_NAME,
        "properties": {name: _entry("datasets", _ref("datasets", name)) for name in names["datasets"]},
        "additionalProperties": {"$ref": "#/$defs/datasets:use"},
        "$defs": definitions,
    }


def key_meanings(component: Component, model: type[BaseModel] | None) -> dict[str, str]:
    """What each key of a component's model means: its own words, or else those of every component's key."""
    schema = schema_of(model, {}) if model else {}
    shared = MEANINGS[component.kind]
    return {key: of.get("description") or shared.get(key, "") for key, of in schema.get("properties", {}).items()}


def _built_in(kind: Kind) -> list[str]:
    return [one.name for one in registry.TABLE if one.kind == kind]


def _key(component: Component) -> str:
    return f"{component.kind}:{component.name}"


def _ref(kind: str, name: str) -> Schema:
    """Where the schema of a component is; one that an installed package adds is not looked into."""
    return {"$ref": f"#/$defs/{kind}:{name if registry.is_built_in(kind, name) else 'own'}"}


def _has(key: str) -> Schema:
    return {"type": "object", "required": [key]}


def _if_says(key: str, then: Schema, otherwise: Schema) -> Schema:
    return {"if": _has(key), "then": then, "else": otherwise}


def _model(component: Component, model: type[BaseModel] | None) -> Schema:
    """The keys of a model, each with its meaning."""
    inner: Schema = {}
    made = deepcopy(schema_of(model, inner)) if model else {"properties": {}}
    assert not inner, f"{component.name}: a model inside its parameters"
    for key, words in key_meanings(component, model).items():
        made["properties"][key]["description"] = words
        if made["properties"][key].keys() == {"description"}:  # a path or several
            paths = {"type": "array", "items": TEXT, "minItems": 1}
            made["properties"][key] |= {"anyOf": [{"type": "string", "minLength": 1}, paths]}
    return made


def _components(kind: Kind) -> Schema:
    """A definition for each built-in component of a kind, and one for a component of the user's own."""
    found: Schema = {}
    for component in registry.TABLE:
        if component.kind != kind:
            continue
        keys = {
            "use": {"const": component.name},
            **_beside(kind, component),
            **_model(component, component.parameters)["properties"],
        }
        found[_key(component)] = {
            "description": component.summary,
            "type": ["object", "null"],
            "properties": keys,
            "additionalProperties": False,
        }
    found[f"{kind}:own"] = {
        "description": "A component of your own; its further keys are its arguments.",
        "type": ["object", "null"],
        "properties": {"use": {"type": "string", "description": USE}, **_beside(kind, None)},
    }
    return found


def _beside(kind: Kind, component: Component | None) -> Schema:
    """The keys of an entry that are no parameters of its component; None is one of the user's own."""
    if kind == "encoders":
        words = "takes the place of the benchmark's `preprocessing` for this encoder"
        return {"preprocessing": {"$ref": "#/$defs/preprocessing", "description": words}}
    if kind == "metrics":
        under = {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True}
        keys: Schema = {"encoders": {**under, "description": "those under which it is computed; by default all"}}
        if component is None:
            return {**keys, "better": {"enum": ["lower", "higher"], "description": "which values are good"}}
        having = [name for name in protocols.names() if component.name in conventions(protocols.load(name))]
        if having:
            keys["protocol"] = {"enum": having, "description": "takes k, ball, subsets … of a published pipeline"}
        return keys
    keys = {} if component else {"trained": {"type": "boolean", "description": "fitted once per training seed"}}
    if component is None or _labelled(component):
        words = "how its labels are read: images of one label as a cluster, labels as strata, or not at all"
        keys["groups"] = {"enum": ["clusters", "strata", "none"], "description": words}
    return keys


def _labelled(component: Component) -> bool:
    fields = component.parameters.model_fields if component.parameters else {}
    return component.class_folders or "labels" in fields


def _needed(kind: Kind) -> Schema:
    """Keys that a component has no default for, asked of the entries that name it by `use` or by their name."""
    by_use, by_name = [], {}
    for component in registry.TABLE:
        fields = component.parameters.model_fields if component.kind == kind and component.parameters else {}
        if needed := [key for key, field in fields.items() if field.is_required()]:
            named = {"type": "object", "properties": {"use": {"const": component.name}}, "required": ["use"]}
            by_use.append({"if": named, "then": {"required": needed}})
            by_name[component.name] = {"type": "object", "required": needed}
    whole: Schema = {"allOf": by_use}
    return {
        "properties": {name: _if_says("use", whole, needed) for name, needed in by_name.items()},
        "additionalProperties": whole,
    }


def _by_use(kind: Kind, names: Mapping[Kind, list[str]]) -> Schema:
    """An entry that says what it uses."""
    known = names[kind]
    branches: list[Schema] = [
        {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": _ref(kind, name)}
        for name in known
    ]
    own = {"if": {"properties": {"use": {"pattern": OWN_CODE}}}, "then": {"$ref": f"#/$defs/{kind}:own"}}
    use = {"anyOf": [{"enum": known}, {"type": "string", "pattern": OWN_CODE}], "description": USE}
    return {"type": "object", "properties": {"use": use}, "required": ["use"], "allOf": [*branches, own]}


def _mapping(described: Schema, kind: Kind, names: list[str]) -> Schema:
    """Entries by name: of a built-in name, which need not say `use`, and of any other, which must."""
    return {
        "type": "object",
        "description": described["description"],
        "minProperties": 1,
        "propertyNames": ANY_NAME,
        "properties": {name: _entry(kind, _ref(kind, name)) for name in names},
        "additionalProperties": _entry(kind, {"$ref": f"#/$defs/{kind}:use"}),
    }


def _entry(kind: Kind, otherwise: Schema) -> Schema:
    used = _if_says("use", {"$ref": f"#/$defs/{kind}:use"}, otherwise)
    if kind != "encoders":
        return used
    by_protocol = _if_says("protocol", {"$ref": "#/$defs/encoders:protocol"}, used)
    return _if_says("preset", {"$ref": "#/$defs/encoders:preset"}, by_protocol)


def _named_whole() -> Schema:
    """Encoders that a preset or a protocol names with their images."""
    preset: Schema = {
        "description": "an encoder by name, with its images and its layer: see docs/encoders.md",
        "properties": {"preset": {"enum": list(presets.names())}, **dict.fromkeys(("use", "protocol"), False)},
    }
    preset["properties"]["preprocessing"] = False
    protocol = {
        "description": "encoder and preprocessing of a published pipeline: see `harness list protocols`",
        "properties": {
            "protocol": {"enum": [name for name in protocols.names() if _runs(name)]},
            **{key: {**TEXT, "description": MEANINGS["encoders"][key]} for key in CARRY},
        },
        "additionalProperties": False,
    }
    return {"encoders:preset": preset, "encoders:protocol": protocol}


def _runs(name: str) -> bool:
    protocol = protocols.load(name)
    return bool(protocol.constants) or ("use" in protocol.encoder and protocol.recipe is not None)


def _metrics(described: Schema, names: list[str]) -> Schema:
    """Sets and metrics by name, or entries as the other kinds have them."""
    name = {"enum": [*SETS, *names]}
    entries = _mapping(described, "metrics", names)
    of_set = {"type": ["object", "null"], "maxProperties": 0, "description": "every metric of the set"}
    entries["properties"] |= {one: _entry("metrics", of_set) for one in SETS}
    return {
        "description": f"{described['description']}; sets: {', '.join(SETS)}",
        "if": {"type": "object"},
        "then": entries,
        "else": {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]},
    }


def _preprocessing() -> Schema:
    """A recipe: its name, or its steps, with what is read before a model sees it."""
    inner: Schema = {}
    recipe = schema_of(Preprocessing, inner)
    length = {"type": "integer", "minimum": 1, "maximum": 65535}
    both = {"type": "array", "items": length, "minItems": 2, "maxItems": 2}
    crop, resize, normalise = (inner[model.__name__] for model in (Crop, recipes.Resize, Normalise))
    resize["properties"]["size"] |= {"anyOf": [length, both, NULL]}
    resize["required"].remove("antialias")  # what either library does by itself
    resize["oneOf"] = [{"required": ["size"]}, {"required": ["edge"]}]
    resize["allOf"] = [
        {
            "if": {"properties": {"library": {"const": library}}, "required": ["library"]},
            "then": {"properties": {"filter": {"enum": [filters] if isinstance(filters, str) else list(filters)}}},
        }
        for library, filters in FILTERS.items()
    ]
    normalise["properties"]["sd"]["items"] = {"type": "number", "exclusiveMinimum": 0}
    crop["properties"]["size"] |= {"anyOf": [length, both, {"enum": ["square", None]}]}
    normalise["properties"]["std"] = {**normalise["properties"]["sd"], "description": "torchvision's word for `sd`"}
    normalise["required"] = ["mean"]
    normalise["anyOf"] = [{"required": ["sd"]}, {"required": ["std"]}]
    keys = recipe["properties"]
    keys["crop"] |= {"anyOf": [length, both, {"const": "square"}, _definition(Crop), NULL]}
    keys["normalise"] |= {"anyOf": [{"enum": list(NORMALISATIONS)}, _definition(Normalise), NULL]}
    named = {"enum": list(recipes.RECIPES), "description": "a recipe: see `harness list preprocessing`"}
    # A step of a recipe that is changed says only what differs.
    part = {
        f"{name} changed": {key: of for key, of in step.items() if key not in ASKED} for name, step in inner.items()
    }
    steps = {key: _redirected(of) for key, of in keys.items()}
    changed = {**recipe, "properties": {"use": {**named, "description": "a recipe to change"}, **steps}}
    written = {**recipe, "properties": keys}
    either = {"if": {"type": "object"}, "then": _if_says("use", changed, written), "else": named}
    return {**inner, **part, "preprocessing": either}


def _definition(model: type) -> Schema:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _redirected(schema: Schema) -> Schema:
    """A step's schema that points at the definition of a changed step."""
    refs = [{"$ref": f"{of['$ref']} changed"} if "$ref" in of else of for of in schema.get("anyOf", ())]
    return {**schema, "anyOf": refs} if refs else schema


def _named(audit: Schema) -> None:
    """What names something, with the names that there are."""
    for key, known in (("pipelines", recipes.RECIPES), ("recipes", recipes.RECIPES), ("protocols", protocols.names())):
        audit["properties"][key]["items"] = {"enum": list(known)}
    assert set(audit["properties"]) == set(Audit.model_fields)


def _dataset(component: Component, own: Schema, split: Schema) -> Schema:
    """An entry of datasets.yaml of one component, whose splits have keys of their own."""
    made = _model(component, component.parameters)
    of_split = _model(component, component.split)
    splits = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": ANY_NAME,
        "description": SPLITS,
        "additionalProperties": {
            "type": "object",
            "description": split["description"],
            "properties": {**split["properties"], **of_split["properties"]},
            "required": [*split["required"], *of_split.get("required", ())],
            "additionalProperties": False,
        },
    }
    keys = {"use": {"const": component.name}, **own, "splits": splits, **made["properties"]}
    return {
        "type": "object",
        "description": component.summary,
        "properties": keys,
        "required": ["source", "licence", "image", "splits", *made.get("required", ())],
        "additionalProperties": False,
    }
