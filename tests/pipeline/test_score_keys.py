"""A stored score hangs on its own metric's sources and on no other metric's."""

import shutil

import pytest

from harness.benchmark import registry
from harness.metrics.table import METRICS
from harness.pipeline import plan

ROW = """
METRICS += (MetricFacts(name="new", target="harness.metrics.new:new", summary="a new one", better="lower"),)
"""
NEIGHBOURS = ("precision", "recall", "density", "coverage", "authenticity")


def keys() -> dict[str, tuple[str, ...]]:
    """What of the harness's sources stands in the key of each metric's scores."""
    found = {}
    for row in METRICS:
        modules = [target.partition(":")[0] for target in row.targets]
        statistics = plan.statistics.__wrapped__("harness.metrics.analyses", modules[1])
        found[row.name] = (statistics, registry.source_digest(modules))
    return found


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the harness that its own digests are made from."""
    copy = tmp_path / "harness"
    shutil.copytree(registry.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    monkeypatch.setattr(registry, "PACKAGE", copy)
    return copy


def append(file, text):
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_new_metric_leaves_all_stored_scores_alone(package):
    before = keys()
    (package / "metrics" / "new.py").write_text("def new(real, fake):\n    return 0.0\n")
    append(package / "metrics" / "table.py", ROW)
    door = package / "metrics" / "__init__.py"
    door.write_text(
        door.read_text().replace("if TYPE_CHECKING:\n", "if TYPE_CHECKING:\n    from harness.metrics.new import new\n")
    )
    assert keys() == before


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        ("metrics/frechet/influence.py", {"fd", "sfid", "fd_infinity"}),
        ("metrics/kernel/sums.py", {"kd", "kid_subsets", "cmmd", "mmd"}),
        ("metrics/manifold/intervals.py", {*NEIGHBOURS, "f_score", "sym_precision", "sym_recall"}),
        ("metrics/diversity.py", {"inception_score", "is_infinity", "vendi"}),
        ("metrics/analyses.py", {row.name for row in METRICS}),
        ("uncertainty/sampling_units.py", {row.name for row in METRICS}),
        ("uncertainty/ranks.py", set()),
        ("uncertainty/intervals.py", set()),  # made of stored scores, at any level
    ],
)
def test_an_edit_makes_those_scores_anew_that_hang_on_it(package, file, stale):
    before = keys()
    append(package / file, "\nEDITED = True\n")
    after = keys()
    assert {name for name in before if before[name] != after[name]} == stale
