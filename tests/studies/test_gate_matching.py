"""Which generator of a run the gate holds against which of its baseline."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.studies.gate.matching import Match, matched
from harness.studies.gate.result import Gated
from harness.studies.gate.words import text
from harness.studies.scored import Scored


def run_of(out, **generators):
    """A finished run of folders: name → (path, content digest)."""
    found = Scored(Path(out), {}, "e", {})
    found.__dict__["lock"] = {
        "benchmark": {
            "generators": {
                name: {"name": name, "use": "folder", "parameters": {"path": path}}
                for name, (path, _) in generators.items()
            }
        },
        "components": {
            "generators": {
                name: {"use": "folder", "parameters": {"path": content}, "source": {"x.py": out}}
                for name, (_, content) in generators.items()
            }
        },
    }
    return found


def pairs(run, baseline):
    scored = list(baseline.lock["benchmark"]["generators"])
    return matched(run, baseline, scored, run.lock["benchmark"]["generators"])


def test_the_next_checkpoint_under_the_same_name_is_said_to_be_another_path():
    before, after = run_of("day0", samples=("ck_1000/samples", "a")), run_of("day1", samples=("ck_2000/samples", "b"))
    (pair,) = pairs(after, before)
    assert (pair.after, pair.before) == ("samples", "samples")
    assert pair.changed == ("path ck_2000/samples here, ck_1000/samples in the baseline",)
    told = text(Gated(Path("day1"), Path("day0"), 0.95, (), others=(pair,)))
    assert "note  samples: path ck_2000/samples here, ck_1000/samples in the baseline" in told


def test_names_made_from_paths_do_not_exchange_two_generators():
    before = run_of("day0", samples=("ck_1000/samples", "a"))
    after = run_of("day1", samples=("ck_2000/samples", "b"), **{"samples-2": ("ck_1000/samples", "a")})
    (pair,) = pairs(after, before)
    assert pair == Match("samples-2", "samples")
    assert "note  samples-2: is samples of day0" in text(Gated(Path("day1"), Path("day0"), 0.95, (), others=(pair,)))
    # The same path with other images in it is still what was declared there.
    after = run_of("day1", samples=("ck_2000/samples", "b"), **{"samples-2": ("ck_1000/samples", "c")})
    assert pairs(after, before) == (Match("samples-2", "samples"),)


def test_the_same_images_at_another_path_are_the_same_generator_with_a_changed_path():
    before, after = run_of("day0", one=("old", "a")), run_of("day1", two=("new", "a"))
    assert pairs(after, before) == (Match("two", "one", ("path new here, old in the baseline",)),)


def test_what_has_its_own_name_keeps_it_and_two_draws_of_one_generator_are_not_crossed():
    before = run_of("day0", one=("x", "a"), two=("x", "a"))
    after = run_of("day1", two=("x", "a"), one=("x", "a"))
    assert pairs(after, before) == (Match("one", "one"), Match("two", "two"))


def test_a_generator_that_is_not_there_by_any_sign_is_refused():
    with pytest.raises(UsageError, match="day1 lacks gone, which day0 has"):
        pairs(run_of("day1", one=("x", "a")), run_of("day0", one=("x", "a"), gone=("y", "b")))
