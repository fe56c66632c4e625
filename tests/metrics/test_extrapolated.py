"""FD∞ and IS∞: published sizes and line, what they take off, and how much each row counts."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from harness.base.errors import UsageError
from harness.metrics.diversity import inception_score
from harness.metrics.extrapolated.fd import fd_infinity
from harness.metrics.extrapolated.inception_score import is_infinity
from harness.metrics.extrapolated.line import Line
from harness.metrics.frechet.distance import frechet_distance


def test_the_value_is_the_intercept_of_dgm_evals_regression():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(300, 3)), rng.normal(0.3, 1.2, size=(260, 3))
    line = Line.through(260, 15, 0)
    sizes = np.array([len(part) for part in line.parts])
    assert (sizes == np.linspace(min(5000, max(260 // 10, 2)), 260, 15).astype("int32")).all()
    each = [frechet_distance(real, fake[part]) for part in line.parts]
    intercept = LinearRegression().fit(1 / sizes.reshape(-1, 1), each).predict([[0.0]])[0]
    assert fd_infinity(real, fake) == pytest.approx(intercept, rel=1e-9)


def test_it_takes_off_the_bias_of_the_fakes():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(20_000, 4))
    found = [(frechet_distance(real, f), fd_infinity(real, f)) for f in rng.normal(size=(30, 200, 4))]
    plain, extrapolated = np.mean(found, axis=0)
    assert abs(extrapolated) < 0.2 * plain


def test_each_fake_counts_once_on_average_and_the_weights_make_the_intercept():
    line = Line.through(500, 15, 3)
    assert line.leverage(500).mean() == pytest.approx(1.0)
    sizes = np.array([len(part) for part in line.parts])
    assert line.weights @ (2.0 + 7.0 / sizes) == pytest.approx(2.0)
    linear, quadratic = line.inflation(500)
    assert linear == pytest.approx(float((line.leverage(500) ** 2).mean()))
    assert quadratic > 1.0


def test_the_extrapolated_score_is_above_that_of_the_set_and_its_influence_a_mean_of_parts():
    sets = np.random.default_rng(2).normal(0, 3, size=(40, 100, 10))
    plain = np.mean([inception_score(logits, logits, splits=1) for logits in sets])
    assert plain < np.mean([is_infinity(logits, logits) for logits in sets])
    logits = sets[0]
    of_real, of_fake = is_infinity.influence(logits, logits)
    assert not of_real.any()
    assert of_fake.mean() == pytest.approx(0.0, abs=1e-9)


def test_a_line_through_too_few_sizes_is_refused():
    with pytest.raises(UsageError, match="three sizes of parts"):
        fd_infinity(np.eye(3), np.eye(3))
