"""A commented benchmark from folders: what `harness init` writes, for a person to edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.base import RANDOM, UsageError, read_yaml, spelled, write_atomically
from harness.benchmark import presets, registry
from harness.benchmark.from_folders import EVIDENT, Declared, declare
from harness.benchmark.given import Inside
from harness.benchmark.schemas import benchmark_schema, datasets_schema
from harness.benchmark.written import MARK, as_yaml

SCHEMAS = {"benchmark": benchmark_schema, "datasets": datasets_schema}  # in schemas/ beside the files, for editors
HEAD = (
    "Written by `harness init` for you to edit. `harness check` reports every mistake; `harness run` runs it.\n"
    "This file fixes all that decides a number; command-line options change none."
)
# What a person would ask at each key, and what else could stand there.
COMMENTS: Mapping[str, str] = {
    "seed": "seed for subsampling and everything else that is random",
    "datasets": "the real images, pinned by digest",
    "n_real": "FD falls as these grow: compare values only at the same n_real and n_fake",
    "preprocessing": "for encoders without their own; `harness list preprocessing`",
    "encoders": "one table each; `harness list encoders`, `harness list protocols`, or your own module:thing",
    "generators": "one row each. Others: {use: torchscript, file: g.pt, …}, {use: diffusers, …}, module:thing",
    "metrics": "by name, with parameters, or a set of them: core, dgm-eval, adm, all; `harness list metrics`",
    "rank_by": "the metric and the encoder that order the leaderboard",
}
MORE = """\
# Optional; defaults:
# training_seeds: [0]            # train generators once per seed
# sampling_seeds: [0, 1]         # sample each generator once per seed
# interval: {level: 0.95, target: T_N, reference: random}   # T_inf: population value; needs ten images per feature
# audit: {jpeg: [90], resize: [pillow lanczos], n_fake: [1000]}   # `harness audit`: other preprocessing
"""


def write_starter(
    real: Path,
    fakes: Sequence[Path],
    *,
    out: Path,
    protocol: str | None = None,
    encoder: str | None = None,
    inside: Inside = EVIDENT,
) -> Declared:
    """Write `out`, a commented benchmark of sets of images, and `<stem>.datasets.yaml` beside it; never over a file.

    Both name their JSON Schemas, written to `schemas/` beside them, so that an editor completes and checks keys.
    Weight files need not be here. Raises UsageError as `declare` does.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out {out}: must end in .yaml")
    catalogue = out.with_name(f"{out.stem}.datasets.yaml")
    if taken := [path for path in (out, catalogue) if path.exists()]:
        raise UsageError(f"{taken[0]}: already exists; give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Declared with random weights, so that whatever else is wrong is found where no weight file is.
    made = declare(
        real,
        fakes,
        out=out.with_name(out.stem),
        protocol=protocol,
        encoder=encoder,
        n=None,
        random_weights=encoder is None or _has_weights(encoder),
        seed=0,
        inside=inside,
    )
    body = read_yaml(made.bench).value
    for entry in body["encoders"].values():
        if entry.get("weights") == RANDOM:
            del entry["weights"]
    if made.bench != out:
        made.bench.unlink()
    for kind, schema in SCHEMAS.items():
        path = out.parent / "schemas" / f"{kind}.json"
        if not path.exists():
            write_atomically(path, spelled(schema()).encode())
    write_atomically(out, _named("benchmark") + _commented(body))
    write_atomically(catalogue, _named("datasets") + catalogue.read_bytes().removeprefix(MARK))
    return Declared(out, made.notes)


def _has_weights(encoder: str) -> bool:
    use = presets.load(encoder).use if encoder in presets.names() else encoder
    model = registry.find("encoders", use, Path.cwd()).parameters
    return model is not None and "weights" in model.model_fields


def _named(kind: str) -> bytes:
    return f"# yaml-language-server: $schema=schemas/{kind}.json\n".encode()


def _commented(body: Mapping[str, Any]) -> bytes:
    text = BytesIO()
    for line in HEAD.split("\n"):
        text.write(f"# {line}\n".encode())
    for key, value in body.items():
        if key in COMMENTS:
            text.write(f"\n# {COMMENTS[key]}\n".encode())
        text.write(as_yaml({key: value}))
    text.write(f"\n{MORE}".encode())
    return text.getvalue()
