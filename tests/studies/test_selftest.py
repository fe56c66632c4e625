"""Published values as data: what a file may say, which images it means, and that a wrong value is found out."""

import numpy as np
import pytest
from prdc import compute_prdc
from torchvision.datasets import CIFAR10

from harness.base.errors import UsageError
from harness.benchmark import protocols
from harness.metrics.frechet.distance import distance
from harness.studies.selftest.catalogue import Case, Draw, Selftest, TorchvisionSet, load, names
from harness.studies.selftest.compute import run
from harness.studies.selftest.material import drawn, locate
from harness.studies.selftest.result import Outcome
from harness.studies.statistics.npz import Made, facts_of, of_features, write
from tests.support.torchvision_layout import write_cifar10


def declared(text, tmp_path):
    (tmp_path / "own.yaml").write_text(text)
    return load(str(tmp_path / "own.yaml"))


def case(**changes):
    facts = {
        "metric": "fd",
        "real": "a",
        "fake": "b",
        "value": 1.0,
        "tolerance": 0.25,
        "because": "ours",
        "source": "us",
    }
    return Case(**(facts | changes))


@pytest.mark.parametrize("name", names())
def test_every_file_of_published_values_is_sound_and_of_the_protocol_that_it_is_named_for(name):
    found = load(name)
    assert found.protocol == name
    assert not found.random_weights
    assert set(found.sets) == {side for one in found.cases for side in (one.real, one.fake) if side}
    assert all(one.source and one.because and one.tolerance > 0 for one in found.cases)


def test_a_value_agrees_up_to_and_with_its_tolerance_and_nan_never_does():
    verdicts = [Outcome(case(), ours).verdict for ours in (0.75, 1.25, 1.2501, 0.7499, float("nan"), None)]
    assert verdicts == ["agrees", "agrees", "differs", "differs", "differs", "not run"]


def test_the_closed_form_agrees_and_a_wrong_published_value_differs(tmp_path):
    found = load("pytorch-fid")
    assert next(iter(run(found, folder=tmp_path))).ours == pytest.approx(2048, rel=1e-12)
    wrong = Selftest.model_validate(found.model_dump() | {"cases": [found.cases[0].model_copy(update={"value": 2047})]})
    (outcome,) = run(wrong, folder=tmp_path)
    assert outcome.verdict == "differs"


NORMAL = """\
protocol: prdc
sets:
  real: {use: normal, n: 300, d: 12, seed: 3}
  fake: {use: normal, n: 200, d: 12, seed: 4}
cases:
"""
ONE = (
    "  - {{metric: {metric}, real: real, fake: fake, parameters: {parameters}, value: 0.5, tolerance: 1.0, "
    "because: ours, source: us}}\n"
)


def normal_sets():
    return tuple(np.random.default_rng(seed).normal(size=(n, 12)) for n, seed in ((300, 3), (200, 4)))


def test_precision_recall_density_and_coverage_are_those_of_the_prdc_package(tmp_path):
    parts = ("precision", "recall", "density", "coverage")
    text = NORMAL + "".join(ONE.format(metric=m, parameters="{k: 4, closed: false}") for m in parts)
    found = {outcome.case.metric: outcome.ours for outcome in run(declared(text, tmp_path))}
    expected = compute_prdc(*normal_sets(), nearest_k=4)
    assert found == pytest.approx({name: expected[name] for name in parts}, abs=1e-12)
    other = compute_prdc(*normal_sets(), nearest_k=5)
    assert all(abs(found[name] - other[name]) > 1e-3 for name in parts)


def test_kid_takes_the_subsets_that_torch_fidelity_draws(tmp_path):
    parameters = "{subsets: 7, subset_size: 50, seed: 2020}"
    text = NORMAL + "".join(ONE.format(metric=m, parameters=parameters) for m in ("kid", "kid_spread"))
    mean, spread = (outcome.ours for outcome in run(declared(text, tmp_path)))
    real, fake = normal_sets()
    rng = np.random.RandomState(2020)
    values = []
    for _ in range(7):
        x = fake[rng.choice(len(fake), 50, replace=False)]
        y = real[rng.choice(len(real), 50, replace=False)]
        of_x, of_y, across = ((a @ b.T / 12 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        within = sum(matrix.sum() - np.trace(matrix) for matrix in (of_x, of_y)) / (50 * 49)
        values.append(within - 2 * across.mean())
    assert mean == pytest.approx(np.mean(values), rel=1e-9)
    assert spread == pytest.approx(np.std(values), rel=1e-9)
    assert np.mean(values[:6]) != pytest.approx(mean, rel=1e-3)


def test_subsets_larger_than_a_set_are_not_run_and_say_why(tmp_path):
    text = NORMAL + ONE.format(metric="kid", parameters="{subsets: 1, subset_size: 201, seed: 0}")
    (outcome,) = run(declared(text, tmp_path))
    assert outcome.verdict == "not run"
    assert outcome.missing == ("subsets of 201 rows from 300 real and 200 fake",)


def test_a_draw_is_in_the_order_of_the_whole_and_another_seed_is_another_draw():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    taken = np.random.RandomState(2020).choice(40, 9, replace=False)
    assert drawn(images, Draw(n=9, seed=2020)).ravel().tolist() == sorted(taken)
    assert not np.array_equal(drawn(images, Draw(n=9, seed=2021)), drawn(images, Draw(n=9, seed=2020)))
    assert drawn(images, None) is images
    with pytest.raises(UsageError, match="a draw of 41 images from 40"):
        drawn(images, Draw(n=41, seed=0))


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Twelve test images in torchvision's layout of CIFAR-10."""
    return tmp_path, write_cifar10(tmp_path, monkeypatch)["test"][0]


def test_a_torchvision_set_is_read_from_the_data_folder_whole_or_drawn(cifar, tmp_path_factory):
    folder, images = cifar
    scratch = tmp_path_factory.mktemp("scratch")
    whole = locate(TorchvisionSet(use="torchvision", dataset="CIFAR10", split="test"), folder, scratch)
    part = TorchvisionSet(use="torchvision", dataset="CIFAR10", split="test", draw=Draw(n=8, seed=1))
    assert np.array_equal(np.load(whole)["images"], images)
    assert np.array_equal(np.load(locate(part, folder, scratch))["images"], drawn(images, part.draw))
    (folder / CIFAR10.base_folder / "test_batch").write_bytes(b"other")
    with pytest.raises(UsageError, match="CIFAR10 is damaged"):
        locate(part, folder, tmp_path_factory.mktemp("other"))


def test_what_is_not_here_is_named_all_at_once_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "weights"))
    outcomes = list(run(load("torch-fidelity"), folder=tmp_path))
    assert {outcome.verdict for outcome in outcomes} == {"not run"}
    data, weights = outcomes[2].missing
    assert "unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz" in data
    assert f"into {tmp_path / 'cifar-10-batches-py'}" in data
    assert f"at {tmp_path / 'weights' / 'pt_inception-2015-12-05-6726825d.pth'}" in weights
    (*_, recall) = run(load("adm"), folder=tmp_path)
    assert f"{tmp_path / 'VIRTUAL_imagenet256_labeled.npz'}: not found; place https://openaipublic" in recall.missing[0]


STORED = """\
protocol: clean
sets:
  real: {use: file, file: real.npz}
  fake: {use: file, file: fake.npz}
cases:
  - {metric: fd, real: real, fake: fake, value: 1.0, tolerance: 100.0, because: ours, source: us}
"""


def made(name, **changes):
    protocol = protocols.load(name)
    facts = {
        "protocol": facts_of(protocol),
        "protocol_digest": protocol.digest(),
        "recipe": "0" * 64,
        "encoder": {"use": "inception", "parameters": {}},
        "images": "sha256:" + "1" * 64,
        "random": False,
    }
    return Made(**(facts | changes))


def test_stored_statistics_serve_as_a_set_unless_they_say_that_they_are_of_something_else(tmp_path):
    real, fake = (of_features(rows) for rows in normal_sets())
    test = declared(STORED, tmp_path)
    write(tmp_path / "real.npz", of_features(normal_sets()[0], made=made("clean")))
    write(tmp_path / "fake.npz", fake)  # as a peer's: it says nothing
    (outcome,) = run(test, folder=tmp_path)
    assert outcome.ours == pytest.approx(distance(real.moments(), fake.moments()), rel=1e-12)
    write(tmp_path / "real.npz", of_features(normal_sets()[0], made=made("ttur")))
    (outcome,) = run(test, folder=tmp_path)
    assert outcome.verdict == "not run"
    assert any("resize.filter: bilinear in the file, bicubic asked for" in line for line in outcome.missing)
    write(tmp_path / "real.npz", of_features(normal_sets()[0], made=made("clean", random=True)))
    (outcome,) = run(test, folder=tmp_path)
    assert outcome.missing == (f"{tmp_path / 'real.npz'} was made with random weights",)


def test_everything_wrong_with_a_file_is_said_at_once_with_its_place(tmp_path):
    text = """\
protocol: cleen
sets:
  flat: {use: gaussian, d: 4, mean: 0.0}
  drawn: {use: normal, n: 10, d: 4, seed: 0}
cases:
  - {metric: kid, real: flat, fake: drawn, parameters: {subsets: 0}, value: 0.0, tolerance: 0.1, because: x, source: y}
  - {metric: is, real: flat, fake: drawn, parameters: {splits: true}, value: 0.0, tolerance: 0.1, because: x, source: y}
  - {metric: fd, real: float, fake: drawn, parameters: {k: 3}, value: 0.0, tolerance: 0.1, because: x, source: y}
  - {metric: fd, fake: drawn, value: 0.0, tolerance: 0.1, because: x, source: y}
"""
    with pytest.raises(UsageError) as refused:
        declared(text, tmp_path)
    said = "\n".join(refused.value.problems)
    for words in (
        "own.yaml:1:11: protocol: no protocol 'cleen'; did you mean 'clean'?",
        "`kid` needs rows; a `gaussian` set has a mean and a covariance only",
        "`subsets` is 0; that is too small",
        "`kid` needs `parameters` subset_size, seed",
        "`is` is of one set, `fake`; leave `real` out",
        "`splits` is true; it must be a whole number",
        "`is` needs images; a `normal` set has features only",
        "no set 'float'; did you mean 'flat'?",
        "no parameter of fd 'k'",
        "`fd` needs a `real` set",
    ):
        assert words in said


@pytest.mark.parametrize(("key", "value"), [("value", ".nan"), ("tolerance", "-0.1"), ("tolerance", ".inf")])
def test_a_value_or_tolerance_that_decides_nothing_is_refused(tmp_path, key, value):
    text = NORMAL + ONE.format(metric="fd", parameters="{}")
    text = text.replace("value: 0.5" if key == "value" else "tolerance: 1.0", f"{key}: {value}")
    with pytest.raises(UsageError, match=f"cases.0.{key}"):
        declared(text, tmp_path)


def test_a_protocol_without_public_values_is_told_which_have_some():
    with pytest.raises(UsageError, match=r"no value published for protocol clean .* those of adm, dgm-eval-dinov2"):
        load("clean")
    with pytest.raises(UsageError, match="did you mean 'ttur'"):
        load("ttru")
