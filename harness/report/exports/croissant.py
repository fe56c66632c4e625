"""Data sets of a `datasets.yaml` as Croissant 1.0 (mlcommons.org/croissant), one file each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.benchmark import PinnedDataset, read_catalogue

PROFILE = "http://mlcommons.org/croissant/1.0"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "equivalentProperty": "cr:equivalentProperty",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def files(path: Path) -> dict[str, bytes]:
    """`<name>.croissant.json` for each entry of a `datasets.yaml`: its splits, their sizes and content digests.

    Raises UsageError for a file that is no such catalogue. The images themselves are described, not pointed at: a
    digest here is of decoded pixels, and Croissant's is of a file.
    """
    found = read_catalogue(path)
    if problems := found.document.lines():
        raise UsageError(problems)
    return {
        f"{name}.croissant.json": (json.dumps(document(one), indent=1) + "\n").encode("ascii")
        for name, one in found.datasets.items()
    }


def document(one: PinnedDataset) -> dict[str, Any]:
    """The Croissant description of one data set."""
    address = re.search(r"https?://[^\s,;]+[^\s,;:.]", one.source)
    size = "any size" if one.image is None else "×".join(map(str, one.image))
    rows = [
        {"splits/name": name, "splits/images": split.size, "splits/digest": split.digest}
        for name, split in one.splits.items()
    ]
    texts = {"name": ("sc:Text", "of the split"), "images": ("sc:Integer", "how many"), "digest": ("sc:Text", DIGEST)}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": PROFILE,
        "name": one.name,
        "description": f"{' '.join(one.source.split())}. Images: {size} (height × width × channels).",
        "license": one.licence,
        "citeAs": " ".join(one.source.split()),
        "url": address[0] if address else f"urn:harness:{one.name}",
        "version": "1.0.0",
        "distribution": [],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "splits",
                "name": "splits",
                "key": {"@id": "splits/name"},
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"splits/{key}",
                        "name": f"splits/{key}",
                        "description": words,
                        "dataType": kind,
                    }
                    for key, (kind, words) in texts.items()
                ],
                "data": rows,
            }
        ],
    }


DIGEST = "SHA-256 of the decoded images, as harness.content_digest computes it"
