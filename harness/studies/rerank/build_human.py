"""Makes dgm_eval.json from the study's raw files: `python -m harness.studies.rerank.build_human FOLDER`.

FOLDER holds `human_<dataset>.csv` and `LICENSE`, as in the folder of human data of github.com/layer6ai-labs/dgm-eval.
The same files give the same bytes.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from harness.base import UsageError

FILE = Path(__file__).with_name("dgm_eval.json")
SOURCE = {
    "paper": "Stein et al. 2023, arXiv:2306.04675",
    "repository": "github.com/layer6ai-labs/dgm-eval",
    "figures": "a generator: wrong answers of each participant among 100 generated and 100 real images; participants, "
    "mean and sd (n - 1) of their error rates over all 200",
}


def build(folder: Path) -> bytes:
    """The content of dgm_eval.json; UsageError where an answer is no whole number of images or a file is missing."""
    paths = sorted(folder.glob("human_*.csv"))
    if not paths or not (folder / "LICENSE").is_file():
        raise UsageError(f"{folder}: no human_*.csv with a LICENSE there; give the folder of the study's raw files")
    content = {
        "source": SOURCE,
        "licence": {"name": "MIT", "text": (folder / "LICENSE").read_text(encoding="ascii").strip()},
        "datasets": {path.stem.removeprefix("human_"): _dataset(path) for path in paths},
    }
    return (_lines(content) + "\n").encode("ascii")


def _dataset(path: Path) -> dict[str, Any]:
    found: dict[str, tuple[list[int], list[int]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            place = f"{path}:{number}"
            fake, real = (_count(row[key], place) for key in ("f_err_rt", "r_err_rt"))
            # The file states the errors twice over; a row that contradicts itself would make a wrong dataset.
            if fake + real != 200 - round(float(row["num_correct"])):
                raise UsageError(f"{place}: {fake} + {real} wrong answers, but {row['num_correct']} of 200 correct")
            of_fake, of_real = found.setdefault(row["model"], ([], []))
            of_fake.append(fake)
            of_real.append(real)
    return {name: _facts(fake, real) for name, (fake, real) in found.items()}


def _facts(fake: list[int], real: list[int]) -> dict[str, Any]:
    rates = [(f + r) / 200 for f, r in zip(fake, real, strict=True)]
    return {
        "participants": len(rates),
        "mean": round(fmean(rates), 6),
        "sd": round(stdev(rates), 6),
        "wrong_of_100_fake": fake,
        "wrong_of_100_real": real,
    }


def _count(rate: str, place: str) -> int:
    wrong = round(100 * float(rate))
    if abs(100 * float(rate) - wrong) > 1e-6:
        raise UsageError(f"{place}: an error rate of {rate} is no whole number of 100 images")
    return wrong


def _lines(content: dict[str, Any]) -> str:
    """JSON with a line for each list of answers: short, and a diff shows whose answers changed."""
    text = json.dumps(content, indent=1)
    lists = {
        json.dumps(facts[key], indent=1): json.dumps(facts[key], separators=(",", ":"))
        for dataset in content["datasets"].values()
        for facts in dataset.values()
        for key in ("wrong_of_100_fake", "wrong_of_100_real")
    }
    for tall, flat in lists.items():
        text = text.replace(tall.replace("\n", "\n    "), flat)
    return text


if __name__ == "__main__":
    FILE.write_bytes(build(Path(sys.argv[1])))
