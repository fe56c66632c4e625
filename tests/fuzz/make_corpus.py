"""`python -m tests.fuzz.make_corpus`: writes the sound inputs in tests/fuzz/corpus anew, of every format."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz.targets import CORPUS

ROOT = Path(__file__).resolve().parents[2]
BENCH = """\
name: fuzz
seed: 3
dataset: digits
datasets: {datasets}
reference_split: reference
training_split: train
n_real: 12
n_fake: 12
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{ppca: {{}}, noise: {{}}}}
training_seeds: [0]
sampling_seeds: [0]
metrics: {{kd: {{}}, coverage: {{k: 2}}}}
interval: {{level: 0.95, target: T_N, reference: random, replicates: 50}}
rank_by: {{metric: kd, encoder: pixels}}
"""


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)


def encoded(array: np.ndarray, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def images() -> dict[str, bytes]:
    rgb, grey = pixels(0), pixels(1)[..., 0]
    palette, alpha = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).quantize(5).save(palette, "PNG", transparency=1)
    Image.fromarray(np.dstack([rgb, np.full((5, 7), 255, np.uint8)])).save(alpha, "PNG")
    found = {
        "rgb.png": encoded(rgb, "PNG"),
        "grey.png": encoded(grey, "PNG"),
        "palette.png": palette.getvalue(),
        "alpha.png": alpha.getvalue(),
        "bit.png": encoded(grey > 99, "PNG"),
        "rgb.jpg": encoded(np.kron(rgb, np.ones((3, 3, 1), np.uint8)), "JPEG", quality=60),
        "progressive.jpg": encoded(np.kron(grey, np.ones((3, 3), np.uint8)), "JPEG", progressive=True),
        "exif.jpg": encoded(rgb, "JPEG", exif=_exif()),
        "lossy.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True, exif=_exif()),
        "grey.gif": encoded(grey, "GIF"),
        "plain.tif": encoded(rgb, "TIFF"),
        "lzw.tif": encoded(grey, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "rgb.bmp": encoded(rgb, "BMP"),
        "rgb.ppm": encoded(rgb, "PPM"),
        "grey.pgm": b"P2\n3 2\n255\n0 1 2\n3 4 255\n",
        "bit.pbm": b"P1\n3 2\n0 1 0\n1 0 1\n",
    }
    return found


def _exif() -> Any:
    exif = Image.Exif()
    exif[0x0112] = 1
    return exif


def tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return stream.getvalue()


def npz(compressed: bool = False, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def containers() -> dict[str, bytes]:
    import pyarrow
    from pyarrow import parquet

    pngs = [encoded(pixels(i), "PNG") for i in range(3)]
    array = np.stack([pixels(i) for i in range(3)])
    stream = io.BytesIO()
    np.save(stream, array)
    idx = b"\0\0\x08\3" + np.array(array.shape[:3], ">u4").tobytes() + array[..., 0].tobytes()
    rows = {
        "image": [{"bytes": png, "path": f"{i}.png"} for i, png in enumerate(pngs)],
        "label": [0, 1, 1],
        "prompt": ["a", "b", "é"],
    }
    table = pyarrow.table(rows)
    packed, streamed, filed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    parquet.write_table(table, packed)
    with pyarrow.ipc.new_stream(streamed, table.schema) as writer:
        writer.write_table(table)
    with pyarrow.ipc.new_file(filed, table.schema) as writer:
        writer.write_table(table)
    told = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "x", "_split": "train"}
    samples = {
        f"{i}.{end}": part for i, png in enumerate(pngs) for end, part in (("png", png), ("cls", b"1"), ("txt", b"a"))
    }
    return {
        "images.zip": zipped({f"{i}/{i}.png": png for i, png in enumerate(pngs)}),
        "images.npz": npz(images=array, labels=np.arange(3)),
        "images_packed.npz": npz(compressed=True, arr_0=array, labels=np.arange(3, dtype=np.uint8)),
        "images.npy": stream.getvalue(),
        "images.idx": idx,
        "images.idx.gz": gzip.compress(idx, mtime=0),
        "images.tar": tar(samples),
        "images.parquet": packed.getvalue(),
        "images.arrow": streamed.getvalue(),
        "images_file.arrow": filed.getvalue(),
        "state.json": json.dumps(told).encode(),
        "statistics.npz": npz(mu=np.arange(3.0), sigma=np.eye(3)),
    }


def networks() -> dict[str, bytes]:
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.torch import save

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).eval()
    state = network.state_dict()
    new, old, script = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"model": state, "epoch": 3, "ema": {f"module.{k}": v for k, v in state.items()}}, new)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), script)  # type: ignore[no-untyped-call]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.ones((3, 2), np.float32), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return {
        "weights.pth": new.getvalue(),
        "weights_old.pth": old.getvalue(),
        "weights.safetensors": save(state),
        "network.pt": script.getvalue(),
        "network.onnx": made.SerializeToString(),
    }


def run(folder: Path) -> None:
    """OUT of a tiny run, a bundle of it, and a manifest of its store."""
    from harness.base import canonical_json, digest
    from harness.pipeline import lockfile, ownership
    from harness.run import run_benchmark
    from harness.studies.verify import write_bundle

    bench = folder / "fuzz.yaml"
    shutil.copy(ROOT / "datasets.yaml", folder)
    bench.write_text(BENCH.format(datasets="datasets.yaml"))
    run_benchmark(bench, out=folder / "out", store=folder / "store", workers=1, tracking=False)
    for drawn in ("grids", "plots", "nearest", "report.html"):
        place = folder / "out" / drawn
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    ownership.write_receipt(folder / "out", lockfile.read_lock(folder / "out") or {})
    write_bundle(folder / "out", folder / "bundle.zip")
    shutil.copy(folder / "bundle.zip", CORPUS)
    for name in (
        "records.jsonl",
        "leaderboard.json",
        lockfile.LOCK,
        "analyses/pixels.safetensors",
        "costs.json",
        ".benchmark",
    ):
        target = CORPUS / "out" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "out" / name, target)
    names = {"ppca": {"0": [f"{i}.png" for i in range(12)]}}
    (CORPUS / "out/analyses/names.json").write_text(json.dumps(names))
    (CORPUS / "out/.complete.json").write_text(
        json.dumps({"run_key": "x", "declared": "y", "files": {"a.txt": "0" * 64}})
    )
    manifest: dict[str, Any] = {"format": 1, "key": "0" * 64, "kind": "scores", "facts": {"n": 3}}
    manifest["shards"] = [{"file": "shard-00000.safetensors", "sha256": "0" * 64}]
    (CORPUS / "manifest.json").write_text(canonical_json({**manifest, "seal": digest(manifest)}))


TEXTS = {
    "prompts.csv": 'file_name,prompt\n0.png,"a cat, red"\n1.png,é\n',
    "prompts.jsonl": '{"file_name": "0.png", "prompt": "a"}\n{"file_name": "1.png", "prompt": "b"}\n',
    "scores.csv": "generator,encoder,value,score,se,prompt\na,e,1.5,2,0.1,x\nb,e,2.5,3,0.1,y\n",
    "votes.csv": "left,right,winner,voter\na,b,left,v\nb,a,tie,w\na,c,c,v\n",
}


def main() -> None:
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir()
    for name, content in {**images(), **containers(), **networks()}.items():
        (CORPUS / name).write_bytes(content)
    for name, text in TEXTS.items():
        (CORPUS / name).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "datasets.yaml", CORPUS / "datasets.yaml")
    shutil.copy(ROOT / "benchmarks/digits.yaml", CORPUS / "bench_digits.yaml")
    claims = (ROOT / "benchmarks/gallery/cifar10.claims.yaml").read_text(encoding="utf-8")
    (CORPUS / "claims.yaml").write_text(claims, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder))


if __name__ == "__main__":
    main()
