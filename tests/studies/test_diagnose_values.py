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
    asked = [word for text in TEXTBOOK for word in ("--values", text)]
    assert "For one hero image take X" in CliRunner().invoke(main, ["diagnose", *asked]).output
    refused = CliRunner().invoke(main, ["diagnose"])
    assert refused.exit_code == 2
    assert "a finished run, OUT, or --values" in refused.output
