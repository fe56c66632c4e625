"""The human study that the harness ships."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.studies.rerank import build_human as build
from harness.studies.rerank import human
from tests.conftest import SHARED, needs_shared

RAW = ("cifar10", "ffhq256", "imagenet256", "lsun256")
HEADER = "id,model,num_correct,err_rt,f_err_rt,r_err_rt\n"


@needs_shared("human/LICENSE", *(f"human/human_{name}.csv" for name in RAW))
def test_the_shipped_file_is_what_the_raw_answers_give_byte_for_byte():
    assert build.build(SHARED / "human") == build.FILE.read_bytes()


def test_the_means_are_those_of_the_papers_table_11():
    """Stein et al. 2023, table 11 (CIFAR-10), to its three digits."""
    published = {
        "LSGM-ODE": 0.437,
        "PFGMPP": 0.436,
        "iDDPM-DDIM": 0.400,
        "StyleGAN-XL": 0.399,
        "StyleGAN2-ada": 0.393,
        "BigGAN": 0.387,
        "MHGAN": 0.336,
        "ReACGAN": 0.336,
        "LOGAN": 0.206,
        "WGAN-GP": 0.170,
        "ACGAN": 0.148,
        "NVAE": 0.131,
        "RESFLOW": 0.088,
    }
    found = {name: answers.mean for name, answers in human.load("cifar10").items()}
    assert found == pytest.approx(published, abs=0.00051)


def test_forty_one_generators_and_the_summaries_are_those_of_the_answers():
    everyone = [(facts, human.load(name)) for name, facts in human._content()["datasets"].items()]
    assert [len(answers) for _, answers in everyone] == [13, 9, 11, 8]
    for facts, answers in everyone:
        for name, stated in facts.items():
            told = answers[name]
            assert (stated["participants"], stated["mean"], stated["sd"]) == (
                told.participants,
                round(told.mean, 6),
                round(told.sd, 6),
            )
            np.testing.assert_allclose(told.error_rate, (told.fake_error_rate + told.real_error_rate) / 2)
    assert "Copyright (c) 2023 Layer 6 AI" in human._content()["licence"]["text"]


def test_an_unknown_dataset_names_the_known_ones():
    with pytest.raises(UsageError, match=r"no dataset 'cifar' in the human study; did you mean 'cifar10'\? Known: cif"):
        human.load("cifar")


def test_a_raw_file_that_contradicts_itself_makes_no_dataset(tmp_path):
    (tmp_path / "LICENSE").write_text("MIT")
    raw = tmp_path / "human_x.csv"
    raw.write_text(HEADER + "a,G,180,.1,.15,.05\nb,G,180,.1,.1,.1\n")
    assert b'"wrong_of_100_fake": [15,10]' in build.build(tmp_path)
    raw.write_text(HEADER + "a,G,180,.1,.15,.06\n")
    with pytest.raises(UsageError, match=r"human_x.csv:2: 15 \+ 6 wrong answers, but 180 of 200 correct"):
        build.build(tmp_path)
    raw.write_text(HEADER + "a,G,180,.1,.155,.045\n")
    with pytest.raises(UsageError, match="no whole number of 100 images"):
        build.build(tmp_path)
    with pytest.raises(UsageError, match=r"no human_\*.csv"):
        build.build(tmp_path / "absent")
