"""How often people took a generated image for a real one, or the reverse: the human study of Stein et al. (2023).

arXiv:2306.04675; data of github.com/layer6ai-labs/dgm-eval, MIT, whose notice is in `dgm_eval.json`. Each participant
judged 100 images of one generator and 100 real ones, so the participants of different generators are different people.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError, unknown


@dataclass(frozen=True)
class Answers:
    """One generator's participants: shares of wrong answers, each (participants,), in [0, 1]; .5 is guessing.

    `error_rate` over all images, the study's own figure (higher means harder to tell from real, which is better);
    `fake_error_rate` over generated images, `real_error_rate` over real ones.
    """

    error_rate: npt.NDArray[np.float64]
    fake_error_rate: npt.NDArray[np.float64]
    real_error_rate: npt.NDArray[np.float64]

    @property
    def participants(self) -> int:
        """Number of people."""
        return len(self.error_rate)

    @property
    def mean(self) -> float:
        """Mean error rate."""
        return float(self.error_rate.mean())

    @property
    def sd(self) -> float:
        """Standard deviation of the error rate between participants (n - 1)."""
        return float(self.error_rate.std(ddof=1))


def datasets() -> tuple[str, ...]:
    """The names of the datasets that people judged generators of."""
    return tuple(_content()["datasets"])


def source() -> str:
    """Where the data come from and under which licence, as one line."""
    content = _content()
    return f"{content['source']['paper']}; {content['source']['repository']}, {content['licence']['name']}"


def load(dataset: str) -> dict[str, Answers]:
    """The answers per generator of one dataset, in the study's order; UsageError for a dataset that it has not."""
    known = _content()["datasets"]
    if dataset not in known:
        raise UsageError(unknown("dataset", dataset, list(known), place="the human study"))
    return {name: _answers(facts) for name, facts in known[dataset].items()}


def _answers(facts: dict[str, Any]) -> Answers:
    fake, real = (np.array(facts[key], dtype=np.float64) / 100 for key in ("wrong_of_100_fake", "wrong_of_100_real"))
    return Answers((fake + real) / 2, fake, real)


@cache
def _content() -> dict[str, Any]:
    text = (files(__package__) / "dgm_eval.json").read_text(encoding="ascii")
    return dict(json.loads(text))
