"""Names and values as MLflow takes them, whatever a declaration holds."""

from __future__ import annotations

import pytest

from harness.report.mlflow import words
from harness.report.mlflow.batches import METRICS_AT_ONCE, PARAMS_AT_ONCE, Metrics, send


@pytest.mark.parametrize(
    "text", ["fd@1", "a//b", "/a", "a/../b", "./a", "..", "a/", "größe", "x" * 400, "", "kde/lr=0.1, steps=10"]
)
def test_mlflow_accepts_every_name(text):
    from mlflow.utils.validation import _validate_metric

    _validate_metric(words.name(text), 1.0, 0, 0)
    assert len(words.name(text)) <= words.LONGEST_NAME


def test_a_usual_name_stays_as_it_is():
    for text in ("fd", "pixels/fd.ci_lo", "precision.k", "generator.learning rate"):
        assert words.name(text) == text


def test_long_names_that_begin_alike_stay_two():
    one, other = (words.name("x" * 300 + end) for end in "ab")
    assert one != other
    assert words.model_name("y" * 300 + "a") != words.model_name("y" * 300 + "b")


def test_a_model_may_be_named_like_any_generator():
    from mlflow.utils.validation import _validate_logged_model_name

    _validate_logged_model_name(words.model_name('v1.5:ema/"best" 50%\'s'))


def test_a_note_of_any_length_fits_into_a_tag():
    assert len(words.note(["it is so "] * 5000)) <= words.LONGEST_NOTE


class Requests:
    """What would go to a server, request by request."""

    def __init__(self) -> None:
        self.made: list[tuple[list, list]] = []

    def log_batch(self, run_id: str, metrics: list, params: list) -> None:
        self.made.append((metrics, params))


def test_thousands_of_metrics_and_params_go_in_few_requests_and_none_is_lost():
    requests = Requests()
    metrics = {f"metric {number}": float(number) for number in range(2000)}
    send(requests, "run", Metrics(metrics, 1), {f"param {number}": number for number in range(250)})
    assert len(requests.made) == 3
    assert all(len(m) <= METRICS_AT_ONCE and len(p) <= PARAMS_AT_ONCE for m, p in requests.made)
    assert {m.key: m.value for batch, _ in requests.made for m in batch} == metrics
    assert len({p.key for _, batch in requests.made for p in batch}) == 250


def test_params_whose_names_mlflow_takes_for_one_are_both_kept():
    requests = Requests()
    send(requests, "run", Metrics({}, 1), {"a@b": 1, "a#b": 2, "a_b_2": 3})
    ((_, params),) = requests.made
    assert sorted(param.value for param in params) == ["1", "2", "3"]
    assert len({param.key for param in params}) == 3
