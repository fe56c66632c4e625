"""`harness parity`: the peers' own programs and ours on a user's folders."""

import json

import numpy as np
import pytest
import scipy.linalg
from click.testing import CliRunner
from scipy.sparse.linalg import eigs

from harness.cli.main import main
from harness.studies.parity.programs import Told, reason
from harness.studies.parity.result import Parity, Quantity, Side
from harness.studies.parity.words import answer, markdown, remarks
from tests.peers.parity import Files
from tests.support.noise_folders import noise

N = 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    files = Files(tmp_path_factory.mktemp("parity") / "images", (40, 40), ".png", False, n=N).write()
    return [str(files.folder("real")), str(files.folder("fake"))]


def parity(*arguments):
    return CliRunner().invoke(main, ["parity", *arguments])


def test_a_peer_and_ours_agree_on_the_users_folders(folders, tmp_path, monkeypatch):
    """The root of the peer's product, of rank N - 1, is found by ARPACK: scipy's own takes a minute.

    docs/parity.md has all four; `tests/peers` runs their code.
    """

    def eigenvalues(product):
        return eigs(np.asarray(product), k=N - 1, v0=np.ones(len(product)), return_eigenvectors=False).real.clip(0)

    def root(product, disp=True):
        found = np.zeros_like(product)
        np.fill_diagonal(found[: N - 1, : N - 1], np.sqrt(eigenvalues(product)))  # of the root's trace, which is read
        return found if disp else (found, 0.0)

    monkeypatch.setattr(scipy.linalg, "sqrtm", root)
    found = parity(*folders, "--random-weights", "--peers", "clean-fid", "--json", str(tmp_path / "told.json"))
    assert found.exit_code == 0, found.output
    assert "random weights: not a measure of quality" in found.stdout
    assert found.stdout.startswith("Our numbers agree with clean-fid to rounding.")
    assert max(map(len, found.stdout.partition("\n- ")[0].split("\n"))) <= 80
    told = json.loads((tmp_path / "told.json").read_text())
    assert [side["peer"] for side in told["sides"]] == ["clean-fid"]
    assert all(side["read"] == [N, N] and side["features"] < 1e-5 for side in told["sides"])
    assert {name for side in told["sides"] for name in side["quantities"]} == {"FID", "KID"}


def test_weights_that_are_not_here_are_named_with_their_place(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "weights"))
    found = parity(*folders, "--peers", "clean-fid, pytorch-fid")
    assert found.exit_code == 2
    assert f"at {tmp_path}/weights/inception-2015-12-05.pt" in found.stdout
    assert f"at {tmp_path}/weights/pt_inception-2015-12-05-6726825d.pth" in found.stdout
    assert "|" not in found.stdout


def test_a_peer_that_is_none_and_what_is_no_folder_are_mistakes(folders, tmp_path):
    assert "clean-fid" in parity(*folders, "--peers", "cleanfid").stderr
    (tmp_path / "a.npz").write_bytes(b"")
    assert "is not a folder" in parity(str(tmp_path / "a.npz"), folders[1]).stderr
    assert "at least 8" in parity(str(noise(tmp_path / "few", 5)), folders[1]).stderr
    assert "hold 8 and 8 images" in parity(*folders, "--n", "9").stderr


def side(**changed):
    given = {
        "peer": "clean-fid",
        "version": "0.1.35",
        "protocol": "clean",
        "n_real": 9,
        "n_fake": 9,
        "read": (9, 9),
        "features": 1e-7,
        "quantities": {"FID": Quantity(2.0, 2.0 + 1e-8, 1e-6)},
        "seconds_theirs": 1.0,
        "seconds_ours": 1.0,
        "singular": False,
    }
    return Side(**{**given, **changed})


def test_what_rounding_does_not_explain_differs():
    assert side().agrees
    assert not side(features=2e-5).agrees
    assert not side(features=None, read=(8, 9)).agrees
    assert not side(quantities={"FID": Quantity(2.0, float("nan"), 1e-6)}).agrees
    assert not side(quantities={"FID": Quantity(2.0, 2.1, 1e-6)}).agrees


def test_what_a_peer_fails_at_costs_none_of_the_rest_and_is_said_in_a_line(monkeypatch):
    """scipy 1.18 took `disp` from sqrtm, and pytorch-fid and clean-fid still ask for it."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    def without_disp(product):
        return product

    monkeypatch.setattr(scipy.linalg, "sqrtm", without_disp)
    mean, covariance = np.zeros(3), np.eye(3)
    told = Told.of(
        np.zeros((9, 3)),
        np.zeros((9, 3)),
        FID=lambda: calculate_frechet_distance(mean, covariance, mean, covariance),
        KID=lambda: 0.25,
    )
    assert told.values == {"KID": 0.25}
    assert "unexpected keyword argument 'disp'" in told.failed["FID"]
    assert told.failed["FID"].endswith("has no sqrtm(disp=), which it calls; pip install 'scipy<1.18')")
    found = side(quantities={"FID": Quantity(None, 2.0, 1e-6), "KID": Quantity(0.25, 0.25, 1e-6)}, failed=told.failed)
    assert found.agrees
    whole = Parity("r", "f", "cpu", 1, False, (found,))
    said = "agree with clean-fid to rounding. Not compared, because their own code failed: FID of clean-fid."
    assert answer(whole) == f"Our numbers {said}"
    assert "| FID |  | 2 |  |  |  |  | theirs failed |" in markdown(whole)
    [line] = [line for line in remarks(whole) if "failed" in line]
    assert line == f"clean-fid 0.1.35: its FID failed: {told.failed['FID']}"
    assert json.loads(json.dumps(whole.to_json()))["sides"][0]["quantities"]["FID"]["agrees"] is None


def test_a_peers_long_error_is_told_by_its_first_line():
    assert reason(RuntimeError("size mismatch:\n  layer 1\n  layer 2")) == "RuntimeError: size mismatch:"
    assert reason(AssertionError()) == "AssertionError"


def test_a_value_that_is_no_number_is_shown_and_differs():
    whole = Parity("r", "f", "cpu", 1, False, (side(quantities={"FID": Quantity(float("nan"), 2.0, 1e-6)}),))
    assert "| FID | nan | 2 | +nan | 1.0e-06 |  |  | **differs** |" in markdown(whole)


def test_a_table_shows_as_many_digits_as_tell_two_values_apart():
    one = Parity("r", "f", "cpu", 1, False, (side(quantities={"FID": Quantity(2.0, 2.0 + 1e-7, 1e-6)}),))
    assert "| 2 | 2.0000001 | +1.0e-07 |" in markdown(one)
