"""Every reader of a user's bytes, each as a function of one file's content and an empty folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.base import UsageError, read_records, read_yaml
from harness.images.decode import UnusableError, decode, header
from tests.fuzz import mutations

CORPUS = Path(__file__).parent / "corpus"
ZIPPED = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\7\x08")
PNG = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"acTL", b"iCCP", b"zTXt")
JPEG = (
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda",
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xc4",
    b"\xff\xdb",
    b"\xff\xe1",
    b"\xff\xdd",
)
TIFF = (b"II*\0", b"MM\0*", b"\1\1", b"\1\2", b"\1\3", b"\1\x11", b"\1\x16", b"\1\x17", b"\0\xfe")
WEBP = (b"RIFF", b"WEBP", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"EXIF")
YAML = (
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object:os.system ",
    b"? ",
    b"- ",
    b"---\n",
    b"...\n",
    b"\t",
    b'"\\0"',
    b"{",
    b"}",
    b"[",
    b"]",
)
YAML += (
    b"use: ",
    b"0x",
    b".inf",
    b".nan",
    b"2001-01-01",
    b"1e-99999999999999999999",
    b"'1e999999999999999999999'",
    b"1_0",
    b"~",
    b"|",
    b">",
)
TEXT = (b",", b'"', b"\0", b"\r", b"\n\n", b"\xff", b"\xef\xbb\xbf", b"nan", b"inf", b"1e999", b'"' + b"x" * 140_000)


class WrongError(Exception):
    """Two ways to read the same bytes that do not agree."""


@dataclass(frozen=True)
class Target:
    """One reader. `corpus`: names in CORPUS, or what makes sound inputs; `shapes`: mutations that know its format."""

    name: str
    read: Callable[[bytes, Path], object]
    corpus: tuple[str, ...]
    shapes: tuple[mutations.Mutation, ...] = ()
    tokens: Sequence[bytes] = ()

    def seeds(self) -> list[bytes]:
        """The sound inputs that mutations begin with."""
        return [path.read_bytes() for name in self.corpus for path in sorted(CORPUS.glob(name))]


def steps(*made: Callable[[], object]) -> None:
    """Each in turn, whatever an earlier one said: a user's mistake met in one must not hide a fault in the next.

    What all of them said is raised at the end.
    """
    problems: list[str] = []
    for step in made:
        try:
            step()
        except UsageError as told:
            problems += told.problems
    if problems:
        raise UsageError(problems)


def write(path: Path, payload: bytes) -> None:
    """A file of its own: what an earlier input has mapped into memory must not change under it."""
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(payload)


# ------------------------------------------------------------------------------------------------ images


def image(payload: bytes, _: Path) -> None:
    """Decoded, and its header read: the two must agree."""
    head = pixels = None
    with suppress(UnusableError):
        head = header(io.BytesIO(payload))
    with suppress(UnusableError):
        pixels = decode(payload)
    if pixels is not None and (pixels.ndim != 3 or pixels.dtype != "uint8" or pixels.shape[2] not in (1, 3)):
        raise WrongError(f"pixels {pixels.dtype} {pixels.shape}")
    if pixels is not None and head is not None and pixels.shape != (head.height, head.width, head.channels):
        raise WrongError(f"the header says {head}, the pixels are {pixels.shape}")


# ------------------------------------------------------------------------------------------------ containers


def container(
    kind: str, file: str, given: Mapping[str, Any], payload: bytes, folder: Path, *, key: str = "path"
) -> None:
    """Listed, counted, digested; three images, all labels and prompts read."""
    from harness.images import listing, prompts_of
    from harness.images.files import open_images
    from harness.images.formats.facts import containers

    write(folder / file, payload)
    asked = {key: str(folder / file), **given}
    facts = containers()[kind]

    def read() -> None:
        source = open_images(kind, asked)
        steps(lambda: source.labels, lambda: source.shape, lambda: source.read(range(min(3, source.size))))

    steps(
        read,
        lambda: listing.content_digest(kind, asked),
        lambda: facts.names(asked),
        lambda: facts.found(asked),
        lambda: prompts_of(kind, asked),
    )


def saved_folder(payload: bytes, folder: Path) -> None:
    """`state.json` of a folder that save_to_disk left."""
    from harness.images.files import open_images

    if not (folder / "in.data.arrow").exists():
        (folder / "in.data.arrow").write_bytes((CORPUS / "images.arrow").read_bytes())
    (folder / "input").mkdir(exist_ok=True)
    for name in ("data-00000-of-00001.arrow",):
        shutil.copy(folder / "in.data.arrow", folder / "input" / name)
    write(folder / "input/state.json", payload)
    open_images("arrow", {"path": str(folder / "input")}).read([0])


# ------------------------------------------------------------------------------------------------ weights


def checkpoint(file: str, payload: bytes, folder: Path) -> None:
    """A file of weights, and the state dict of a small network out of it."""
    from torch import nn

    from harness.encoders.checkpoints import read_checkpoint
    from harness.encoders.networkfiles import fill

    write(folder / file, payload)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    fill(network, read_checkpoint(folder / file).of(network).state, "a network")


def onnx(payload: bytes, folder: Path) -> None:
    """An ONNX file, and the digest of what it names beside it."""
    from harness.base import digest_onnx
    from harness.encoders.networkfiles import load_onnx

    write(folder / "in.onnx", payload)
    steps(lambda: digest_onnx(folder / "in.onnx"), lambda: load_onnx(folder / "in.onnx"))


def torchscript(payload: bytes, folder: Path) -> None:
    """A TorchScript file is a program; a damaged one is still a sentence."""
    from harness.encoders.networkfiles import load_torchscript

    write(folder / "in.pt", payload)
    load_torchscript(folder / "in.pt")


def statistics(payload: bytes, folder: Path) -> None:
    """Published statistics: mu and sigma in an npz."""
    from harness.studies.statistics import npz

    write(folder / "in.npz", payload)
    steps(lambda: npz.read(folder / "in.npz").moments(), lambda: npz.holds_statistics(folder / "in.npz"))


# ------------------------------------------------------------------------------------------------ a run's files


def of_out(name: str, payload: bytes, folder: Path) -> None:
    """OUT with one file of it replaced and no receipt that vouches for it, as it may come from elsewhere."""
    from harness.pipeline import lockfile, open_run, ownership, results
    from harness.studies.verify.stored import from_files
    from harness.studies.verify.words import text

    out = folder / "input"
    if not out.exists():
        shutil.copytree(CORPUS / "out", out)
    write(out / name, payload)
    readers: dict[str, tuple[Callable[[], object], ...]] = {
        "records.jsonl": (lambda: read_records(out / name), lambda: open_run(out).to_pandas(), lambda: from_files(out)),
        "leaderboard.json": (lambda: open_run(out).leaderboard.to_markdown(), lambda: from_files(out)),
        lockfile.LOCK: (lambda: lockfile.run_key(out), lambda: lockfile.declared_key(lockfile.read_lock(out) or {})),
        "analyses/pixels.safetensors": (lambda: open_run(out).pairs(), lambda: text(from_files(out))),
        "analyses/names.json": (lambda: results.read_names(out),),
        "costs.json": (lambda: results.read_costs(out),),
        ownership.RECEIPT: (
            lambda: ownership.unlike_receipt(out),
            lambda: ownership.is_complete(out, "x"),
            lambda: ownership.check_vouched(out, "records.jsonl"),
        ),
        ownership.MARKER: (lambda: ownership.claim(out, "fuzz"),),
    }
    steps(*readers[name])


def lock(payload: bytes, folder: Path) -> None:
    """A lock as the benchmark that `harness verify` computes again."""
    from harness.benchmark import Place, from_lock
    from harness.pipeline import lockfile

    (folder / "input").mkdir(exist_ok=True)
    write(folder / "input/benchmark.lock.yaml", payload)
    _beside(folder / "input")
    found = lockfile.read_lock(folder / "input")
    if found is not None:
        from_lock(found, "lock", Place.of(folder / "input"))


def bundle(payload: bytes, folder: Path) -> None:
    """A bundle that somebody hands in."""
    from harness.studies.verify.bundle import verify_bundle

    write(folder / "in.zip", payload)
    verify_bundle(folder / "in.zip").to_json()


def store_manifest(payload: bytes, folder: Path) -> None:
    """The manifest of a store's entry: whole, or found missing."""
    from harness.pipeline.store import read_manifest, read_mapping

    steps(lambda: read_mapping(payload))
    with suppress(ValueError):
        read_manifest(payload, "0" * 64)


def store_entry(payload: bytes, folder: Path) -> None:
    """An entry whose one shard was replaced together with its digest: malice is not stopped, but it is no traceback."""
    import hashlib
    import json

    from harness.base import canonical_json, digest
    from harness.pipeline.store import Store

    place = folder / "input/scores/00" / ("0" * 64)
    place.mkdir(parents=True, exist_ok=True)
    (place / "shard-00000.safetensors").write_bytes(payload)
    shard = {"file": "shard-00000.safetensors", "sha256": hashlib.sha256(payload + b"?").hexdigest()}
    manifest: dict[str, Any] = {"format": 1, "key": "0" * 64, "kind": "scores", "shards": [shard], "facts": {}}
    manifest["seal"] = digest(manifest)
    (place / "manifest.json").write_text(canonical_json(manifest), encoding="ascii")
    if Store(folder / "input").load("scores", "0" * 64) is not None:
        raise WrongError(f"bytes that are not those of the manifest are read: {json.dumps(shard)}")


# ------------------------------------------------------------------------------------------------ text


def benchmark(payload: bytes, folder: Path) -> None:
    """A benchmark's YAML beside a catalogue of data sets."""
    from harness.benchmark import load

    write(folder / "input/in.yaml", payload)
    _beside(folder / "input")
    load(folder / "input/in.yaml")


def catalogue(payload: bytes, folder: Path) -> None:
    """A datasets.yaml."""
    from harness.benchmark import read_catalogue
    from harness.benchmark.datasets import check_files

    write(folder / "in.yaml", payload)
    found = read_catalogue(folder / "in.yaml")
    for data in found.datasets.values():
        steps(partial(check_files, found.document, data))
    found.document.lines()


def claims(payload: bytes, folder: Path) -> None:
    """Published numbers, and their words."""
    from harness.studies.reproduce import load

    write(folder / "in.yaml", payload)
    for claim in load(folder / "in.yaml").claims:
        _ = claim.spelled, claim.rounding


def yaml(payload: bytes, folder: Path) -> None:
    """Any YAML with its places."""
    write(folder / "in.yaml", payload)
    read_yaml(folder / "in.yaml").lines()


def prompts(file: str, payload: bytes, folder: Path) -> None:
    """A table of prompts."""
    from harness.images.captions import read_table

    write(folder / file, payload)
    steps(lambda: list(read_table(folder / file)), lambda: list(read_table(folder / file, "prompt")))


def judgements(payload: bytes, folder: Path) -> None:
    """Files of scores and of votes."""
    from harness.studies.judges.files import VoteColumns, read_scores, read_votes
    from harness.studies.rerank.scoretable import read_scores as read_score_table

    write(folder / "in.csv", payload)
    steps(
        lambda: read_scores(folder / "in.csv"),
        lambda: read_votes(folder / "in.csv"),
        lambda: read_votes(folder / "in.csv", VoteColumns(voter="voter")),
        lambda: read_score_table(folder / "in.csv"),
    )


def _beside(folder: Path) -> None:
    if not (folder / "datasets.yaml").exists():
        shutil.copy(CORPUS / "datasets.yaml", folder)


OUT_FILES = {
    "records.jsonl": mutations.of_json_lines,
    "leaderboard.json": mutations.of_json,
    "benchmark.lock.yaml": mutations.of_yaml,
    "analyses/pixels.safetensors": mutations.of_safetensors,
    "analyses/names.json": mutations.of_json,
    "costs.json": mutations.of_json,
    ".complete.json": mutations.of_json,
    ".benchmark": mutations.of_bytes,
}

TARGETS: tuple[Target, ...] = (
    Target("image: PNG", image, ("*.png",), (mutations.of_png,), PNG),
    Target("image: JPEG", image, ("*.jpg",), (), JPEG),
    Target("image: WebP", image, ("*.webp",), (), WEBP),
    Target("image: GIF", image, ("*.gif",), (), (b"GIF89a", b"\x21\xf9\4", b"\x21\xff\x0b", b",", b";")),
    Target("image: TIFF", image, ("*.tif",), (), TIFF),
    Target("image: BMP, PPM", image, ("*.bmp", "*.p?m"), (), (b"BM", b"P1", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf")),
    Target("zip", partial(container, "zip", "in.zip", {}), ("images.zip",), (mutations.of_zip,), ZIPPED),
    Target("npz", partial(container, "npz", "in.npz", {}), ("images*.npz",), (mutations.of_zip,), ZIPPED),
    Target(
        "npz with labels",
        partial(container, "npz", "in.npz", {"labels": "labels"}),
        ("images*.npz",),
        (mutations.of_zip,),
    ),
    Target("npy", partial(container, "npy", "in.npy", {}), ("images.npy",), (mutations.of_npy,)),
    Target("IDX", partial(container, "idx", "in.idx", {}, key="images"), ("images.idx",)),
    Target(
        "IDX, gzipped", partial(container, "idx", "in.gz", {}, key="images"), ("images.idx.gz",), (mutations.of_gzip,)
    ),
    Target(
        "tar",
        partial(container, "tar", "in.tar", {}),
        ("images.tar",),
        (mutations.of_tar,),
        (b"ustar\0", b"././@LongLink", b"GNU.sparse.major=1"),
    ),
    Target(
        "tar with labels", partial(container, "tar", "in.tar", {"labels": "cls"}), ("images.tar",), (mutations.of_tar,)
    ),
    Target("Parquet", partial(container, "parquet", "in.parquet", {}), ("images.parquet",), (), (b"PAR1",)),
    Target(
        "Parquet with labels", partial(container, "parquet", "in.parquet", {"labels": "label"}), ("images.parquet",)
    ),
    Target(
        "Arrow", partial(container, "arrow", "in.arrow", {}), ("images*.arrow",), (), (b"ARROW1", b"\xff\xff\xff\xff")
    ),
    Target("Arrow with labels", partial(container, "arrow", "in.arrow", {"labels": "label"}), ("images*.arrow",)),
    Target("Arrow: state.json", saved_folder, ("state.json",), (mutations.of_json,)),
    Target("weights: .pth", partial(checkpoint, "in.pth"), ("weights*.pth",), (mutations.of_zip,), ZIPPED),
    Target(
        "weights: safetensors",
        partial(checkpoint, "in.safetensors"),
        ("weights.safetensors",),
        (mutations.of_safetensors,),
    ),
    Target("weights: ONNX", onnx, ("network.onnx",)),
    Target("weights: TorchScript", torchscript, ("network.pt",), (mutations.of_zip,)),
    Target("statistics: npz", statistics, ("statistics.npz",), (mutations.of_zip,), ZIPPED),
    *(Target(f"OUT: {name}", partial(of_out, name), (f"out/{name}",), (shape,)) for name, shape in OUT_FILES.items()),
    Target("lock", lock, ("out/benchmark.lock.yaml",), (mutations.of_yaml,), YAML),
    Target("bundle", bundle, ("bundle.zip",), (mutations.of_zip,), ZIPPED),
    Target("store: manifest", store_manifest, ("manifest.json",), (mutations.of_json,)),
    Target("store: entry", store_entry, ("weights.safetensors",), (mutations.of_safetensors,)),
    Target("benchmark YAML", benchmark, ("bench*.yaml",), (mutations.of_yaml,), YAML),
    Target("datasets.yaml", catalogue, ("datasets.yaml",), (mutations.of_yaml,), YAML),
    Target("claims YAML", claims, ("claims.yaml",), (mutations.of_yaml,), YAML),
    Target("YAML", yaml, ("*.yaml",), (), YAML),
    Target("prompts: CSV", partial(prompts, "in.csv"), ("prompts.csv",), (), TEXT),
    Target("prompts: JSON lines", partial(prompts, "in.jsonl"), ("prompts.jsonl",), (mutations.of_json_lines,), TEXT),
    Target("scores and votes", judgements, ("scores.csv", "votes.csv"), (), TEXT),
)
