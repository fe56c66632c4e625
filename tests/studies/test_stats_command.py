"""`harness stats`: from images to a peer's file and back to a distance, through the command as a user calls it."""

import re

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

HERE = ("--protocol", "clean", "--random-weights")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of digits, and the statistics of the real ones under `clean` with random weights."""
    from harness.images.datasets.digits import Digits
    from tests.conftest import Small

    small = Small(tmp_path_factory.mktemp("stats"))
    for name, split, n in (("real", "reference", 24), ("fake", "holdout", 20)):
        folder = small.folder / name
        folder.mkdir()
        for i, image in enumerate(Digits().load(split).images[:n]):
            Image.fromarray(image[..., 0]).save(folder / f"{i:03d}.png")
    outcome = small.harness("stats", "make", "real", *HERE, "--format", "clean-fid", "--out", "ref.npz")
    assert outcome.returncode == 0, outcome.stderr
    assert "mode='clean', dataset_split='custom'" in outcome.stdout
    return small


def test_show_says_what_made_the_file(made):
    shown = made.harness("stats", "show", "ref.npz")
    assert shown.returncode == 0, shown.stderr
    assert "24 images, 2048 features" in shown.stdout
    assert "protocol   clean, version 1, digest " in shown.stdout
    assert "random weights: not a measure of quality" in shown.stdout


def test_the_distance_to_stored_statistics_is_that_of_the_two_folders(made):
    outcome = made.harness("stats", "fd", "ref.npz", "fake")
    assert outcome.returncode == 0, outcome.stderr
    assert "under clean\n" in outcome.stdout
    assert "n_real = 24, n_fake = 20: FD falls as n grows" in outcome.stdout
    assert "fixed reference" in outcome.stdout
    fresh = ("--protocol", "clean", "--random-weights", "--out", "scored")
    assert made.harness("score", "real", "fake", *fresh).returncode == 0
    from harness.base.record import read_records

    records = read_records(made.folder / "scored/records.jsonl")
    (fixed,) = (
        r.estimate for r in records if r.metric == "fd" and r.level == "cell" and r.estimate.reference == "fixed"
    )
    assert fixed.n_real == 24
    value = float(outcome.stdout.split()[1])
    assert value == pytest.approx(fixed.value, abs=0.1 * (fixed.high - fixed.low))


def test_another_protocol_is_exit_code_2_with_every_differing_fact(made):
    outcome = made.harness("stats", "fd", "ref.npz", "fake", "--protocol", "ttur")
    assert outcome.returncode == 2
    assert "made under protocol clean (version 1), so it cannot be the reference for ttur" in outcome.stderr
    assert "resize.half_pixel_centres: true in the file, false asked for" in outcome.stderr


def test_a_peers_file_is_refused_until_a_protocol_is_assumed_and_then_the_output_says_so(made):
    with np.load(made.folder / "ref.npz") as held:
        np.savez(made.folder / "peer.npz", mu=held["mu"], sigma=held["sigma"])
    refused = made.harness("stats", "fd", "peer.npz", "fake", "--protocol", "clean")
    assert refused.returncode == 2
    assert "does not say how its statistics were made" in refused.stderr
    taken = made.harness("stats", "fd", "peer.npz", "fake", "--assume-protocol", "clean", "--random-weights")
    assert taken.returncode == 0, taken.stderr
    assert "assumed" in taken.stdout
    assert "n_real = unknown" in taken.stdout
    assert "assumed" not in made.harness("stats", "fd", "ref.npz", "fake").stdout


def test_a_peers_file_can_be_compared_with_ours_once_its_protocol_is_assumed(made):
    with np.load(made.folder / "ref.npz") as held:
        np.savez(made.folder / "theirs.npz", mu=held["mu"] + 1, sigma=held["sigma"])
    assert made.harness("stats", "fd", "ref.npz", "theirs.npz").returncode == 2
    for one, other in (("ref.npz", "theirs.npz"), ("theirs.npz", "ref.npz")):
        taken = made.harness("stats", "fd", one, other, "--assume-protocol", "clean")
        assert taken.returncode == 0, taken.stderr
        assert "FD 2048" in taken.stdout
        assert "assumed: theirs.npz has protocol clean" in taken.stdout
    wrong = made.harness("stats", "fd", "ref.npz", "theirs.npz", "--assume-protocol", "ttur")
    assert wrong.returncode == 2
    assert "disagree" in wrong.stderr


def test_a_file_of_other_weights_is_refused_before_the_images_are_encoded(made):
    with np.load(made.folder / "ref.npz") as held:
        arrays = dict(held)
    arrays["harness"] = np.array(str(arrays["harness"]).replace('"use":', '"weights":"0","use":'))
    np.savez(made.folder / "old.npz", **arrays)
    refused = made.harness("stats", "fd", "old.npz", "fake", "--store", "empty")
    assert refused.returncode == 2
    assert "old.npz was made with another encoder: weights: 0 there" in refused.stderr
    assert not list((made.folder / "empty").glob("features/*"))


def test_two_files_have_a_distance_without_an_interval(made):
    outcome = made.harness("stats", "fd", "ref.npz", "ref.npz")
    assert outcome.returncode == 0, outcome.stderr
    assert "FD 0 under clean" in outcome.stdout
    assert "no interval" in outcome.stdout


def test_clean_fid_itself_reads_both_files(made, tmp_path, monkeypatch):
    import cleanfid
    from cleanfid.features import get_reference_statistics

    (tmp_path / "stats").mkdir()
    for ours, theirs in (("ref.npz", "mine_clean_custom_na.npz"), ("ref_kid.npz", "mine_clean_custom_na_kid.npz")):
        (tmp_path / "stats" / theirs).write_bytes((made.folder / ours).read_bytes())
    monkeypatch.setattr(cleanfid, "__file__", str(tmp_path / "__init__.py"))
    mu, sigma = get_reference_statistics("mine", "na", mode="clean", split="custom", metric="FID")
    feats = get_reference_statistics("mine", "na", mode="clean", split="custom", metric="KID")
    assert feats.shape == (24, 2048)
    assert np.allclose(mu, feats.mean(0, dtype=np.float64), rtol=1e-12)
    assert np.allclose(np.diag(sigma), feats.astype(np.float64).var(0, ddof=1), rtol=1e-9)


def test_adms_file_holds_what_its_evaluator_asks_for(made):
    arguments = ("--protocol", "adm", "--random-weights", "--format", "adm", "--out", "adm.npz")
    outcome = made.harness("stats", "make", "real", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    with np.load(made.folder / "adm.npz") as held:
        shapes = {name: held[name].shape for name in ("mu", "sigma", "mu_s", "sigma_s", "arr_0")}
        assert held["arr_0"].dtype == np.uint8
    assert shapes == {
        "mu": (2048,),
        "sigma": (2048, 2048),
        "mu_s": (2023,),
        "sigma_s": (2023, 2023),
        "arr_0": (24, 8, 8, 3),
    }
    other = made.harness("stats", "fd", "adm.npz", "ref.npz")
    assert other.returncode == 2
    assert "cannot be the reference for adm" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("make", "real", "--protocol", "clean", "--out", "x.npz"), "weights inception-2015-12-05.pt not found"),
        (("make", "real", "--protocol", "prdc", "--out", "x.npz"), "protocol prdc cannot be run"),
        (("make", "real", "--protocol", "cleen", "--out", "x.npz"), "did you mean 'clean'"),
        (("make", "nowhere", *HERE, "--out", "x.npz"), "nowhere: does not exist"),
        (("make", "real", *HERE, "--out", "x.pkl"), "must end in .npz"),
        (("make", "real", *HERE, "--format", "edm", "--out", "x.npz"), "edm uses edm, not clean"),
        (("fd", "nowhere.npz", "fake"), "nowhere.npz: does not exist"),
        (("fd", "real", "fake"), "real: is a folder; statistics are an npz"),
        (("fd", "ref.npz", "fake", "--assume-protocol", "clean"), "states how it was made"),
    ],
)
def test_what_cannot_be_done_costs_one_sentence(made, arguments, words):
    outcome = made.harness("stats", *arguments)
    assert outcome.returncode == 2
    assert words in outcome.stderr
    assert not (made.folder / "x.npz").exists()


def test_the_help_names_a_command_that_is_there_and_every_kind_of_file():
    from click.testing import CliRunner

    from harness.benchmark.given import suffixes
    from harness.cli.main import main
    from harness.cli.stats import stats

    told = {
        name: " ".join(CliRunner().invoke(main, ["stats", name, "--help"]).output.split()) for name in ("fd", "make")
    }
    assert "`stats make`" in told["fd"]
    assert all(word in stats.commands for word in re.findall(r"`stats (\w+)`", told["fd"]))
    assert all(kind in told["make"].lower() for kind in (*suffixes().values(), "folder", "save_to_disk"))
