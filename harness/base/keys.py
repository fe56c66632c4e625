"""Content keys and derived seeds: the same named parts always give the same bits, on any machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CHUNK = 1 << 20  # bytes of a file that are read at a time


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, ASCII.

    Raises ValueError for NaN and infinities and TypeError for what JSON cannot hold (a key must never rest on `repr`).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value's canonical spelling, 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with open(path, "rb", buffering=0) as stream:
        # Most are small: `hashlib.file_digest` would make a buffer of 256 KiB for each.
        found = hashlib.sha256(stream.read(CHUNK))
        while chunk := stream.read(CHUNK):
            found.update(chunk)
        return found.hexdigest()


def derive_seed(*parts: Any) -> int:
    """A seed in [0, 2**63) from named parts; unrelated parts give unrelated seeds.

    `derive_seed(benchmark_seed, "image", generator, training_seed, sampling_seed, 17)` seeds image 17 and nothing else,
    so that no batch size, worker count or neighbour can change it.
    """
    return int.from_bytes(hashlib.sha256(canonical_json(list(parts)).encode("ascii")).digest()[:8], "big") >> 1
