"""Reproducible evaluation of generative image models: every metric with a confidence interval.

This is the public API; all other modules are private.

`score` compares images: arrays, tensors, PIL lists, DataLoaders or folders. `Monitor` does the same during training.
`estimate` computes one metric of two feature sets:

>>> import numpy as np
>>> from harness import estimate
>>> rng = np.random.default_rng(0)
>>> real, fake = rng.normal(size=(500, 8)), rng.normal(0.5, 1, size=(400, 8))
>>> fd = estimate("fd", real, fake)
>>> print(f"{fd.value:.2f} [{fd.low:.2f}, {fd.high:.2f}] at n = {fd.n_real}, {fd.n_fake}")
2.40 [2.03, 2.85] at n = 500, 400

`estimate_all` computes several metrics of one pair, and `measure` only their values. Nearest-neighbour metrics share
one search:

>>> from harness import measure
>>> {name: round(value, 3) for name, value in measure(["precision", "recall"], real, fake).items()}
{'precision': 0.785, 'recall': 0.786}

`metrics` has the plain functions (`metrics.frechet_distance(real, fake)`). `content_digest(images)` is the digest that
pins a dataset. `load` reads a benchmark file, `run_benchmark` runs it, `open_run` opens its results:

>>> from harness import open_run, run_benchmark
>>> result = run_benchmark("benchmarks/digits.yaml", tracking=False)  # doctest: +SKIP
>>> run = open_run(result.out)  # doctest: +SKIP
>>> run.leaderboard.to_pandas()  # doctest: +SKIP
>>> run.to_pandas().query("level == 'generator' and reference == 'random'")  # doctest: +SKIP
>>> run.pairs(metric="fd").query("p_holm <= 0.05")  # doctest: +SKIP

`UsageError` is a mistake of the caller. Any other exception is a bug in the harness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    # Renamed to themselves: that is how a type checker in strict mode knows that they are meant for others.
    from harness import metrics as metrics
    from harness.base import Estimate as Estimate
    from harness.base import Record as Record
    from harness.base import UsageError as UsageError
    from harness.benchmark import Benchmark as Benchmark
    from harness.benchmark import load as load
    from harness.images import content_digest as content_digest
    from harness.metrics import estimate as estimate
    from harness.metrics import estimate_all as estimate_all
    from harness.metrics import measure as measure
    from harness.pipeline import FinishedRun as FinishedRun
    from harness.pipeline import Leaderboard as Leaderboard
    from harness.pipeline import open_run as open_run
    from harness.run import Result as Result
    from harness.run import run_benchmark as run_benchmark
    from harness.studies.live import Estimates as Estimates
    from harness.studies.live import Monitor as Monitor
    from harness.studies.live import Scores as Scores
    from harness.studies.live import adapters as adapters
    from harness.studies.live import score as score

__getattr__ = door(__name__)
