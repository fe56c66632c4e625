"""Sets of metrics in a benchmark: written out, mixed, fitted to its encoders and sizes, and said."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.base.errors import UsageError
from harness.benchmark import load
from harness.benchmark.metric_sets import SETS
from harness.cli.main import main
from harness.metrics.table import METRICS

ROOT = Path(__file__).resolve().parents[2]
DIGITS = (ROOT / "benchmarks" / "digits.yaml").read_text(encoding="utf-8")
BEFORE, REST = DIGITS.split("metrics:\n", 1)
AFTER = "interval:" + REST.split("interval:", 1)[1]


def declared(tmp_path, metrics):
    (tmp_path / "datasets.yaml").write_text((ROOT / "datasets.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(f"{BEFORE}metrics: {metrics}\n{AFTER}", encoding="utf-8")
    return path


@pytest.mark.parametrize("metrics", ["core", "[core]", "{core: {}}", "{core: }"])
def test_a_set_is_what_it_would_be_written_out(tmp_path, metrics):
    found = load(declared(tmp_path, metrics))
    written = load(ROOT / "benchmarks" / "digits.yaml")
    assert found.resolved() == written.resolved()


def test_sets_and_single_metrics_mix_and_what_is_written_takes_the_place_of_a_sets(tmp_path):
    found = load(declared(tmp_path, "{dgm-eval: {}, recall: {k: 3}, mind: {directions: 50}}")).metrics
    assert found["precision"].parameters == {"k": 5, "closed": False}
    assert found["recall"].parameters["k"] == 3
    assert found["mind"].parameters["directions"] == 50


def test_all_leaves_out_only_what_cannot_be_and_says_why(tmp_path):
    path = declared(tmp_path, "all")
    found = load(path)
    assert set(found.metrics) | set(found.left_out) == {row.name for row in METRICS}
    assert set(found.left_out) == {"sfid", "kid_subsets", "inception_score", "is_infinity"}
    said = CliRunner().invoke(main, ["check", str(path)]).output
    assert "metric sfid: left out of all: it needs layer sfid" in said


def test_the_name_of_a_set_does_not_vouch_for_the_features_of_an_encoder_of_ones_own(tmp_path):
    (tmp_path / "own_features.py").write_text("class Own:\n    dim = 84\n\n    def encode(self, images): ...\n")
    own = "encoders:\n  own: {use: 'own_features:Own'}\n"
    for metrics, there in (("all", False), ("{all: {}, sfid: {}}", True)):
        path = declared(tmp_path, metrics)
        text = path.read_text()
        first, rest = text[: text.index("encoders:")], text[text.index("generators:") :]
        path.write_text((first + own + rest).replace("encoder: digits_convnet", "encoder: own"))
        found = load(path)
        assert ("sfid" in found.metrics) is there
        assert ("sfid" in found.left_out) is not there


def test_a_metric_named_by_itself_is_not_left_out_and_a_set_has_no_parameters(tmp_path):
    with pytest.raises(UsageError, match="sfid reads layer sfid"):
        load(declared(tmp_path, "[core, sfid]"))
    with pytest.raises(UsageError, match="the set core takes no parameters"):
        load(declared(tmp_path, "{core: {k: 3}}"))
    with pytest.raises(UsageError, match="no metric 'cor'"):
        load(declared(tmp_path, "[cor, fd]"))


def test_every_metric_of_a_set_is_a_metric():
    names = {row.name for row in METRICS}
    assert all(set(entries) <= names for entries in SETS.values())


def test_metrics_of_memorisation_need_a_training_split_apart_from_the_reference(tmp_path):
    path = declared(tmp_path, "[core, memorisation]")
    assert {"c_t", "fld", "fls", "fls_overfit"} <= set(load(path).metrics)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("training_split: train ", "training_split: reference "), encoding="utf-8")
    found = load(path)
    assert "`reference_split` is the training split here" in found.left_out["fld"]
    assert "authenticity" in found.metrics
    path = declared(tmp_path, "[core, c_t]")
    text = path.read_text(encoding="utf-8").replace("training_split: train ", "training_split: reference ")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        UsageError, match="c_t compares generated images with training images and with held-out real ones"
    ):
        load(path)


@pytest.mark.parametrize("metrics", ["text-to-image", "[core, clip_score]", "{fd: {}, pickscore: {}}"])
def test_a_judge_of_single_images_is_sent_to_its_command(tmp_path, metrics):
    with pytest.raises(UsageError, match=r"scores single images with their prompts.*`harness judge IMAGES --by"):
        load(declared(tmp_path, metrics))


def test_of_a_set_metrics_are_left_out_whose_values_take_more_images(tmp_path):
    path = declared(tmp_path, "all")
    path.write_text(path.read_text(encoding="utf-8").replace("n_fake:", "n_fake: 120  #"), encoding="utf-8")
    kept = load(path).metrics
    assert "prd_f8" in kept
    assert {"topp", "topr"} & set(kept) == set()
