"""Every key of the YAML that people write, from the schemas that `harness schema` prints."""

from __future__ import annotations

from collections.abc import Iterator

from harness.benchmark.metric_sets import SETS
from harness.benchmark.registry import TABLE
from harness.cli.schema import made
from harness.images.preprocessing.recipes import RECIPES
from tests.docs.pages.markdown import cell, table
from tests.docs.pages.schema import Schema, keys

BENCHMARK = """\
# Benchmark YAML

One file says everything that decides a number. `harness check FILE` names every mistake with line and column;
`harness init` writes a file to start from. Written from the models that read the file.

**In your editor.** The [JSON Schema](../schemas/benchmark.json) completes keys and marks mistakes while you type, in
every editor with a YAML language server (VS Code: the YAML extension). `harness schema --write schemas` writes it, with
the names that your installed packages add; then put this line on top:

```yaml
# yaml-language-server: $schema=schemas/benchmark.json
```

A schema sees keys, types and names. `harness check` also sees the files, and what two keys mean together.
"""
PARTS = {
    "interval": "Interval",
    "rank_by": "RankBy",
    "sweep": "Sweep",
    "audit": "Audit",
    "numerics": "Numerics",
}
ENTRIES = """\
An entry is `name: {use: COMPONENT, key: value, …}`; if the name is that of a component, `use` can be left out. `use`
takes a name of these tables, one that an installed package adds (entry points `harness.%s`), or `module:thing` with a
module beside the YAML file; then further keys are the arguments of that thing."""
OF_ENCODERS = """\
Also `{preset: NAME}`, an encoder with its images and layer ([all presets](../encoders.md)), and `{protocol: NAME}`,
that of a published pipeline ([all protocols](protocols.md)).
"""
OF_METRICS = """\
Instead of a mapping: the name of a set, or a list of names. What each metric is: [Every metric](../metrics.md).
"""
OF_CLAIMS = """\
What `harness reproduce FILE` reads: [Claims](../claims.md) shows how to write one.
[JSON Schema](../schemas/claims.json).
"""
OTHERS = """\
# Other YAML files

## datasets.yaml

The nearest `datasets.yaml`, beside a benchmark or in a folder above it, pins real images by content.
[JSON Schema](../schemas/datasets.json): `# yaml-language-server: $schema=schemas/datasets.json` after
`harness schema --write schemas`. The digest of new images: put any 64 hex digits there, and the run that refuses them
names the right ones.
"""


def benchmark() -> str:
    """docs/reference/benchmark.md."""
    return "\n".join(_benchmark()) + "\n"


def others() -> str:
    """docs/reference/yaml.md."""
    return "\n".join(_others()) + "\n"


def _benchmark() -> Iterator[str]:
    schema = made("benchmark", plugins=False)
    whole: Schema = schema
    definitions: Schema = whole["$defs"]
    yield BENCHMARK
    yield "## The whole file\n"
    yield from keys(whole, definitions)
    for key, name in PARTS.items():
        yield f"\n## {key}\n\n{definitions[name]['description']}\n"
        yield from keys(definitions[name], definitions)
    yield "\n## preprocessing\n"
    yield "The name of a recipe, a mapping of steps, or `{use: RECIPE, …}` with some steps changed.\n"
    yield from keys(definitions["preprocessing"]["then"]["else"], definitions)
    for step in ("Resize", "Crop", "Normalise"):
        yield f"\n### {step.lower()}\n\n{definitions[step]['description']}\n"
        yield from keys(definitions[step], definitions)
    yield "\n### Recipes\n"
    yield from table(("recipe", "steps"), [(f"`{name}`", cell(one.words)) for name, one in RECIPES.items()])
    for kind, title in (("generators", "Generators"), ("encoders", "Encoders"), ("metrics", "Metrics")):
        yield f"\n## {title}\n\n{ENTRIES % kind}\n"
        yield from _beside(kind, definitions)
        yield from _components(kind, definitions)


def _beside(kind: str, definitions: Schema) -> Iterator[str]:
    if kind == "encoders":
        yield OF_ENCODERS
    if kind == "metrics":
        yield OF_METRICS
        yield from table(("set", "metrics"), [(f"`{name}`", ", ".join(of)) for name, of in SETS.items()])
        yield ""
    own = definitions[f"{kind}:own"]["properties"]
    shown = {"properties": {key: of for key, of in own.items() if key != "use"}}
    if shown["properties"]:
        yield "Beside the parameters of a component:\n"
        yield from keys(shown, definitions)
        yield ""


def _components(kind: str, definitions: Schema) -> Iterator[str]:
    without = [one for one in TABLE if one.kind == kind and not (one.parameters and one.parameters.model_fields)]
    for component in TABLE:
        if component.kind == kind and component not in without:
            schema = definitions[f"{kind}:{component.name}"]
            yield f"\n### {component.name} {{#{kind}-{component.name}}}\n\n{_sentence(component.summary)}\n"
            needed = [k for k, field in component.parameters.model_fields.items() if field.is_required()]
            shown = {**schema, "required": needed}
            yield from keys(shown, definitions, left=("use", "preprocessing", "encoders", "groups", "protocol"))
    if without:
        yield f"\n### Without parameters {{#{kind}-without-parameters}}\n"
        yield from table(("name", "is"), [(f"`{one.name}`", cell(one.summary)) for one in without])


def _others() -> Iterator[str]:
    datasets: Schema = made("datasets", plugins=False)
    definitions: Schema = datasets["$defs"]
    yield OTHERS
    own = definitions["datasets:own"]
    yield from keys(own, definitions)
    split = definitions["datasets:digits"]["properties"]["splits"]["additionalProperties"]
    yield f"\n### A split\n\n{split['description']}\n"
    yield from keys(split, definitions)
    for component in TABLE:
        if component.kind != "datasets":
            continue
        schema = definitions[f"datasets:{component.name}"]
        beside = {key: of for key, of in schema["properties"].items() if key not in own["properties"]}
        of_split = schema["properties"]["splits"]["additionalProperties"]
        further = {key: of for key, of in of_split["properties"].items() if key not in split["properties"]}
        yield f"\n### {component.name} {{#datasets-{component.name}}}\n\n{_sentence(component.summary)}\n"
        if beside:
            yield from keys({"properties": beside, "required": schema["required"]}, definitions)
        if further:
            yield "\nIn each split:\n" if beside else "In each split:\n"
            yield from keys({"properties": further, "required": of_split["required"]}, definitions)
    claims: Schema = made("claims")
    yield "\n## Claims\n"
    yield OF_CLAIMS
    yield from keys(claims, claims["$defs"])
    yield "\n### A claim\n"
    yield from keys(claims["$defs"]["Claim"], claims["$defs"])
    yield "\n### ours\n"
    yield from keys(claims["$defs"]["Pointer"], claims["$defs"])


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."
