"""The JSON Schema of a claims file, of the models that read it."""

from __future__ import annotations

from harness.base import DIALECT, NAME, Schema, schema_of
from harness.benchmark import protocols
from harness.studies.reproduce.claims import DERIVED, NUMBER, VALUE, Claim, Facts

READ = ("decimals", "std_decimals", "where")  # off the printed number and its place, unless the file says decimals


def claims_schema() -> Schema:
    """The schema of a file that `harness reproduce` reads."""
    definitions: Schema = {}
    facts = schema_of(Facts, definitions)
    claim = schema_of(Claim, definitions)
    for one in (facts, claim):
        one["properties"]["protocol"] |= {"anyOf": [{"enum": list(protocols.names())}, {"type": "null"}]}
    keys = claim["properties"]
    for key in DERIVED:
        del keys[key]
    keys["id"] |= {"pattern": f"^{NAME.pattern}$", "description": "a name of the claim; ids of a file differ"}
    keys["value"] = _printed(VALUE.pattern, "the number as printed, such as 7.40; `< 2.0` for a bound")
    keys["std"] = {**_printed(NUMBER.pattern, keys["std"]["description"])}
    keys["std"]["type"] = ["number", "string", "null"]
    claim["required"] = [key for key in claim["required"] if key not in (*READ, "metric")]
    facts["description"] = "what counts for every claim that does not say otherwise"
    said = {"required": ["common"], "properties": {"common": {"type": "object", "required": ["metric"]}}}
    return {
        "$schema": DIALECT,
        "title": "Published claims for `harness reproduce`",
        "description": "What was published, under which conditions, and what of that nobody said.",
        "type": "object",
        "properties": {
            "title": {"type": "string", "description": "what the claims are about"},
            "note": {"type": "string", "description": "a remark for the reader"},
            "common": facts,
            "claims": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/Claim"},
                "description": "the published numbers",
            },
        },
        "required": ["title", "claims"],
        "additionalProperties": False,
        "if": said,
        "else": {"properties": {"claims": {"items": {"required": ["metric"]}}}},
        "$defs": {**definitions, "Claim": claim},
    }


def _printed(pattern: str, words: str) -> Schema:
    return {"type": ["number", "string"], "pattern": f"^{pattern}$", "description": words}
