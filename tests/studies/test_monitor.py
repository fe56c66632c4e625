"""`harness.Monitor`: the number of `harness score`, in one process or many, without disturbing the training."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import harness
from harness import adapters
from tests.support.digit_arrays import digit_arrays

REAL, FAKE = digit_arrays()
N = len(FAKE)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


def monitor(store, **options) -> harness.Monitor:
    return harness.Monitor(REAL, encoder="digits_convnet", n=N, store=store, **options)


def fed(one: harness.Monitor, size: int, rows=None) -> harness.Monitor:
    """The images at `rows` given in batches of `size`, each with its place."""
    rows = np.arange(N) if rows is None else rows
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        one.update(FAKE[part], index=part)
    return one


@pytest.fixture(scope="module")
def whole(store):
    return dict(fed(monitor(store), N).compute())


@pytest.mark.parametrize("size", [1, 7, 64, 69])
def test_the_answer_does_not_hang_on_how_batches_were_cut(store, whole, size):
    assert dict(fed(monitor(store), size).compute()) == whole


def test_the_answer_does_not_hang_on_which_process_made_what_nor_on_the_order(store, whole):
    rows = np.random.default_rng(0).permutation(N)
    states = [fed(monitor(store, share=(r, 3)), 5, rows[r::3]).state() for r in range(3)]
    states = [pickle.loads(pickle.dumps(one)) for one in states[::-1]]
    assert dict(monitor(store, share=(0, 3)).merge(states).compute()) == whole


def test_processes_that_say_no_places_take_turns(store, whole):
    def evaluated(rank):
        one = monitor(store, share=(rank, 2))
        one.update(FAKE[rank::2])
        assert one.left == 0
        return one.state()

    assert dict(monitor(store, share=(0, 2)).merge(map(evaluated, range(2))).compute()) == whole


def _one_of_two(rank: int, port: int, store: Path, answers) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    one = monitor(store)
    one.update(FAKE[rank::2])
    answers.put((rank, dict(one.compute())))
    answers.close()
    answers.join_thread()
    torch.distributed.destroy_process_group()


def test_torch_distributed_gathers_by_itself_and_every_process_has_the_answer(store, whole):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    port = _free_port()
    processes = [context.Process(target=_one_of_two, args=(rank, port, store, answers)) for rank in range(2)]
    for process in processes:
        process.start()
    found = dict(answers.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
    assert found == {0: whole, 1: whole}


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_the_reference_is_encoded_once_and_found_again(tmp_path, monkeypatch):
    monitor(tmp_path)
    before = sorted(path.name for path in (tmp_path / "features").rglob("manifest.json"))
    from harness.encoders.convnet import ConvNet

    def refused(self, images):
        raise AssertionError("encoded again")

    monkeypatch.setattr(ConvNet, "encode", refused)
    monitor(tmp_path)
    assert len(before) == 1


def test_memory_holds_features_of_n_images_and_pixels_of_less_than_a_batch(store):
    one = monitor(store)
    for _ in range(5):
        one.update(FAKE)
    held = one.state()
    assert held["features"]["digits_convnet"].shape == (N, 32)
    assert sum(map(len, one._waiting)) < one.batch_size
    assert one.left == 0


def test_fewer_images_than_n_have_no_number_and_reset_forgets(store, whole):
    one = monitor(store)
    one.update(FAKE[: N - 1])
    with pytest.raises(harness.UsageError, match="69 images of n = 70: scores at another n are not comparable"):
        one.compute()
    one.reset()
    assert dict(fed(one, 11).compute()) == whole


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda m: m.update(FAKE[:2], index=[0]), r"index: \(1,\) for 2 images"),
        (lambda m: m.update(FAKE[:1], index=[N]), "must be 0 to 69"),
        (lambda m: m.update(FAKE / 255.0), "without a range"),
        (lambda m: m.merge([{"key": "other"}]), "a state of another encoder"),
        (lambda m: fed(m, N, np.zeros(N, int)).compute(), "some images have the same index"),
        (lambda m: m.evaluate(lambda k: FAKE[:0]), "gave no image"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(store, act, expected):
    with pytest.raises(harness.UsageError, match=expected):
        act(monitor(store))


@pytest.mark.parametrize(("options", "expected"), [({"every": 0}, "every=0"), ({"share": (2, 2)}, r"share=\(2, 2\)")])
def test_an_option_that_means_nothing_is_refused_before_any_training(store, options, expected):
    with pytest.raises(harness.UsageError, match=expected):
        monitor(store, **options)


def test_an_evaluation_is_due_once_at_every_so_many_steps(store):
    one = monitor(store, every=10)
    assert [step for step in (0, 5, 10, 10, 11, 20) if one.due(step)] == [10, 20]
    assert not monitor(store).due(10)


# ---------------------------------------------------------------- adapters


class Blurry(torch.nn.Module):
    """A model that learns the mean digit and draws noise around it."""

    def __init__(self):
        super().__init__()
        self.mean = torch.nn.Parameter(torch.full((1, 8, 8), 0.5))
        self.drop = torch.nn.Dropout(0.5)

    def sample(self, k):
        return self.drop(self.mean + 0.1 * torch.randn(k, 1, 8, 8))


def images_of(model, k):
    return model.sample(k).clamp(0, 1)


def train(model, on_step, steps=20) -> list:
    torch.manual_seed(0)
    optimiser = torch.optim.SGD(model.parameters(), 0.5)
    data = torch.from_numpy(REAL).permute(0, 3, 1, 2) / 255
    found = []
    for step in range(1, steps + 1):
        rows = torch.randint(len(data), (16,))
        loss = ((model.drop(data[rows]) - model.mean) ** 2).mean() * 64
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(on_step(step, model))
    return found


def test_training_is_the_same_with_and_without_a_monitor_and_so_is_the_score_offline(store):
    plain, watched = Blurry(), Blurry()
    train(plain, lambda step, model: None)
    kept = []

    def sample(model, k):
        kept.append(images_of(model, k).numpy())
        return kept[-1]

    on_step = adapters.loop(monitor(store, every=10, range=(0, 1)), sample)
    found = [one for one in train(watched, on_step) if one is not None]
    assert torch.equal(plain.mean, watched.mean)
    assert watched.drop.training
    assert len(found) == 2
    assert found[1]["fd"].value < found[0]["fd"].value
    last = np.concatenate(kept[len(kept) // 2 :])
    offline = harness.score(REAL, last, range=(0, 1), encoder="digits_convnet", store=store)
    assert dict(offline.estimates["fake"]) == dict(found[1])


def draw() -> tuple[float, ...]:
    """What a user's code may draw from."""
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def begin() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)


def test_an_evaluation_leaves_random_numbers_as_they_were_and_draws_the_same_again(store):
    one = monitor(store)
    drawn = []

    def sample(k):
        drawn.append(draw())
        return FAKE[:k]

    begin()
    expected = draw()
    begin()
    one.evaluate(sample)
    assert draw() == expected
    half = len(drawn)
    one.evaluate(sample)
    assert drawn[:half] == drawn[half:]


def test_numbers_go_to_stdout_tensorboard_and_mlflow(store, capsys):
    written, sent = [], []
    writer = types.SimpleNamespace(add_scalar=lambda *one: written.append(one))
    module = types.SimpleNamespace(log_metrics=lambda metrics, step: sent.append((metrics, step)))
    log = [adapters.stdout, adapters.tensorboard(writer), adapters.mlflow(module, prefix="val/")]
    found = adapters.loop(monitor(store, every=5), lambda model, k: FAKE[:k], log=log)(5, None)
    fd = found["fd"]
    assert capsys.readouterr().out.startswith(f"step 5: fd {fd.value:.4g} [{fd.low:.4g}, {fd.high:.4g}], kd ")
    assert ("harness/fd", fd.value, 5) in written
    assert sent[0][1] == 5
    assert sent[0][0]["val/fd.high"] == fd.high


def test_a_framework_that_is_missing_is_named(store, monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(harness.UsageError, match=r"lightning\.pytorch is not installed"):
        adapters.lightning(monitor(store), images_of)
