"""Stored statistics: the same value and interval as with the features, and no number under another protocol."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness import estimate
from harness.base.errors import UsageError
from harness.benchmark.protocols.catalogue import load
from harness.metrics.frechet.against_moments import estimate_against_moments
from harness.metrics.frechet.distance import distance, frechet_distance, moments, moments_of_covariance
from harness.studies.statistics import registered
from harness.studies.statistics.admission import admitted, refuse_other_making
from harness.studies.statistics.npz import Made, facts_of, of_features, read, write
from harness.studies.statistics.registered import of_file


def made(name="clean", **changes):
    protocol = load(name)
    facts = {
        "protocol": facts_of(protocol),
        "protocol_digest": protocol.digest(),
        "recipe": "0" * 64,
        "encoder": {"use": "inception", "parameters": {}},
        "images": "sha256:" + "1" * 64,
        "random": False,
    }
    return Made(**(facts | changes))


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(6, 6))
    return rng.normal(size=(400, 6)) @ mix, rng.normal(0.3, 1.1, size=(250, 6)) @ mix


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_moments_of_the_reference_give_what_its_features_give_with_the_reference_fixed(sets, kind):
    real, fake = (rows.astype(kind) for rows in sets)
    full = estimate("fd", real, fake, reference="fixed")
    stored = estimate_against_moments(of_features(real).moments(), fake, n_real=len(real))
    for name in ("value", "se", "low", "high"):
        assert getattr(stored, name) == pytest.approx(getattr(full, name), rel=1e-9)
    assert (stored.n_real, stored.n_fake, stored.method, stored.reference) == (400, 250, full.method, "fixed")


def test_the_interval_is_also_the_same_where_images_are_fewer_than_columns():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(30, 40)), rng.normal(0.5, 1, size=(25, 40))
    full = estimate("fd", real, fake, reference="fixed")
    stored = estimate_against_moments(of_features(real).moments(), fake, n_real=30)
    assert stored.value == pytest.approx(full.value, rel=1e-6)
    assert (stored.low, stored.high) == pytest.approx((full.low, full.high), rel=1e-4)
    assert stored.conservative


def test_a_point_mass_has_the_closed_form():
    """Against N(0, I): |mean|² + Σ (sd - 1)², for a fake set with exactly these moments."""
    points = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * np.sqrt(3 / 4)  # covariance I with n-1
    reference = moments_of_covariance(0, np.zeros(2), np.eye(2))
    found = estimate_against_moments(reference, points * [2.0, 1.0] + [3.0, 0.0], n_real=None)
    assert found.value == pytest.approx(9 + 1)
    assert any("not known" in note for note in found.notes)


@pytest.mark.slow
def test_the_interval_for_a_reference_held_fixed_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    d, n = 4, 200
    reference = of_features(rng.normal(size=(300, d))).moments()
    draws = [rng.normal(0.4, 1.2, size=(n, d)) for _ in range(400)]
    target = np.mean([frechet_to(reference, rng.normal(0.4, 1.2, size=(n, d))) for _ in range(4000)])
    found = [estimate_against_moments(reference, rows, n_real=300, seed=i) for i, rows in enumerate(draws)]
    covered = np.mean([one.low <= target <= one.high for one in found])
    assert 0.92 <= covered <= 0.98
    # The same intervals at a third of their length are wrong often: the count above can fail.
    narrow = [abs(one.value - target) <= (one.high - one.low) / 6 for one in found]
    assert np.mean(narrow) < 0.8


def frechet_to(reference, rows):
    return distance(reference, moments(rows))


def test_features_that_do_not_fit_are_refused(sets):
    reference = of_features(sets[0]).moments()
    with pytest.raises(UsageError, match="columns"):
        estimate_against_moments(reference, sets[1][:, :5], n_real=400)
    with pytest.raises(UsageError, match="no spread"):
        estimate_against_moments(reference, np.ones((5, 6)), n_real=400)


def test_a_file_returns_what_was_written_and_the_same_input_gives_the_same_bytes(sets, tmp_path):
    statistics = of_features(sets[0], made=made())
    first = write(tmp_path / "a.npz", statistics)
    assert first == write(tmp_path / "b.npz", statistics) == (tmp_path / "a.npz").read_bytes()
    back = read(tmp_path / "a.npz")
    assert np.array_equal(back.mu, statistics.mu)
    assert np.array_equal(back.sigma, statistics.sigma)
    assert np.allclose(back.sigma, np.cov(sets[0], rowvar=False), rtol=1e-12)
    assert (back.n, back.made) == (400, statistics.made)
    assert (back.mu.dtype, back.sigma.dtype) == (np.float64, np.float64)


def test_pytorch_fid_and_edm_read_ours_and_clean_fids_distance_agrees(sets, tmp_path):
    from cleanfid.fid import frechet_distance as of_cleanfid
    from pytorch_fid.fid_score import calculate_frechet_distance, compute_statistics_of_path

    for name, rows in zip(("real", "fake"), sets, strict=True):
        write(tmp_path / f"{name}.npz", of_features(rows, made=made("pytorch-fid")))
    real, fake = (compute_statistics_of_path(str(tmp_path / f"{n}.npz"), None, 50, 6, "cpu") for n in ("real", "fake"))
    ours = frechet_distance(*sets)
    assert calculate_frechet_distance(*real, *fake) == pytest.approx(ours, rel=1e-6)
    loaded = np.load(tmp_path / "real.npz")
    assert of_cleanfid(loaded["mu"], loaded["sigma"], *fake) == pytest.approx(ours, rel=1e-6)
    assert set(dict(np.load(tmp_path / "real.npz"))) == {"mu", "sigma", "harness"}  # EDM's fid.py reads every member


def test_a_reference_of_another_protocol_is_refused_with_what_differs(sets, tmp_path):
    path = tmp_path / "ref.npz"
    write(path, of_features(sets[0], made=made("clean")))
    assert admitted(path, read(path), protocol=None, assumed=None).name == "clean"
    assert admitted(path, read(path), protocol="clean", assumed=None).name == "clean"
    with pytest.raises(UsageError) as refused:
        admitted(path, read(path), protocol="pytorch-fid", assumed=None)
    assert "resize.filter: bicubic in the file, bilinear asked for" in str(refused.value)
    assert "resize.antialias: true in the file, false asked for" in str(refused.value)


def test_protocols_that_differ_only_beside_the_features_share_their_statistics(sets, tmp_path):
    path, clean = tmp_path / "ref.npz", load("clean")
    other = clean.model_copy(update={"kid": {**clean.kid, "subsets": 7}, "version": 2})
    write(path, of_features(sets[0], made=made(protocol=facts_of(other), protocol_digest=other.digest())))
    assert admitted(path, read(path), protocol=None, assumed=None).name == "clean"
    moved = clean.model_copy(update={"fid": {**clean.fid, "ddof": 0}})
    write(path, of_features(sets[0], made=made(protocol=facts_of(moved), protocol_digest=moved.digest())))
    with pytest.raises(UsageError, match=r"fid\.ddof: 0 in the file, 1 asked for"):
        admitted(path, read(path), protocol=None, assumed=None)


def test_a_peers_file_is_never_guessed_at(sets, tmp_path):
    path = tmp_path / "peer.npz"
    np.savez(path, mu=sets[0].mean(0), sigma=np.cov(sets[0], rowvar=False))
    held = read(path)
    assert held.made is None
    assert held.n is None
    for protocol in (None, "clean"):
        with pytest.raises(UsageError, match="--assume-protocol"):
            admitted(path, held, protocol=protocol, assumed=None)
    assert admitted(path, held, protocol=None, assumed="ttur").name == "ttur"
    with pytest.raises(UsageError, match="disagree"):
        admitted(path, held, protocol="clean", assumed="ttur")


def test_another_encoder_or_recipe_is_refused_before_anything_is_encoded(sets, tmp_path):
    path = tmp_path / "ref.npz"
    held = of_features(sets[0], made=made(encoder={"use": "inception", "weights": "a" * 64}))
    refuse_other_making(path, held, held.made)
    with pytest.raises(UsageError, match=f"another encoder: weights: {'a' * 64} there, {'b' * 64} in this"):
        refuse_other_making(path, held, made(encoder={"use": "inception", "weights": "b" * 64}))
    with pytest.raises(UsageError, match="another preprocessing recipe"):
        refuse_other_making(path, held, replace(held.made, recipe="1" * 64))
    refuse_other_making(path, of_features(sets[0]), made(recipe="1" * 64))  # a peer's file: it says nothing


def test_changed_provenance_is_noticed(sets, tmp_path):
    path = tmp_path / "ref.npz"
    write(path, of_features(sets[0], made=made()))
    with np.load(path) as held:
        arrays = dict(held)
    said = json.loads(str(arrays["harness"]))
    said["protocol"]["resize"]["filter"] = "bilinear"
    np.savez(path, **(arrays | {"harness": np.array(json.dumps(said))}))
    with pytest.raises(UsageError, match="was changed"):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"mu": np.zeros(3)}, "has no sigma"),
        ({"mu": np.zeros(3), "sigma": np.eye(2)}, r"\(d,\) and \(d, d\)"),
        ({"mu": np.array([np.nan]), "sigma": np.eye(1)}, "NaN"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [0.0, 1.0]])}, "not symmetric"),
        ({"mu": np.zeros(1), "sigma": -np.eye(1)}, "negative variances"),
        ({"mu": np.array([None]), "sigma": np.eye(1)}, "not a readable npz of plain arrays"),
    ],
)
def test_what_are_no_statistics_is_refused_by_name(tmp_path, arrays, words):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UsageError, match=words):
        read(tmp_path / "bad.npz")


def test_the_seed_moves_the_interval_only(sets):
    reference = of_features(sets[0]).moments()
    one, other = (estimate_against_moments(reference, sets[1], n_real=400, seed=seed) for seed in (0, 1))
    assert one.value == other.value
    assert one.se == pytest.approx(other.se, rel=0.05)
    assert one.se != other.se


def test_a_file_divides_as_its_protocol_does_and_the_metric_as_ever(sets):
    real, _ = sets
    over_n = of_features(real, made=made("stylegan3"))
    np.testing.assert_allclose(over_n.sigma, np.cov(real, rowvar=False, ddof=0), rtol=1e-12)
    np.testing.assert_allclose(of_features(real, made=made("edm")).sigma, np.cov(real, rowvar=False), rtol=1e-12)
    ours = of_features(real).moments()
    assert distance(over_n.moments(), ours) == pytest.approx(0, abs=1e-9)
    assert distance(of_features(real).moments(), moments_of_covariance(0, over_n.mu, over_n.sigma)) > 1e-8


def test_a_file_of_a_published_name_is_of_its_protocol_and_refused_under_another(sets, tmp_path):
    path = tmp_path / "VIRTUAL_imagenet256_labeled.npz"
    write(path, of_features(sets[0]))
    held = read(path)
    assert admitted(path, held, protocol=None, assumed=None).name == "adm"
    assert admitted(path, held, protocol="adm", assumed=None).name == "adm"
    for given in ({"protocol": "clean", "assumed": None}, {"protocol": None, "assumed": "pytorch-fid"}):
        with pytest.raises(UsageError, match=r"protocol adm .*jul-2021/ref_batches.* cannot be the reference for"):
            admitted(path, held, **given)
    other = tmp_path / "mine.npz"
    path.rename(other)
    with pytest.raises(UsageError, match="does not say how its statistics were made"):
        admitted(other, held, protocol=None, assumed=None)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("cifar10-32x32.npz", "edm"),
        ("fid_stats_cifar10_train.npz", "ttur"),
        ("adm_in256_stats.npz", "torch-fidelity"),
        ("lsun_church_clean_trainfull_256.npz", "clean"),
        ("ffhq_legacy_tensorflow_trainval_1024.npz", "clean-legacy-tensorflow"),
        ("ffhq_clean_clip_vit_b_32_trainval_1024.npz", None),
        ("stats.npz", None),
    ],
)
def test_names_of_published_statistics_are_known(name, protocol, tmp_path):
    found = of_file(tmp_path / name)
    assert (found and found.protocol) == protocol


def test_a_published_digest_that_a_file_does_not_have_refuses_it(sets, tmp_path, monkeypatch):
    path = tmp_path / "cifar10-32x32.npz"
    write(path, of_features(sets[0]))
    entry = of_file(path)
    monkeypatch.setattr(registered, "published", lambda: {"one": entry.model_copy(update={"sha256": "0" * 64})})
    with pytest.raises(UsageError, match="whose SHA-256 is 0000"):
        of_file(path)
