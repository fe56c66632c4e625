"""Ours and each peer's own package on the same files with the same random weights; docs/parity.md has more sizes."""

import pytest

from . import parity
from .parity import Files, Ours, compare, load, relative

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("parity") / "images", (64, 48), ".jpg", False, n=28).write()


def test_every_quantity_is_the_peers(files, tmp_path):
    rows = list(compare(files, tmp_path))
    assert len(rows) == 18
    assert {row.peer for row in rows} == {"pytorch-fid", "torch-fidelity", "clean-fid", "torchmetrics", "prdc"}
    exceeded = [row for row in rows if row.exceeded]
    assert not exceeded, parity.table(exceeded)


def test_another_protocols_pixels_are_seen(files):
    """The control: a resize that is not the peer's is off by far more than any tolerance."""
    before, since = (Ours(files, load(f"torchmetrics-{v}").recipe).features("64")[0] for v in ("1.7", "1.8"))
    assert relative(before, since) > 1e-3
    real, fake = Ours(files, "pytorch-fid").features("pool3")
    assert parity.metrics.precision(real, fake) != parity.metrics.recall(real, fake)  # so that a swap would show
