"""A benchmark whose images lie in tar, Parquet and npy files, from end to end."""

import numpy as np
import pytest

from harness.images.datasets.split import content_digest
from harness.images.sets import Mixed
from tests.end_to_end.test_mixed_benchmark import values
from tests.images.test_arrays_and_parquet import write_parquet
from tests.images.test_files import packed, write_folder
from tests.images.test_tar import write_tar

CATALOGUE = """\
photos:
  use: {use}
  source: made here
  licence: none
  image: {image}
  splits:
    reference: {{{split}, size: 32, classes: [8, 8, 8, 8], digest: {digest}}}
"""
BENCH = """\
name: kinds
seed: 3
dataset: photos
n_real: 32
n_fake: 20
batch_size: 7
preprocessing: {resize: {library: pillow, filter: bicubic, size: 8}, range: [0, 1]}
encoders: {pixels: {}}
generators:
  folder: {path: fake}
  tar: {path: "fake-{0,1}.tar"}
  listed: {use: tar, path: [fake-0.tar, fake-1.tar]}
  parquet: {path: fake.parquet, column: img}
  npy: {path: fake.npy}
  memorise: {split: reference}
  mode_drop: {split: reference, keep: [0, 1, 2]}
metrics: {kd: {}}
rank_by: {metric: kd, encoder: pixels}
"""


@pytest.mark.slow
def test_a_benchmark_of_every_kind_runs_and_the_kinds_agree(small):
    rng = np.random.default_rng(1)
    sizes = rng.integers(9, 30, (52, 2))
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    real, fake = images[:32], images[32:]
    at = small.folder
    write_folder(at / "fake", {f"{i:02d}.png": packed(image) for i, image in enumerate(fake)})
    for part in range(2):
        held = enumerate(fake[part * 10 : part * 10 + 10], part * 10)
        write_tar(at / f"fake-{part}.tar", {f"{i:02d}.png": packed(image) for i, image in held})
    write_parquet(at / "fake.parquet", fake, column="img")
    np.save(at / "fake.npy", rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8))
    classes = [i % 4 for i in range(32)]
    files = {f"{i:02d}.png": packed(image) for i, image in enumerate(real)}
    write_tar(at / "real.tar", files | {f"{i:02d}.cls": str(label).encode() for i, label in enumerate(classes)})
    write_parquet(at / "real.parquet", real, labels=classes)
    small.bench.write_text(BENCH)
    found = {}
    for use, split in (("tar", "path: real.tar, labels: cls"), ("parquet", "path: real.parquet, labels: label")):
        text = CATALOGUE.format(use=use, image="any", split=split, digest=content_digest(Mixed(real)))
        (at / "datasets.yaml").write_text(text)
        outcome = small.run("--out", use)
        assert outcome.returncode == 0, outcome.stderr
        found[use] = {generator: value for (generator, _, _), value in values(at / use).items()}
        assert set(found[use]) == {"folder", "tar", "listed", "parquet", "npy", "memorise", "mode_drop"}
        assert (at / use / "report.html").stat().st_size > 10_000
    assert found["tar"] == found["parquet"]
    # All 20 images of each pool are taken, in an order of its own.
    same = [found["tar"][name] for name in ("folder", "tar", "listed", "parquet")]
    assert same == pytest.approx([same[0]] * 4, rel=1e-6)
    assert abs(found["tar"]["npy"] - same[0]) > 1e-4 * abs(same[0])

    # A cut archive is refused before anything runs.
    (at / "real.tar").write_bytes((at / "real.tar").read_bytes()[:-15_000])
    (at / "datasets.yaml").write_text(text.replace("parquet", "tar").replace("labels: label", "labels: cls"))
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "truncated" in " ".join(outcome.stderr.split())
