"""A benchmark of a few seconds around code of a user's own: digits, FD, the pixels as features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT


def tiny(folder: Path, code: str, generators: dict[str, Any], **changed: Any) -> Path:
    """`bench.yaml` in `folder` beside `<folder>_mine.py` with `code`; `mine:` in a `use` stands for that module."""
    module = f"{folder.name.replace('-', '_')}_mine"
    (folder / f"{module}.py").write_text(code)
    declared: dict[str, Any] = {
        "name": "tiny",
        "seed": 7,
        "dataset": "digits",
        "datasets": str(ROOT / "datasets.yaml"),
        "n_real": 200,
        "n_fake": 200,
        "batch_size": 61,
        "preprocessing": {"channels": "grey", "resize": None, "quantise": "uint8", "range": [0, 1]},
        "encoders": {"pixels": {}},
        "generators": generators,
        "training_seeds": [0],
        "sampling_seeds": [0],
        "metrics": {"fd": {}},
        "interval": {"level": 0.95, "target": "T_N", "reference": "random", "replicates": 60},
        "rank_by": {"metric": "fd", "encoder": "pixels"},
        **changed,
    }
    path = folder / "bench.yaml"
    YAML(typ="safe").dump(_placed(declared, module), path)
    return path


def _placed(value: Any, module: str) -> Any:
    if isinstance(value, dict):
        return {key: _placed(item, module) for key, item in value.items()}
    return value.replace("mine:", f"{module}:") if isinstance(value, str) else value
