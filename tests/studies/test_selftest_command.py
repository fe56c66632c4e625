"""`harness selftest`: one's own values through the command, from folders of images to an exit code."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

OWN = """\
protocol: pytorch-fid
random_weights: true
sets:
  real: {{use: file, file: real}}
  fake: {{use: file, file: fake}}
cases:
  - {{metric: fd, real: real, fake: fake, value: {fd}, tolerance: {tolerance}, because: x, source: y}}
  - {{metric: is, fake: fake, parameters: {{splits: 1}}, value: {score}, tolerance: 1.0e-4, because: x, source: y}}
"""

ADM = """\
protocol: adm
random_weights: true
sets:
  real: {use: file, file: real}
  stored: {use: file, file: adm.npz}
  fake: {use: file, file: fake}
cases:
  - {metric: sfid, real: real, fake: fake, value: 0.0, tolerance: 1.0e+9, because: x, source: y}
  - {metric: sfid, real: stored, fake: fake, value: 0.0, tolerance: 1.0e+9, because: x, source: y}
  - {metric: density, real: real, fake: fake, parameters: {k: 3, closed: true}, value: 0.0, tolerance: 9.0,
     because: x, source: y}
  - {metric: density, real: stored, fake: fake, parameters: {k: 3, closed: true}, value: 0.0, tolerance: 9.0,
     because: x, source: y}
  - {metric: sfid, real: stored, fake: real, value: 0.0, tolerance: 1.0e-5, because: the same images, source: y}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two folders of digits, and their FD under `pytorch-fid` with random weights as `harness score` has it."""
    from harness.images.datasets.digits import Digits
    from tests.conftest import Small

    made = Small(tmp_path_factory.mktemp("selftest"))
    for name, split, n in (("real", "reference", 24), ("fake", "holdout", 20)):
        folder = made.folder / name
        folder.mkdir()
        for i, image in enumerate(Digits().load(split).images[:n]):
            Image.fromarray(image[..., 0]).save(folder / f"{i:03d}.png")
    outcome = made.harness("score", "real", "fake", "--protocol", "pytorch-fid", "--random-weights", "--out", "scored")
    assert outcome.returncode == 0, outcome.stderr
    return made


@pytest.fixture(scope="module")
def expected(small):
    """The FD of the folders as a run of the whole harness has it, and the Inception score from its definition."""
    from harness.base.record import read_records
    from harness.benchmark.protocols.catalogue import load
    from harness.studies.statistics.make import encode_layer

    records = read_records(small.folder / "scored/records.jsonl")
    (fd,) = {r.estimate.value for r in records if r.metric == "fd" and r.level == "cell"}
    path, store = small.folder / "fake", small.folder / ".harness"
    logits = encode_layer(path, load("pytorch-fid"), layer="logits_unbiased", random_weights=True, store=store)
    logits = logits.astype(np.float64)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    score = np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
    return {"fd": fd, "score": float(score)}


def own(small, *, fd, score, tolerance):
    (small.folder / "own.yaml").write_text(OWN.format(fd=fd, score=score, tolerance=tolerance))
    return small.harness("selftest", "own.yaml")


def test_values_that_come_out_again_are_exit_code_0(small, expected):
    outcome = own(small, **expected, tolerance=1e-6 * expected["fd"])
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "pytorch-fid: 2 of 2 published values reproduced, 0 differ, 0 not run" in outcome.stdout
    assert "not a published pipeline" in outcome.stdout


def test_a_value_that_differs_is_exit_code_1_and_named_beside_those_that_agree(small, expected):
    outcome = own(small, **(expected | {"fd": expected["fd"] * 1.001}), tolerance=1e-6 * expected["fd"])
    assert outcome.returncode == 1
    assert "DIFFERS   fd of fake against real" in outcome.stdout
    assert f"{expected['fd']:.6g}"[:5] in outcome.stdout
    assert "agrees    is of fake" in outcome.stdout
    assert "pytorch-fid: 1 of 2 published values reproduced, 1 differ, 0 not run" in outcome.stdout


def test_data_that_are_not_here_are_exit_code_2_with_their_place(small, expected):
    (small.folder / "own.yaml").write_text(
        OWN.format(**expected, tolerance=1).replace("file: real", "file: reel, url: https://example.org/reel.zip")
    )
    outcome = small.harness("selftest", "own.yaml")
    assert outcome.returncode == 2
    assert "not run   fd of fake against real" in outcome.stdout
    assert f"missing: {small.folder / 'reel'}: not found; place https://example.org/reel.zip there" in outcome.stdout
    assert "pytorch-fid: 1 of 2 published values reproduced, 0 differ, 1 not run" in outcome.stdout


def test_the_statistics_and_the_images_of_an_adm_file_both_stand_for_the_images_they_are_of(small):
    arguments = ("--protocol", "adm", "--random-weights", "--format", "adm", "--out", "adm.npz")
    assert small.harness("stats", "make", "real", *arguments).returncode == 0
    (small.folder / "adm.yaml").write_text(ADM)
    outcome = small.harness("selftest", "adm.yaml", "--json", "told.json")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    ours = [one["ours"] for one in json.loads((small.folder / "told.json").read_text())["outcomes"]]
    (images, stored), (of_images, of_stored) = ours[:2], ours[2:4]
    assert images > 0
    assert stored == pytest.approx(images, rel=1e-6)
    assert of_stored == of_images > 0


def test_a_packaged_protocol_runs_what_needs_no_data_and_does_not_pass_for_whole(small):
    outcome = small.harness("selftest", "pytorch-fid", "--data", "nowhere")
    assert outcome.returncode == 2
    assert "agrees    fd of ones against zeros" in outcome.stdout
    assert "pytorch-fid: 1 of 2 published values reproduced, 0 differ, 1 not run" in outcome.stdout
