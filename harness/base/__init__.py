"""What every room stands on: errors, keys, records, checked documents, components' facts, words of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.base.addresses import fetched, local_path, place_of
    from harness.base.bounds import LOCK_BYTES, TABLE_BYTES, check_size, expands
    from harness.base.buckets import Bucket, scheme_of
    from harness.base.cells import as_csv, as_markdown, from_cell
    from harness.base.component import (
        ARRAYS,
        FILE,
        FILES,
        KINDS,
        RANDOM,
        SKLEARN,
        TORCH,
        VISION,
        Classes,
        Component,
        Count,
        Digest,
        Expects,
        Inference,
        Kind,
        NoParameters,
        Parameters,
        Paths,
        PathText,
        Positive,
        Quiet,
        Row,
        Seed,
        ShortSeed,
        imported,
    )
    from harness.base.contents import digest_onnx, digest_path
    from harness.base.digits import decimals, to_noise, with_ends, with_interval
    from harness.base.document import NAME, NAME_RULE, Document, Frozen, FrozenDict, FrozenMapping, read_yaml
    from harness.base.doors import inert, is_door, offered
    from harness.base.errors import UsageError, holds_secret, printable, without_password
    from harness.base.files import UNWRITABLE, cache_folder, synced, write_atomically, write_json
    from harness.base.keys import canonical_json, derive_seed, digest, digest_file
    from harness.base.layout import GAP, aligned, fold, shortened, width_of
    from harness.base.locks import locked
    from harness.base.record import Cell, Estimate, Record, Reference, Target, p_text, percent, read_records, to_lines
    from harness.base.schemas import DIALECT, Schema, schema_of, spelled
    from harness.base.words import Location, counted, did_you_mean, found, listed, named, quoted, quoted_names, unknown

__getattr__ = door(__name__)
