"""Printed numbers in words: the textbook's generators, and which to take for what."""

import pytest
from click.testing import CliRunner

from harness.base import UsageError
from harness.cli.main import main
from harness.studies.diagnose import of_values

TEXTBOOK = ["X:fd=3,precision=.9,recall=.4", "Y:fd=5,precision=.7,recall=.65", "Z:fd=20,precision=.35,recall=.8"]


def test_the_textbooks_three_generators_are_told_apart():
    lines = of_values(TEXTBOOK).splitlines()
    assert "faithful and narrow" in lines[0]
    assert "FD 3 is the lowest, though another is ahead in diversity: it mixes both" in lines[0]
    assert "neither is bought with the other" in lines[1]
    assert "diverse and less faithful" in lines[2]
    assert lines[4].startswith("For augmentation take Y")
    assert lines[4].endswith("left out for want of fidelity: Z.")
    assert lines[5].startswith("For one hero image take X")
    assert "No n is given" in lines[-1]


def test_differences_within_the_least_noise_of_n_images_are_no_choice():
    near = ["A:precision=.70,recall=.60,n=200", "B:precision=.75,recall=.55,n=200"]
    told = of_values(near)
    chosen = "For one hero image take B: its single images are the likeliest to be real (precision 0.75); A cannot"
    assert chosen in told
    many = of_values([text.replace("200", "20000") for text in near])
    assert "cannot be told" not in many


def test_what_nothing_is_known_of_is_said():
    told = of_values(["fid=3,density=.9", "fid=4,density=.8"])
    assert "nothing here says anything of its diversity" in told
    assert "For augmentation: no two of them have recall or coverage, which it takes." in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("X:fd=3,precison=.9", "did you mean 'precision'"),
        ("X:precision=90", "precision cannot be 90"),
        ("X:fd", "'fd' is not metric=value"),
        ("X:fd=low", "'low' is not a number"),
        ("X:n=500", "no metric given"),
    ],
)
def test_mistakes_in_values_are_told(text, why):
    with pytest.raises(UsageError, match=why):
        of_values([text])


def test_the_command_takes_a_run_or_values_and_not_both():
    asked = [word for text in TEXTBOOK for word in ("--values", text)]
    assert "For one hero image take X" in CliRunner().invoke(main, ["diagnose", *asked]).output
    refused = CliRunner().invoke(main, ["diagnose"])
    assert refused.exit_code != 0
    assert isinstance(refused.exception, SystemExit)
