"""Inputs that are nearly right: bytes, numbers and structures of a sound file changed, checksums made good."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz.guard import MAX_INPUT

EDGES = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 511, 512, 1023, 4096, 32767, 32768, 65535, 65536)
EDGES += (2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"2147483648",
    b"99999999999999999999",
    b"1e309",
    b"-0.0",
    b"1e-400",
    b"9" * 4400,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
)
VALUES += (
    "",
    "x",
    "../../x",
    "/etc/passwd",
    "a\nb",
    "\0",
    "é\ud800",
    "=1+1",
    "{}",
    [],
    {},
    [[]],
    [None],
    {"": None},
    "9" * 5000,
)
Mutation = Callable[[bytes, random.Random], bytes]


def of_bytes(payload: bytes, rng: random.Random, others: Sequence[bytes] = (), tokens: Sequence[bytes] = ()) -> bytes:
    """A few changes that know nothing of what the bytes mean."""
    content = bytearray(payload)
    for _ in range(1 << rng.randrange(4)):
        content = _change(content, rng, others, tokens)
    return bytes(content[:MAX_INPUT])


def _change(content: bytearray, rng: random.Random, others: Sequence[bytes], tokens: Sequence[bytes]) -> bytearray:
    size = len(content)
    at = rng.randrange(size + 1)
    end = min(size, at + 1 + int(rng.expovariate(1 / 12)))
    how = rng.randrange(12)
    if how <= 1 and at < size:
        content[at] ^= 1 << rng.randrange(8)
    elif how == 2 and at < size:
        content[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif how == 3:
        kind = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q", "<B"))
        whole = struct.pack(kind, rng.choice(EDGES) % (1 << (8 * struct.calcsize(kind))))
        content[at : at + len(whole)] = whole
    elif how == 4:
        del content[at:end]
    elif how == 5:
        content[at:at] = content[at:end] * rng.choice((1, 1, 2, 50))
    elif how == 6:
        content[at:at] = rng.randbytes(end - at)
    elif how == 7 and others:
        other = rng.choice(others)
        start = rng.randrange(len(other) + 1)
        content[at : rng.choice((at, end, size))] = other[start : start + rng.choice((4, 64, 1 << 16))]
    elif how == 8 and tokens:
        token = rng.choice(tokens)
        content[at : rng.choice((at, at + len(token)))] = token
    elif how == 9 and (found := list(re.finditer(rb"-?\d+(?:\.\d+)?", bytes(content[: 1 << 14])))):
        one = rng.choice(found)
        content[one.start() : one.end()] = rng.choice(NUMBERS)
    elif how == 10:
        del content[at:]
    else:
        other_at = rng.randrange(size + 1)
        content[at:end], content[other_at : other_at + 4] = content[other_at : other_at + 4], content[at:end]
    return content


def of_value(value: Any, rng: random.Random) -> Any:
    """The JSON value with one part of it replaced, taken away, doubled or put elsewhere."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        changed = dict(value)
        how = rng.random()
        if how < 0.75:
            changed[key] = of_value(value[key], rng)
        elif how < 0.85:
            del changed[key]
        elif how < 0.95:
            changed[key] = value[rng.choice(list(value))]
        else:
            changed[rng.choice(("", "x", "../x", "a\nb", key + "x"))] = changed.pop(key)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        how = rng.random()
        if how < 0.75:
            return [*value[:at], of_value(value[at], rng), *value[at + 1 :]]
        return [*value[:at], *value[at + 1 :]] if how < 0.85 else [*value, value[at]]
    if rng.random() < 0.02:
        deep: Any = None
        for _ in range(rng.choice((50, 990, 100_000 // 10))):
            deep = [deep]
        return deep
    if isinstance(value, str) and rng.random() < 0.4:
        at = rng.randrange(len(value) + 1)
        return value[:at] + rng.choice(("", "\0", "/", "..", "\n", "٣", "x" * 300, "%s", '"')) + value[at + 1 :]
    return rng.choice(VALUES)


def _dumped(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("ascii")
    except (RecursionError, ValueError):
        return b"[" * 100_000


def of_json(payload: bytes, rng: random.Random) -> bytes:
    """A JSON file with another value in it."""
    return _dumped(of_value(json.loads(payload), rng))


def of_json_lines(payload: bytes, rng: random.Random) -> bytes:
    """A file of JSON lines with one of them changed, lost or doubled."""
    lines = payload.splitlines()
    at = rng.randrange(len(lines))
    how = rng.random()
    if how < 0.8:
        lines[at] = of_json(lines[at], rng)
    elif how < 0.9:
        del lines[at]
    else:
        lines.insert(at, rng.choice(lines))
    return b"\n".join(lines) + b"\n"


def of_yaml(payload: bytes, rng: random.Random) -> bytes:
    """A YAML file with another value in it, written as JSON, which YAML is nearly a superset of."""
    from ruamel.yaml import YAML

    return _dumped(of_value(YAML(typ="safe").load(payload), rng))


def of_safetensors(payload: bytes, rng: random.Random) -> bytes:
    """A safetensors file with another header; its metadata may hold JSON of its own."""
    (size,) = struct.unpack_from("<Q", payload)
    header = json.loads(payload[8 : 8 + size])
    told = header.get("__metadata__", {})
    if told and rng.random() < 0.7:
        key = rng.choice(list(told))
        told[key] = json.dumps(of_value(json.loads(told[key]), rng))
    else:
        header = of_value(header, rng)
    new = _dumped(header)
    return struct.pack("<Q", len(new)) + new + payload[8 + size :]


def of_zip(payload: bytes, rng: random.Random) -> bytes:
    """An archive with one member changed, renamed, doubled or lost, its sums made anew."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    at = rng.randrange(len(entries))
    entry, content = entries[at]
    how = rng.random()
    if how < 0.7:
        entries[at] = entry, of_content(content, rng)
    elif how < 0.85:
        entry.filename = rng.choice(
            ("../x", "/x", "a\\b.png", "x" * 70_000, "é.png", entry.filename + "/", "", "a//b", ".")
        )
    elif how < 0.95:
        entries.append(entries[at])
    else:
        del entries[at]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(made, "w") as archive:
            for entry, content in entries:
                archive.writestr(entry, content, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return made.getvalue()


def of_content(content: bytes, rng: random.Random) -> bytes:
    """A file changed as its first bytes say that it may be."""
    try:
        if content[:1] in b"{[" and content:
            return of_json_lines(content, rng) if content.count(b"\n{") else of_json(content, rng)
        if content.startswith(b"\x89PNG"):
            return of_png(content, rng)
        if content.startswith(b"\x93NUMPY"):
            return of_npy(content, rng)
        if content.startswith(b"PK"):
            return of_zip(content, rng)
    except (ValueError, KeyError, struct.error, RecursionError, zipfile.BadZipFile):
        pass
    return of_bytes(content, rng)


def of_npy(payload: bytes, rng: random.Random) -> bytes:
    """An npy file with other words in its header."""
    (size,) = struct.unpack_from("<H", payload, 8)
    header = payload[10 : 10 + size]
    shapes = (
        b"()",
        b"(0,)",
        b"(9,)",
        b"(-1, 6, 6, 3)",
        b"(4294967296, 4294967296)",
        b"(True, 6, 6, 3)",
        b"[3, 6, 6, 3]",
    )
    kinds = (
        b"'|O'",
        b"'<f8'",
        b"'|u1'",
        b"'>i8'",
        b"'|V9'",
        b"'<U3'",
        b"[('a', '|u1')]",
        b"'|u" + b"9" * 5000 + b"'",
        b"'|b1'",
    )
    new = re.sub(rb"\([^)]*\)", rng.choice(shapes), header) if rng.random() < 0.5 else header
    if rng.random() < 0.5:
        new = re.sub(rb"'[|<>][^']*'", rng.choice(kinds), new)
    if new == header:
        new = of_bytes(header, rng)
    new = new[:65_000]
    return payload[:8] + struct.pack("<H", len(new)) + new + payload[10 + size :]


def of_png(payload: bytes, rng: random.Random) -> bytes:
    """A PNG with one chunk changed, doubled, lost or moved; sums as they should be."""
    chunks, at = [], 8
    while at + 12 <= len(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        chunks.append((payload[at + 4 : at + 8], payload[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return of_bytes(payload, rng)
    place = rng.randrange(len(chunks))
    kind, content = chunks[place]
    how = rng.random()
    if how < 0.6 and kind == b"IDAT" and rng.random() < 0.5:
        try:
            content = zlib.compress(of_bytes(zlib.decompress(content), rng))
        except zlib.error:
            content = of_bytes(content, rng)
        chunks[place] = kind, content
    elif how < 0.6:
        chunks[place] = kind, of_bytes(content, rng)
    elif how < 0.7:
        chunks.insert(rng.randrange(len(chunks)), chunks[place])
    elif how < 0.8:
        del chunks[place]
    else:
        new = rng.choice(
            (b"tRNS", b"gAMA", b"eXIf", b"acTL", b"fcTL", b"zTXt", b"iCCP", b"PLTE", b"IDAT", b"tIME", b"fdAT")
        )
        chunks.insert(rng.randrange(len(chunks) + 1), (new, rng.randbytes(rng.choice((0, 1, 4, 26)))))
    written = [len(c).to_bytes(4, "big") + k + c + zlib.crc32(k + c).to_bytes(4, "big") for k, c in chunks]
    return payload[:8] + b"".join(written)


def of_gzip(payload: bytes, rng: random.Random) -> bytes:
    """A gzipped file with other content."""
    return gzip.compress(of_bytes(gzip.decompress(payload), rng), mtime=0)


def of_tar(payload: bytes, rng: random.Random) -> bytes:
    """A tar with one header changed and its sum made good."""
    content = bytearray(payload)
    heads = [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]
    if not heads:
        return of_bytes(payload, rng)
    at = rng.choice(heads)
    field, size = rng.choice(((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)))
    values = (
        b"../../x",
        b"/x",
        b"0000000",
        b"77777777777",
        b"\x80" + b"\xff" * 11,
        b"-1",
        b"x" * 155,
        b"1",
        b"2",
        b"5",
        b"L",
        b"K",
        b"x",
        b"g",
        b"S",
        b"\xff\xfe",
        b"",
    )
    content[at + field : at + field + size] = rng.choice(values)[:size].ljust(size, b"\0")
    content[at + 148 : at + 156] = b" " * 8
    content[at + 148 : at + 156] = b"%06o\0 " % (sum(content[at : at + 512]) % (1 << 18))
    return bytes(content)


def mutated(
    payload: bytes, rng: random.Random, others: Sequence[bytes], tokens: Sequence[bytes], shapes: Sequence[Mutation]
) -> bytes:
    """One input near `payload`: half of them by a mutation that knows the format, as far as one is named."""
    new = payload
    for _ in range(1 + (rng.random() < 0.3)):
        if shapes and rng.random() < 0.6:
            try:
                new = rng.choice(shapes)(new, rng)
                continue
            except Exception:  # an earlier change has left nothing that has this format
                pass
        new = of_bytes(new, rng, others, tokens)
    return new[:MAX_INPUT]
