"""Statistics in features of an encoder of one's own: made, shown, and compared with what the same encoder makes."""

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli.main import main
from harness.metrics.frechet.distance import frechet_distance

ENCODER = """\
import numpy as np


class Means:
    identity = {"name": "row means"}
    dim = 8

    def encode(self, images):
        return images.mean(axis=(2, 3)).astype(np.float32)
"""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_means.py").write_text(ENCODER)
    rng = np.random.default_rng(0)
    for name, high in (("real", 255), ("fake", 200)):
        np.savez(tmp_path / f"{name}.npz", images=rng.integers(0, high, (64, 8, 8, 3), dtype=np.uint8))

    def run(*words):
        found = CliRunner().invoke(main, ["stats", *words, *([] if words[0] == "show" else ["--store", "store"])])
        return found.exit_code, found.output

    return run


def test_statistics_of_ones_own_encoder_are_made_shown_and_compared(ask, tmp_path):
    code, told = ask("make", "real.npz", "--encoder", "own_means:Means", "--out", "held.npz")
    assert code == 0, told
    assert "protocol   none: features of the encoder own_means:Means" in ask("show", "held.npz")[1]
    rows = [np.load(f"{name}.npz")["images"].astype(np.float32).mean(axis=(2, 3)) / 255 for name in ("real", "fake")]
    code, told = ask("fd", "held.npz", "fake.npz", "--details")
    assert code == 0, told
    assert float(told.split("unrounded: ")[1]) == pytest.approx(frechet_distance(*rows), rel=1e-4)
    assert "under own_means:Means" in told
    assert ask("make", "fake.npz", "--encoder", "own_means:Means", "--out", "other.npz")[0] == 0
    of_files = ask("fd", "held.npz", "other.npz")[1]
    assert float(of_files.split()[1]) == pytest.approx(float(told.split("unrounded: ")[1]), rel=1e-5)


def test_another_encoder_and_changed_code_are_refused(ask, tmp_path):
    ask("make", "real.npz", "--encoder", "own_means:Means", "--out", "held.npz")
    ask("make", "fake.npz", "--encoder", "pixels", "--out", "pixels.npz")
    for words, refusal in (
        (("fd", "held.npz", "pixels.npz"), "facts differ"),
        (("fd", "held.npz", "fake.npz", "--protocol", "clean"), "cannot be the reference for clean"),
        (("make", "real.npz", "--out", "x.npz"), "needs --protocol or --encoder"),
        (("make", "real.npz", "--encoder", "pixels", "--format", "adm", "--out", "x.npz"), "adm uses adm"),
    ):
        code, told = ask(*words)
        assert (code, refusal in told) == (2, True), told
    (tmp_path / "own_means.py").write_text(ENCODER.replace("(2, 3)", "(1, 3)"))
    code, told = ask("fd", "held.npz", "fake.npz", "--details")
    assert (code, "made with another encoder: source" in told) == (2, True), told
