"""Another way to each metric's value: the peer's own function, or the paper's formula over all pairs of rows.

`tests/metrics/test_oracles.py` holds every metric of the table against its row here, and `python -m tests.metrics`
writes how far they are apart to docs/metrics.md. The formulas are quadratic, in float64, and share nothing with ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from scipy.special import logsumexp, softmax
from scipy.stats import betabinom, mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KernelDensity, NearestNeighbors

from harness.metrics.analyses import value_of
from harness.uncertainty.analysis import MetricCall

Rows = NDArray[np.float64]


def features() -> tuple[Rows, Rows]:
    """Two sets of 4 columns, the fakes shifted and wider."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(200, 4)), rng.normal(0.5, 1.3, size=(150, 4))


def many() -> tuple[Rows, Rows]:
    """More rows, for densities: two columns, the fakes shifted and wider."""
    rng = np.random.RandomState(4)
    return rng.normal(size=(400, 2)), rng.normal(0.8, 1.3, size=(300, 2))


def logits() -> tuple[Rows, Rows]:
    """Confident and unsure rows, some classes more frequent than others."""
    rng = np.random.default_rng(1)
    one, other = (2.0 * rng.standard_normal((200, 10)) + np.linspace(0, 1.5, 10) for _ in range(2))
    return one, other


def spatial() -> tuple[Rows, Rows]:
    """Two sets as wide as ADM's spatial features."""
    rng = np.random.default_rng(2)
    return rng.standard_normal((30, 2023)), rng.standard_normal((24, 2023)) + 0.1


def trained(columns: int = 4) -> Rows:
    """What the generator of a set of this many columns was trained on, for metrics that read it."""
    rng = np.random.RandomState(7)
    return _islands(rng, 180, columns) if columns == 5 else rng.normal(size=(180, columns))


def islands() -> tuple[Rows, Rows]:
    """Three groups so far apart that any k-means finds them, of 5 columns."""
    rng = np.random.RandomState(8)
    return _islands(rng, 200, 5), _islands(rng, 150, 5)


def _islands(rng: np.random.RandomState, n: int, columns: int) -> Rows:
    return np.asarray(30 * np.eye(3, columns)[rng.choice(3, n, p=[0.2, 0.3, 0.5])] + rng.normal(size=(n, columns)))


def clustered() -> tuple[Rows, Rows]:
    """Five groups far apart, of other shares on each side, so that any clustering into five finds them."""
    rng = np.random.default_rng(3)
    middle = 50.0 * np.eye(5)
    shares = ((0.4, 0.3, 0.2, 0.1, 0.0), (0.1, 0.1, 0.2, 0.2, 0.4))
    one, other = (
        middle[rng.choice(5, n, p=p)] + rng.normal(size=(n, 5)) for n, p in zip((200, 150), shares, strict=True)
    )
    return one, other


@dataclass(frozen=True)
class Oracle:
    """The value that `metric` must have on a pair of sets under `parameters`, and whose value that is."""

    metric: str
    words: str
    value: Callable[[Rows, Rows], float]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sets: Callable[[], tuple[Rows, Rows]] = features
    tolerance: float = 1e-9


# ---------------------------------------------------------------- distances


def _clean_fid(real: Rows, fake: Rows) -> float:
    from cleanfid.fid import frechet_distance

    moments = [(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (real, fake)]
    return float(frechet_distance(*moments[0], *moments[1]))


def _traces(real: Rows, fake: Rows) -> float:
    """FD by the singular values of the product of centred rows, for more columns than rows."""
    one, other = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1) for rows in (real, fake))
    shift = np.square(real.mean(axis=0) - fake.mean(axis=0)).sum()
    return float(shift + (one**2).sum() + (other**2).sum() - 2 * np.linalg.svd(one @ other.T, compute_uv=False).sum())


def _kernel_mean(kernel: Callable[[Rows, Rows], Rows], real: Rows, fake: Rows, *, unbiased: bool) -> float:
    own = []
    for rows in (real, fake):
        k, n = kernel(rows, rows), len(rows)
        own.append((k.sum() - np.trace(k)) / (n * (n - 1)) if unbiased else k.mean())
    return float(sum(own) - 2 * kernel(real, fake).mean())


def _polynomial(one: Rows, other: Rows) -> Rows:
    return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)


def _gaussian(bandwidth: float) -> Callable[[Rows, Rows], Rows]:
    return lambda one, other: np.exp(-cdist(one, other, "sqeuclidean") / (2 * bandwidth**2))


def _mmd(real: Rows, fake: Rows) -> float:
    median = np.median(pdist(real))
    parts = [_kernel_mean(_gaussian(by * median), real, fake, unbiased=True) for by in (0.5, 1.0, 2.0)]
    return float(np.mean(parts))


def _torch_fidelity_kid(real: Rows, fake: Rows) -> float:
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    one, other = torch.from_numpy(fake), torch.from_numpy(real)
    told = kid_features_to_metric(one, other, kid_subsets=12, kid_subset_size=50, verbose=False, rng_seed=2020)
    return float(told["kernel_inception_distance_mean"])


def _sorted_apart(real: Rows, fake: Rows, directions: int) -> float:
    """Mean squared difference of sorted projections on torch's own draws, of as many rows a side as the fewer."""
    import torch

    generator = torch.Generator().manual_seed(2020)
    sides = [torch.tensor(rows, dtype=torch.float32) for rows in (real, fake)]
    least = min(map(len, sides))
    sides = [s if len(s) == least else s[torch.randperm(len(s), generator=generator)[:least]] for s in sides]
    drawn = torch.randn(directions, real.shape[1], generator=generator)
    drawn = drawn / drawn.norm(dim=1, keepdim=True)
    one, other = ((side @ drawn.t()).sort(dim=0)[0] for side in sides)
    return float(((one - other) ** 2).mean(dim=0).mean())


def _projected(real: Rows, fake: Rows) -> float:
    """Squared W₂ of each projection by its quantile functions, which are steps: on the grid of all their steps."""
    drawn = np.random.default_rng(0).standard_normal((200, real.shape[1]))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    m, n = len(real), len(fake)
    steps = np.union1d(np.arange(m + 1) * n, np.arange(n + 1) * m)  # in units of 1 / (m n): exact
    at, width = steps[:-1], np.diff(steps) / (m * n)
    one, other = np.sort(real @ drawn.T, axis=0)[at // n], np.sort(fake @ drawn.T, axis=0)[at // m]
    return float((width @ (one - other) ** 2).mean())


def _assigned(real: Rows, fake: Rows) -> float:
    cost = cdist(real, fake, "sqeuclidean")
    return float(cost[linear_sum_assignment(cost)].mean())


def _line(of_part: Callable[[Rows], float], n: int) -> float:
    """dgm-eval's regression on 1 / n, through the parts that a generator of seed 0 draws."""
    sizes = np.linspace(min(5000, max(n // 10, 2)), n, 15).astype("int32")
    rng = np.random.default_rng(0)
    values = [of_part(rng.choice(n, size, replace=False)) for size in sizes]
    return float(LinearRegression().fit(1 / sizes[:, None], values).predict([[0.0]])[0])


def _divergence(of: Rows, among: Rows, k: int = 5) -> float:
    """Wang, Kulkarni & Verdú 2009, eq. 14: d mean log(ν/ρ) + log(m / (n - 1))."""
    own = np.sort(cdist(of, of), axis=1)[:, k]
    other = np.sort(cdist(of, among), axis=1)[:, k - 1]
    return float(of.shape[1] * np.log(other / own).mean() + np.log(len(among) / (len(of) - 1)))


def _judged(real: Rows, fake: Rows) -> float:
    """Fisher's discriminant, learnt with scikit-learn on the other folds."""
    from harness.metrics.c2st import _dealt

    rng = np.random.default_rng(0)
    folds = [_dealt(rows, 5, rng) for rows in (real, fake)]
    ridge = 1e-3
    right: list[list[bool]] = [[], []]
    for f in range(5):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=ridge / (1 + ridge), priors=[0.5, 0.5])
        learnt = [rows[of != f] for rows, of in zip((real, fake), folds, strict=True)]
        model.fit(np.concatenate(learnt), np.repeat([0, 1], [len(learnt[0]), len(learnt[1])]))
        for side, rows in enumerate((real, fake)):
            right[side].extend(model.predict(rows[folds[side] == f]) == side)
    return float(np.mean([np.mean(one) for one in right]))


# ---------------------------------------------------------------- fidelity and diversity


def _prdc(name: str, k: int, *, swapped: bool = False) -> Callable[[Rows, Rows], float]:
    def value(real: Rows, fake: Rows) -> float:
        from prdc import compute_prdc

        sides = (fake, real) if swapped else (real, fake)
        return float(compute_prdc(*sides, nearest_k=k)[name])

    return value


def _harmonic(real: Rows, fake: Rows) -> float:
    p, r = (_prdc(name, 3)(real, fake) for name in ("precision", "recall"))
    return 2 * p * r / (p + r)


def _smaller(one: str, other: str, *, swapped: bool) -> Callable[[Rows, Rows], float]:
    return lambda real, fake: min(_prdc(one, 5)(real, fake), _prdc(other, 5, swapped=swapped)(real, fake))


def _authentic(real: Rows, fake: Rows) -> float:
    among = cdist(real, real)
    np.fill_diagonal(among, np.inf)
    to_real = cdist(real, fake)
    return float(np.mean(among.min(axis=0)[to_real.argmin(axis=0)] < to_real.min(axis=0)))


def _realism(real: Rows, fake: Rows) -> float:
    radius = np.sort(cdist(real, real), axis=1)[:, 5]
    small = radius < np.median(radius)
    return float((radius[small, None] / cdist(real[small], fake)).max(axis=0).mean())


def _soft(real: Rows, fake: Rows) -> float:
    reach = 1.2 * np.sort(cdist(real, real), axis=1)[:, 4].mean()
    return float(np.mean(1 - np.minimum(cdist(real, fake) / reach, 1).prod(axis=0)))


LEVELS = np.linspace(0, 1, 30)


def _integrated(curve: Rows) -> float:
    """1 - 2 ∫ |curve - level|, as the authors sum it."""
    return float(1 - 2 * np.abs(LEVELS - curve).sum() / 29)


def _alpha(real: Rows, fake: Rows) -> float:
    of_real, of_fake = (np.linalg.norm(rows - real.mean(axis=0), axis=1) for rows in (real, fake))
    return _integrated(np.array([np.mean(of_fake <= np.quantile(of_real, level)) for level in LEVELS]))


def _beta(real: Rows, fake: Rows) -> float:
    own = np.sort(cdist(real, real), axis=1)[:, 1]
    apart = cdist(real, fake)
    middle = np.linalg.norm(fake[apart.argmin(axis=1)] - fake.mean(axis=0), axis=1)
    covered = apart.min(axis=1) <= own
    return _integrated(np.array([np.mean(covered & (middle <= np.quantile(middle, level))) for level in LEVELS]))


def _clipped_density(real: Rows, fake: Rows, k: int = 5) -> float:
    own = cdist(real, real)
    reach = np.sort(own, axis=1)[:, k]
    reach = np.minimum(reach, np.median(reach))[:, None]
    base = np.minimum(((own <= reach).sum(axis=0) - 1) / k, 1).mean()
    return float(min(np.minimum((cdist(real, fake) <= reach).sum(axis=0) / k, 1).mean() / base, 1))


def _clipped_coverage(real: Rows, fake: Rows, k: int = 5) -> float:
    m, n = len(real), len(fake)
    reach = np.sort(cdist(real, real), axis=1)[:, k]
    share = (np.minimum((cdist(real, fake) < reach[:, None]).sum(axis=1), k) / k).mean()
    drawn = np.array([(np.minimum(np.arange(g + 1), k) * betabinom(g, k, m - k).pmf(np.arange(g + 1))).sum() / k
                      for g in range(n + 1)])  # fmt: skip
    drawn[:k] = 0
    return float(np.searchsorted(drawn, share) / (n + 1))


def _prd(beta: float) -> Callable[[Rows, Rows], float]:
    """The largest F of Sajjadi et al.'s curve over scikit-learn's clusters."""

    def value(real: Rows, fake: Rows) -> float:
        found = KMeans(5, n_init=10, random_state=0).fit_predict(np.concatenate([real, fake]))
        r, f = (np.bincount(of, minlength=5) / len(of) for of in np.split(found, [len(real)]))
        slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, 1001))
        precision = np.minimum(slopes[:, None] * r, f).sum(axis=1)
        recall = precision / slopes
        return float(((1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-10)).max())

    return value


def _topological(use: str) -> Callable[[Rows, Rows], float]:
    """TopP&R by scikit-learn's kernel density: shares of a set's support that lie in the other's."""

    def value(real: Rows, fake: Rows) -> float:
        rng = np.random.RandomState(42)
        density, band = [], []
        for rows in (real, fake):
            n, k = len(rows), 5 * rows.shape[1]
            following = [np.sort(cdist(rows[i : i + 1], rows[i + 1 :])[0])[k - 1] for i in range(n - k)]
            width = np.sort(following)[int((n - k) * 0.5) - 1]
            drawn = [np.bincount(rng.choice(np.arange(n), size=n), minlength=n) for _ in range(10)]
            kernels = [KernelDensity(kernel="cosine", bandwidth=width).fit(rows)]
            kernels += [
                KernelDensity(kernel="cosine", bandwidth=width).fit(np.repeat(rows, of, axis=0)) for of in drawn
            ]
            found = np.exp([kernel.score_samples(rows) for kernel in kernels])
            density.append(kernels[0])
            band.append(np.quantile(np.abs(found[1:] - found[0]).max(axis=1), 0.9))
        own, points = (1, fake) if use == "topp" else (0, real)
        inside = [np.exp(kernel.score_samples(points)) > least for kernel, least in zip(density, band, strict=True)]
        return float(inside[1 - own][inside[own]].mean())

    return value


# ---------------------------------------------------------------- of the fakes alone


def _torch_fidelity_score(_: Rows, fake: Rows) -> float:
    import torch
    from torch_fidelity.metric_isc import isc_features_to_metric

    return float(isc_features_to_metric(torch.from_numpy(fake), 10, True, 2020)["inception_score_mean"])


def _score(fake: Rows) -> float:
    p = softmax(fake, axis=1)
    return float(np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean()))


def _unit(fake: Rows) -> Rows:
    return np.asarray(fake / np.linalg.norm(fake, axis=1, keepdims=True))


def _vendi(_: Rows, fake: Rows) -> float:
    values = np.linalg.eigvalsh(_unit(fake) @ _unit(fake).T / len(fake))
    values = values[values > 1e-14]
    return float(np.exp(-(values * np.log(values)).sum()))


# ---------------------------------------------------------------- against training rows


def _three_samples(real: Rows, fake: Rows) -> float:
    """dgm-eval's C_T, by scikit-learn's k-means and neighbours and SciPy's Mann-Whitney."""
    training = trained(real.shape[1])
    cells = KMeans(3, n_init=10, random_state=0).fit(training)
    of_training, of_real, of_fake = (cells.predict(rows) for rows in (training, real, fake))
    total, weight = 0.0, 0
    for cell in range(3):
        near = NearestNeighbors(n_neighbors=1).fit(training[of_training == cell])
        q, p = (near.kneighbors(rows[of == cell])[0][:, 0] for rows, of in ((fake, of_fake), (real, of_real)))
        if len(q) > 20:
            u = mannwhitneyu(q, p, alternative="less").statistic
            z = (u - (len(p) * len(q) / 2 - 0.5)) / np.sqrt(len(p) * len(q) * (len(p) + len(q) + 1) / 12)
            total, weight = total + len(p) * z, weight + len(p)
    return float(total / weight)


def widths(centres: Rows, rows: Rows, *, second_version: bool) -> Rows:
    """Log variances of the published fits of feature likelihood, by PyTorch's derivatives and Adam, in float64."""
    import torch

    of, at = torch.tensor(rows), torch.tensor(centres)
    squared, d, n = torch.cdist(of, at) ** 2, rows.shape[1], len(centres)
    start = ((squared.min(dim=0).values + 1e-3) / d).log() if second_version else torch.zeros(n, dtype=of.dtype)
    log_variances, far = start.requires_grad_(), torch.zeros((), dtype=of.dtype, requires_grad=True)
    adam = torch.optim.Adam([log_variances, far] if second_version else [log_variances], lr=0.5)
    slower = torch.optim.lr_scheduler.MultiStepLR(adam, [10**9 if second_version else 50], gamma=0.1)
    for _ in range(50 if second_version else 100):
        adam.zero_grad()
        logs = -0.5 * squared / log_variances.exp() - d / 2 * (log_variances + np.log(2 * np.pi)) - np.log(n)
        if second_version:
            away = 0.9**2 * torch.cdist(of, of.mean(dim=0, keepdim=True)) ** 2
            logs = torch.cat([logs, -0.5 * away / far.exp() - d / 2 * (far + np.log(2 * np.pi))], dim=1)
        (-torch.logsumexp(logs, dim=1).mean() / d).backward()
        adam.step()
        slower.step()
        log_variances.data = log_variances.data.clamp(-40 if second_version else -100, 20)
    return np.asarray(log_variances.detach().numpy())


def _densities(rows: Rows, centres: Rows, log_variances: Rows) -> Rows:
    d = rows.shape[1]
    return np.asarray(
        -0.5 * cdist(rows, centres, "sqeuclidean") / np.exp(log_variances) - d / 2 * (log_variances + np.log(2 * np.pi))
    )


def _surprise(rows: Rows, centres: Rows, log_variances: Rows) -> float:
    logs = logsumexp(_densities(rows, centres, log_variances), axis=1) - np.log(len(centres))
    return float(-logs.mean() / rows.shape[1])


def _fld(real: Rows, fake: Rows) -> float:
    middle, spread = real.mean(axis=0), real.std(axis=0, ddof=1)
    training, real, fake = ((rows - middle) / spread for rows in (trained(), real, fake))
    order = np.random.default_rng(0).permutation(len(training))
    half = min(len(fake), len(order) // 2)
    base, rest = training[order[:half]], training[order[half:]]
    mine, other = widths(fake, training, second_version=True), widths(base, rest, second_version=True)
    return 100 * (_surprise(real, fake, mine) - _surprise(real, base, other))


def _first_version(real: Rows, fake: Rows) -> tuple[Rows, Rows, Rows, Rows]:
    """dgm-eval's sets: the half of the training rows that widths are fitted to, the other, real and fake rows."""
    rng = np.random.default_rng(0)
    order = rng.permutation(180)
    fake = fake[np.sort(rng.permutation(len(fake))[:90])]
    fit, base = (trained()[part] for part in (order[:90], order[90:]))
    whole = np.concatenate([fit, base, real, fake])
    fit, base, real, fake = (
        (rows - whole.mean(axis=0)) / whole.std(axis=0, ddof=1) for rows in (fit, base, real, fake)
    )
    return fit, base, real, fake


def _fls(real: Rows, fake: Rows) -> float:
    fit, base, real, fake = _first_version(real, fake)
    mine, other = (_surprise(real, at, widths(at, fit, second_version=False)) for at in (fake, base))
    return float(100 * np.exp(-2 * (mine - other)))


def _overfit(real: Rows, fake: Rows) -> float:
    fit, _, real, fake = _first_version(real, fake)
    found = widths(fake, fit, second_version=False)
    of_training, of_real = (logsumexp(_densities(rows, fake, found), axis=0) for rows in (fit, real[:90]))
    return float(np.mean(of_training > of_real))


ORACLES: tuple[Oracle, ...] = (
    Oracle("fd", "clean-fid", _clean_fid, tolerance=1e-7),
    Oracle("sfid", "FD by singular values", _traces, sets=spatial),
    Oracle("kd", "all pairs", lambda real, fake: _kernel_mean(_polynomial, real, fake, unbiased=True)),
    Oracle("kid_subsets", "torch-fidelity", _torch_fidelity_kid, {"subsets": 12, "subset_size": 50}),
    Oracle("cmmd", "all pairs", lambda r, f: 1000 * _kernel_mean(_gaussian(10.0), r, f, unbiased=False)),
    Oracle("mmd", "all pairs, each bandwidth", _mmd),
    Oracle("fd_infinity", "clean-fid and scikit-learn's line",
           lambda real, fake: _line(lambda part: _clean_fid(real, fake[part]), len(fake)), tolerance=1e-6),
    Oracle("mind", "torch-fidelity's steps in PyTorch (float32)",
           lambda real, fake: 3 * real.shape[1] * _sorted_apart(real, fake, 200), {"directions": 200}, tolerance=1e-5),
    Oracle("sliced_wasserstein", "quantile functions", _projected),
    Oracle("wasserstein2", "scipy's assignment", _assigned, {"rows": 150},
           sets=lambda: (features()[0][:150], features()[1])),
    Oracle("kl_forward", "all distances", _divergence),
    Oracle("kl_reverse", "all distances", lambda real, fake: _divergence(fake, real)),
    Oracle("c2st", "scikit-learn's discriminant", _judged),
    Oracle("precision", "prdc", _prdc("precision", 3), tolerance=1e-15),
    Oracle("recall", "prdc", _prdc("recall", 3), tolerance=1e-15),
    Oracle("density", "prdc", _prdc("density", 5), tolerance=1e-15),
    Oracle("coverage", "prdc", _prdc("coverage", 5), tolerance=1e-15),
    Oracle("f_score", "prdc", _harmonic),
    Oracle("sym_precision", "prdc, both ways", _smaller("precision", "coverage", swapped=True)),
    Oracle("sym_recall", "prdc", _smaller("recall", "coverage", swapped=False)),
    Oracle("authenticity", "all distances", _authentic),
    Oracle("realism", "all distances", _realism),
    Oracle("p_precision", "all distances", _soft),
    Oracle("p_recall", "all distances", lambda real, fake: _soft(fake, real)),
    Oracle("alpha_precision", "the authors' curve", _alpha),
    Oracle("beta_recall", "the authors' curve", _beta),
    Oracle("clipped_density", "all distances", _clipped_density),
    Oracle("clipped_coverage", "scipy's beta-binomial", _clipped_coverage),
    Oracle("prd_f8", "scikit-learn's clusters", _prd(8.0), {"clusters": 5}, sets=clustered),
    Oracle("prd_f1_8", "scikit-learn's clusters", _prd(1 / 8), {"clusters": 5}, sets=clustered),
    Oracle("topp", "scikit-learn's kernel density", _topological("topp"), sets=many),
    Oracle("topr", "scikit-learn's kernel density", _topological("topr"), sets=many),
    Oracle("inception_score", "torch-fidelity", _torch_fidelity_score, sets=logits),
    Oracle("is_infinity", "scikit-learn's line",
           lambda _, fake: _line(lambda part: _score(fake[part]), len(fake)), sets=logits),
    Oracle("vendi", "eigenvalues of all similarities", _vendi),
    Oracle("rke", "all similarities", lambda _, fake: float(1 / np.mean((_unit(fake) @ _unit(fake).T) ** 2))),
    Oracle("c_t", "scikit-learn's k-means, SciPy's U", _three_samples, sets=islands),
    Oracle("fld", "PyTorch's derivatives and Adam", _fld, tolerance=1e-4),
    Oracle("fls", "PyTorch's derivatives and Adam", _fls, tolerance=1e-5),
    Oracle("fls_overfit", "PyTorch's derivatives and Adam", _overfit, tolerance=1e-9),
)  # fmt: skip


def ours(oracle: Oracle) -> float:
    """The harness's value on the oracle's sets."""
    real, fake = oracle.sets()
    call = MetricCall(oracle.metric, dict(oracle.parameters))
    return value_of(call, real, fake, training=trained(real.shape[1]))


def apart(oracle: Oracle) -> float:
    """How far ours and the oracle's are apart, as a share of the oracle's."""
    theirs = oracle.value(*oracle.sets())
    return abs(ours(oracle) - theirs) / abs(theirs)
