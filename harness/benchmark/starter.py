"""A commented benchmark from folders: what `harness init` writes, for a person to edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.base import RANDOM, UsageError, read_yaml, write_atomically
from harness.benchmark import presets, registry
from harness.benchmark.from_folders import EVIDENT, Declared, declare
from harness.benchmark.given import Inside
from harness.benchmark.written import MARK, as_yaml

HEAD = (
    "Written by `harness init`; it is yours now. `harness check` names every mistake, `harness run` does it all.\n"
    "What decides a number stands here; flags of the command line change none."
)
# What a person would ask at each key, and what else could stand there.
COMMENTS: Mapping[str, str] = {
    "seed": "draws images where a set has more than are used, and everything else that is drawn",
    "datasets": "the real images with the digest that pins them",
    "n_real": "FD falls when these grow: compare only values at the same two numbers",
    "preprocessing": "of encoders that bring none of their own; `harness list preprocessing`",
    "encoders": "one table each; `harness list encoders`, `harness list protocols`, or module:thing of your own",
    "generators": "one row each. Others: {use: torchscript, file: g.pt, …}, {use: diffusers, …}, module:thing",
    "metrics": "by name, with parameters, or a set of them: core, dgm-eval, adm, all; `harness list metrics`",
    "rank_by": "the metric and the encoder that order the leaderboard",
}
MORE = """\
# Not needed; as they are if left out:
# training_seeds: [0]            # several vary the fit of generators that are trained here
# sampling_seeds: [0, 1]         # several vary the images that a generator draws
# interval: {level: 0.95, target: T_N, reference: random}   # T_inf: the population value, from ten images a feature on
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

    Weight files need not be here. Raises UsageError as `declare` does.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out {out}: a benchmark is a .yaml file")
    catalogue = out.with_name(f"{out.stem}.datasets.yaml")
    if taken := [path for path in (out, catalogue) if path.exists()]:
        raise UsageError(f"{taken[0]}: is there already; give another --out")
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
    write_atomically(out, _commented(body))
    write_atomically(catalogue, catalogue.read_bytes().removeprefix(MARK))
    return Declared(out, made.notes)


def _has_weights(encoder: str) -> bool:
    use = presets.load(encoder).use if encoder in presets.names() else encoder
    model = registry.find("encoders", use, Path.cwd()).parameters
    return model is not None and "weights" in model.model_fields


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
