"""Metrics as published protocols compute them: the peers' numbers, the closed forms, and intervals that hold."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from harness import metrics
from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.metrics.estimates import estimate
from harness.metrics.kernel.published import kid_subsets, subset_distances
from harness.uncertainty.features import with_defaults

rng = np.random.default_rng(0)
REAL = rng.standard_normal((240, 6))
FAKE = 1.2 * rng.standard_normal((200, 6)) + 0.2


FIVE = (
    "metrics: {fd: {}, inception_score: {splits: 4, classes: 8}, vendi: {}, cmmd: {bandwidth: 2},"
    " kid_subsets: {subsets: 10, subset_size: 50}, kd: {kernel: rbf, bandwidth: 2}}"
)


SIX = "metrics: {fd: {}, kd: {}, precision: {}, recall: {}, density: {}, coverage: {}}"


def logits(n, seed=0, classes=10):
    """Confident and unsure rows, some classes more frequent than others."""
    draw = np.random.default_rng(seed)
    return 2.0 * draw.standard_normal((n, classes)) + np.linspace(0, 1.5, classes)


def score(rows, **parameters):
    """The Inception score of these rows; the real set is not read, but must be as wide."""
    return metrics.inception_score(rows[:2], rows, **parameters)


def of_subsets(**parameters):
    """The kernel distance of each subset of REAL and FAKE."""
    return subset_distances(REAL, FAKE, **with_defaults(kid_subsets, parameters))


def vendi(rows):
    return metrics.vendi(rows, rows)


# ---------------------------------------------------------------- Inception score


@pytest.mark.parametrize("splits", [1, 7, 10])
@pytest.mark.parametrize("shuffle", [True, False])
def test_inception_score_is_torch_fidelitys(splits, shuffle):
    import torch
    from torch_fidelity.metric_isc import isc_features_to_metric

    rows = logits(203)
    told = isc_features_to_metric(torch.from_numpy(rows), splits, shuffle, 2020)["inception_score_mean"]
    found = score(rows, splits=splits, shuffle=2020 if shuffle else None)
    assert found == pytest.approx(told, rel=1e-12)


def test_inception_score_is_torchmetrics_in_its_order():
    import torch
    from torchmetrics.image.inception import InceptionScore

    rows = logits(120)
    peer = InceptionScore(feature=torch.nn.Identity(), splits=6)
    peer.features = [torch.from_numpy(rows)]
    peer._update_count = 1  # features were given, not made from images
    torch.manual_seed(3)
    told = float(peer.compute()[0])
    torch.manual_seed(3)
    order = torch.randperm(120).numpy()
    assert score(rows[order], splits=6, shuffle=None) == pytest.approx(told, rel=1e-9)


def test_adms_parts_have_a_size_and_the_last_is_what_is_left():
    """guided-diffusion/evaluations/evaluator.py: parts of `split_size` in file order, unweighted mean over parts."""
    rows = logits(105)
    scores = []
    for start in (0, 40, 80):
        p, log_p = softmax(rows[start : start + 40], 1), log_softmax(rows[start : start + 40], 1)
        scores.append(np.exp((p * (log_p - np.log(p.mean(0)))).sum(1).mean()))
    assert score(rows, split_size=40, shuffle=None) == pytest.approx(np.mean(scores), rel=1e-12)


def test_equal_rows_score_1_and_sure_rows_of_all_classes_score_their_number():
    assert score(np.tile(logits(1), (50, 1))) == pytest.approx(1.0)
    sure = np.tile(1e5 * np.eye(10), (5, 1))  # a class that underflows everywhere is no NaN either
    assert score(sure, splits=1) == pytest.approx(10.0)
    assert score(sure[:20], splits=1) == pytest.approx(10.0)


def test_parts_of_one_image_and_a_width_that_is_not_the_number_of_classes_are_refused():
    for parameters, words in (
        ({"splits": 30}, "`splits` is 30"),
        ({"split_size": 49}, "`split_size` is 49"),
        ({"classes": 1000}, "10 columns"),
    ):
        with pytest.raises(UsageError, match=words):
            score(logits(50), **parameters)


# ---------------------------------------------------------------- Vendi score


def test_vendi_counts_orthogonal_directions_whatever_their_length():
    rows = np.repeat(np.eye(5), 4, axis=0) * np.arange(1, 21)[:, None]
    assert vendi(rows) == pytest.approx(5.0)
    assert vendi(rows[:4]) == pytest.approx(1.0)


def test_vendi_is_the_papers_example_and_the_same_by_rows_and_by_columns():
    """vertaix/Vendi-Score, README: this kernel scores 2.1573."""
    kernel = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    rows = np.linalg.cholesky(kernel)
    assert vendi(rows) == pytest.approx(2.1573, abs=5e-5)
    wide = np.hstack([rows, np.zeros((3, 4))])  # more columns than rows: the other route
    assert vendi(wide) == pytest.approx(vendi(rows), rel=1e-12)
    assert np.allclose(metrics.vendi.influence(wide, wide)[1], metrics.vendi.influence(rows, rows)[1])


def test_a_row_without_direction_is_refused():
    with pytest.raises(UsageError, match="row 3"):
        vendi(np.where(np.arange(10)[:, None] == 3, 0.0, FAKE[:10]))


# ---------------------------------------------------------------- influence


def weighted_score(rows, counts, parts):
    """The Inception score where row i counts `counts[i]` times in its part."""
    p, log_p, scores = softmax(rows, 1), log_softmax(rows, 1), []
    for part in parts:
        w = counts[part] / counts[part].sum()
        scores.append(np.exp(w @ (p[part] * (log_p[part] - np.log(w @ p[part]))).sum(1)))
    return np.mean(scores)


def weighted_vendi(rows, counts):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh((unit * (counts / counts.sum())[:, None]).T @ unit)
    values = values[values > 1e-14]
    return np.exp(-(values * np.log(values)).sum())


def slopes(function, n, h=1e-5):
    found = []
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i], down[i] = 1 + h, 1 - h
        found.append(n * (function(up) - function(down)) / (2 * h))
    return np.array(found)


def test_influences_equal_finite_differences():
    rows, parts = logits(31), [np.arange(0, 12), np.arange(12, 24), np.arange(24, 31)]
    told = metrics.inception_score.influence(rows, rows, split_size=12, shuffle=None)
    assert not told[0].any()
    assert np.allclose(told[1], slopes(lambda c: weighted_score(rows, c, parts), 31), rtol=1e-6, atol=1e-7)
    assert np.allclose(
        metrics.vendi.influence(REAL, FAKE[:40])[1],
        slopes(lambda c: weighted_vendi(FAKE[:40], c), 40),
        rtol=1e-6,
        atol=1e-7,
    )


def test_the_shuffle_gives_every_row_its_own_influence():
    rows = logits(60)
    order = np.random.RandomState(2020).permutation(60)
    sorted_ = metrics.inception_score.influence(rows, rows[order], splits=4, shuffle=None)[1]
    assert np.allclose(metrics.inception_score.influence(rows, rows, splits=4)[1][order], sorted_)


# ---------------------------------------------------------------- distances


@pytest.mark.parametrize("options", [{}, {"degree": 2, "gamma": 0.3, "coef": 0.5}, {"seed": 7}])
def test_kid_over_subsets_is_torch_fidelitys(options):
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    names = {
        "degree": "kid_kernel_poly_degree",
        "gamma": "kid_kernel_poly_gamma",
        "coef": "kid_kernel_poly_coef0",
        "seed": "rng_seed",
    }
    told = kid_features_to_metric(
        torch.from_numpy(FAKE),
        torch.from_numpy(REAL),
        kid_subsets=12,
        kid_subset_size=50,
        verbose=False,
        **{names[name]: value for name, value in options.items()},
    )
    values = of_subsets(subsets=12, subset_size=50, **options)
    assert values.mean() == pytest.approx(told["kernel_inception_distance_mean"], rel=1e-9)
    assert values.std() == pytest.approx(told["kernel_inception_distance_std"], rel=1e-9)
    assert metrics.kid_subsets(REAL, FAKE, subsets=12, subset_size=50, **options) == values.mean()


def test_kid_over_subsets_is_clean_fids_when_the_real_rows_are_drawn_first():
    from cleanfid.fid import kernel_distance as theirs

    np.random.seed(5)  # noqa: NPY002 - the peer's own generator
    told = theirs(FAKE, REAL, num_subsets=9, max_subset_size=60)
    options = {"subsets": 9, "subset_size": 60, "seed": 5}
    assert metrics.kid_subsets(REAL, FAKE, first="real", **options) == pytest.approx(told, rel=1e-9)
    assert metrics.kid_subsets(REAL, FAKE, first="fake", **options) != pytest.approx(told, rel=1e-3)


def test_subsets_of_everything_are_the_kernel_distance_and_larger_ones_are_refused():
    whole = metrics.kernel_distance(REAL[:200], FAKE)
    assert metrics.kid_subsets(REAL[:200], FAKE, subsets=5, subset_size=200) == pytest.approx(whole, rel=1e-9)
    with pytest.raises(UsageError, match="`fake` has 200 rows"):
        metrics.kid_subsets(REAL, FAKE, subset_size=201)


def test_cmmd_is_the_published_formula_and_minus_its_bias_the_u_statistic():
    """cmmd-pytorch, distance.py: means over all pairs of exp(-|x - y|² / 200), times 1000."""

    def mean(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(2) / 200).mean()

    told = 1000 * (mean(REAL, REAL) + mean(FAKE, FAKE) - 2 * mean(REAL, FAKE))
    assert metrics.cmmd(REAL, FAKE) == pytest.approx(told, rel=1e-9)
    assert metrics.cmmd(FAKE, REAL) == pytest.approx(told, rel=1e-9)
    assert estimate("cmmd", REAL, FAKE).value == pytest.approx(told, rel=1e-9)
    limit = estimate("cmmd", REAL, FAKE, target="T_inf")
    unbiased = estimate("kd", REAL, FAKE, kernel="rbf", bandwidth=10.0)
    assert (limit.value, limit.se) == pytest.approx((1000 * unbiased.value, 1000 * unbiased.se), rel=1e-9)
    assert 0 < limit.value < told


def test_sfid_is_the_frechet_distance_of_2023_columns_and_of_no_others():
    draw = np.random.default_rng(1)
    real, fake = draw.standard_normal((24, 2023)), draw.standard_normal((20, 2023)) + 0.1
    assert metrics.sfid(real, fake) == metrics.frechet_distance(real, fake)
    one, other = estimate("sfid", real, fake), estimate("fd", real, fake)
    assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
    for call in (metrics.sfid, lambda *sets: estimate("sfid", *sets)):
        with pytest.raises(UsageError, match="2048 columns"):
            call(draw.standard_normal((4, 2048)), draw.standard_normal((4, 2048)))


# ---------------------------------------------------------------- intervals


def test_the_draw_of_subsets_widens_the_interval_by_its_own_variance():
    options = {"subsets": 5, "subset_size": 40}
    values = of_subsets(**options)
    few, whole = estimate("kid_subsets", REAL, FAKE, **options), estimate("kd", REAL, FAKE)
    assert few.value == values.mean()
    assert few.se**2 == pytest.approx(whole.se**2 + 2.0 * values.var(ddof=1) / 5, rel=1e-9)  # 4 / (4 - 2)
    assert "the draw of 5 subsets" in few.method
    with pytest.raises(UsageError, match="needs at least 5"):
        estimate("kid_subsets", REAL, FAKE, subsets=4, subset_size=40)


def test_scores_of_fakes_do_not_depend_on_the_reference_nor_have_a_population_value():
    for name in ("inception_score", "vendi"):
        one, other = (
            estimate(name, real, logits(100)) for real in (np.ones((9, 10)) * np.arange(9)[:, None], logits(40, 5))
        )
        assert (one.value, one.se) == (other.value, other.se)
        with pytest.raises(UsageError, match="T_N"):
            estimate(name, logits(40), logits(100), target="T_inf")


# ---------------------------------------------------------------- in a benchmark


RANDOM = "  of_inception: {use: inception, weights: random, layer: %s, preprocessing: ttur}\n"


@pytest.mark.parametrize(
    ("encoder", "metric", "words"),
    [
        ("  pixels: {}\n", "inception_score: {}", "reads layer logits or layer logits_unbiased of inception"),
        ("  pixels: {}\n", "inception_score: {classes: 64}", "not pixels"),
        (RANDOM % "pool3", "inception_score: {}", "not inception, layer pool3"),
        (RANDOM % "logits", "sfid: {}", "reads layer sfid"),
        (RANDOM % "pool3", "kid_subsets: {}", "subset_size: 1000 is too large for 100 images; at most 100"),
        (
            RANDOM % "logits",
            "inception_score: {splits: 60}",
            "splits: 60 is too large for 100 generated images: each split needs two, so at most 50",
        ),
        (RANDOM % "logits", "inception_score: {split_size: 33}", "leaves one image in the last split"),
        (RANDOM % "logits", "inception_score: {splits: 5, split_size: 20}", "give one of them"),
        ("  own: {use: 'MODULE:MeansEncoder'}\n", "inception_score: {}", "for an encoder of your own, `classes`"),
        (RANDOM % "logits", "inception_score: {}", None),
        (RANDOM % "logits_unbiased", "inception_score: {split_size: 5000, shuffle: null}", None),
        (RANDOM % "sfid", "sfid: {}", None),
        ("  own: {use: 'MODULE:MeansEncoder'}\n", "inception_score: {classes: 8}", None),
    ],
)
def test_what_an_encoder_cannot_yield_is_refused_with_its_place_before_the_first_image(small, encoder, metric, words):
    small.edit("  digits_convnet: {}\n  pixels: {}\n", encoder.replace("MODULE", small.module))
    small.edit("encoder: digits_convnet", f"encoder: {encoder.split(':')[0].strip()}")
    small.edit(SIX, f"metrics: {{fd: {{}}, {metric}}}")
    if words is None:
        assert list(benchmark.load(small.bench).metrics) == ["fd", metric.split(":")[0]]
        return
    with pytest.raises(UsageError) as told:
        benchmark.load(small.bench)
    assert words in str(told.value)
    assert f"metrics.{metric.split(':')[0]}" in str(told.value)


def test_a_protocols_own_metrics_come_with_its_two_folder_run_where_the_sets_are_large_enough():
    from harness.benchmark.from_folders import _metrics

    assert _metrics("cmmd", 100)["cmmd"] == {"bandwidth": 10.0, "scale": 1000.0}
    told = {"subsets": 100, "subset_size": 1000, "degree": 3, "coef": 1.0, "seed": 2020}
    assert _metrics("torch-fidelity", 1000)["kid_subsets"] == told
    assert "kid_subsets" not in _metrics("torch-fidelity", 999)
    assert list(_metrics(None, 5000)) == ["fd", "kd", "precision", "recall", "density", "coverage"]
