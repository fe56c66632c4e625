"""Images that a disk or a bucket has damaged after they were encoded are made anew where the report shows them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.pipeline import nearest, sample
from harness.pipeline.store import CorruptEntryWarning
from tests.pipeline.test_memory import planned


def test_pictures_of_damaged_images_are_those_of_the_images_made_anew(tmp_path):
    plan = planned(tmp_path / "a", "npy", 60)
    sample.check_split(plan, "reference", [plan.reference])
    before = sample.first_images(plan, 8)["reference"]

    def damage() -> None:
        shard = plan.images(plan.reference).folder / "shard-00000.safetensors"
        payload = bytearray(shard.read_bytes())
        payload[-1] ^= 1
        shard.write_bytes(payload)

    damage()
    with pytest.warns(CorruptEntryWarning):
        np.testing.assert_array_equal(sample.first_images(plan, 8)["reference"], before)
    damage()
    with pytest.warns(CorruptEntryWarning):
        kept = sample.once_more(lambda: nearest._images(plan, plan.reference, [3]))
    np.testing.assert_array_equal(kept[3][0], before[3])
