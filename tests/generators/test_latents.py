"""What networks are given: latents and labels, each image's from its own seed."""

from __future__ import annotations

import numpy as np

from harness.base.keys import derive_seed
from harness.generators.latents import choose, draw_latents


def test_latents_have_the_declared_shape_and_distribution_and_truncation_scales_them():
    seeds = [derive_seed("latents", i) for i in range(400)]
    normal = draw_latents(seeds, (4, 3, 2), distribution="normal")
    uniform = draw_latents(seeds, (4, 3, 2), distribution="uniform")
    assert normal.shape == (400, 4, 3, 2)
    assert normal.dtype == np.float32
    assert abs(normal.std() - 1) < 0.03
    assert abs(normal.mean()) < 0.05
    assert abs(uniform.std() - 1 / np.sqrt(3)) < 0.02
    assert np.abs(uniform).max() < 1
    halved = draw_latents(seeds, (4, 3, 2), distribution="normal", truncation=0.5)
    assert np.array_equal(halved, normal / 2)


def test_labels_do_not_depend_on_latents():
    seeds = [derive_seed("independent", i) for i in range(3000)]
    labels = choose(seeds, None, 2, how="drawn", what="label")
    first = draw_latents(seeds, (1,), distribution="normal")[:, 0]
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(3000)
    assert abs(np.corrcoef(labels, first)[0, 1]) < 4 / np.sqrt(3000)
