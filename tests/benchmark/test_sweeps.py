"""A swept entry stands for its cells: readable names, the values on the axes, and every mistake with its place."""

from __future__ import annotations

import pytest

from tests.benchmark.test_model import GOOD, Written, written  # noqa: F401 - a fixture

SWEPT = GOOD + "sweep:\n  generators:\n    kde: {bandwidth: [0.1, 0.2]}\n"
OWN = GOOD.replace("  kde: {}\n", "  walk: {use: 'mine:Walk', width: 3}\n  kde: {}\n")
WALK = (
    "class Walk:\n    def __init__(self, *, steps, sampler='a', width=1): ...\n    def fit(self, images, labels): ...\n"
)


@pytest.fixture
def walking(written: Written) -> Written:  # noqa: F811
    (written.folder / "mine.py").write_text(WALK)
    return written


def own(axes: str) -> str:
    return f"{OWN}sweep: {{generators: {{walk: {axes}}}}}\n"


def test_an_entry_becomes_its_cells_in_its_place(walking):
    loaded = walking.load(own("{steps: [1, 20], sampler: [ddim, dpm++]}"))
    assert list(loaded.generators) == ["walk-ddim-1", "walk-dpmpp-1", "walk-ddim-20", "walk-dpmpp-20", "kde"]
    cell = loaded.generators["walk-dpmpp-20"]
    assert cell.parameters == {"width": 3, "steps": 20, "sampler": "dpm++"}
    assert cell.swept.entry == "walk"
    assert cell.swept.axes == {"steps": 20, "sampler": "dpm++"}
    assert cell.trained
    assert loaded.generators["kde"].swept is None


def test_two_axes_of_numbers_are_named(walking):
    loaded = walking.load(own("{steps: [1], width: [2, 0.5]}").replace(", width: 3", ""))
    assert [name for name in loaded.generators if name != "kde"] == ["walk-steps1-width2", "walk-steps1-width0.5"]


def test_an_unswept_benchmark_resolves_as_it_did(written):  # noqa: F811
    assert "sweep" not in written.load(GOOD).resolved()
    assert "swept" not in written.load(GOOD).resolved()["generators"]["kde"]
    swept = written.load(SWEPT).resolved()
    assert swept["generators"]["kde-0.1"]["swept"] == {"entry": "kde", "axes": {"bandwidth": 0.1}}


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("{bandwidth: [0.1, -1, 0.3]}", "bench.yaml:18:28: generators.kde--1.bandwidth: found -1"),
        ("{bandwith: [0.1, 0.2]}", "bench.yaml:18:11: generators.kde-0.1.bandwith: unknown key; did you mean"),
        ("{bandwidth: 0.1}", "bench.yaml:18:22: sweep.generators.kde.bandwidth: found 0.1; expected a list of values"),
        ("{bandwidth: []}", "sweep.generators.kde.bandwidth: found an empty list; expected a list of values"),
        ("{bandwidth: [0.1, 0.1]}", "bench.yaml:18:28: sweep.generators.kde.bandwidth.1: found 0.1 twice"),
        (
            "{bandwidth: [[1]]}",
            "bench.yaml:18:23: sweep.generators.kde.bandwidth.0: found a list; expected a number, text",
        ),
        ("{}", "sweep.generators.kde: found an empty mapping; expected parameters"),
        ("{bandwidth: [a+, ap]}", "sweep.generators.kde: two cells would both be called kde-ap"),
        ("{use: [kde, vae]}", "bench.yaml:18:11: sweep.generators.kde.use: is not a parameter"),
    ],
)
def test_a_mistake_in_an_axis_has_its_place(written, axes, expected):  # noqa: F811
    problems = written.problems(SWEPT.replace("{bandwidth: [0.1, 0.2]}", axes))
    assert expected in problems[0]


def test_a_mistake_in_the_entry_is_said_once_and_not_for_every_cell(written):  # noqa: F811
    [problem] = written.problems(SWEPT.replace("  kde: {}", "  kde: {wide: 1}"))
    assert problem.startswith("bench.yaml:10:9: generators.kde-0.1.wide: unknown key")


def test_what_an_entry_gives_already_cannot_be_swept(written):  # noqa: F811
    [problem] = written.problems(SWEPT.replace("  kde: {}", "  kde: {bandwidth: 1}"))
    assert problem.startswith("bench.yaml:18:11: sweep.generators.kde.bandwidth: generators.kde also sets bandwidth")


def test_a_sweep_of_no_generator_and_a_name_taken_twice(written):  # noqa: F811
    [problem] = written.problems(SWEPT.replace("    kde: {b", "    kd: {b"))
    assert problem.startswith("bench.yaml:18:5: sweep.generators.kd: no generator 'kd' in this benchmark; did you mean")
    [problem] = written.problems(SWEPT.replace("  kde: {}", "  kde: {}\n  kde-0.1: {use: ppca}"))
    assert "its cell 'kde-0.1' has the name of another generator" in problem


def test_sizes_are_smaller_than_the_sets(written):  # noqa: F811
    assert written.load(GOOD + "sweep: {n_fake: [20, 50]}\n").sweep.n_fake == (20, 50)
    [problem] = written.problems(GOOD + "sweep: {n_fake: [20, 100]}\n")
    assert problem.startswith("bench.yaml:16:22: sweep.n_fake.1: found 100; less than n_fake, 100, is needed")
    [problem] = written.problems(GOOD + "sweep: {n_fake: [20, 4]}\n")
    assert "sweep.n_fake.1: found 4; must be at least 8" in problem
    [problem] = written.problems(GOOD + "sweep: {steps: [20, 4]}\n")
    assert "sweep.steps: unknown key" in problem
