"""A note on few images for many columns says whose they are, and counts distinct ones."""

import numpy as np

from harness.metrics.analyses import analyse
from harness.pipeline.groups import Groups, marked
from harness.pipeline.notes import bias_notes
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.design import Design
from harness.uncertainty.intervals import interval
from harness.uncertainty.seeds import SeedMember


def analysed(real, fake, metric="fd", **design):
    call = {metric: MetricCall(metric)}
    return analyse(call, real, fake, real_seed=1, fake_seed=2, replicates=50, **design)[metric]


def notes(analysis):
    return bias_notes({"pixels": {"fd": {"gan": [SeedMember(None, 0, analysis)]}}})


def repeating(rng, n, d, distinct):
    """`n` rows of which one picture makes up most: few in effect, many distinct."""
    rows = rng.standard_normal((n, d))
    rows[distinct:] = rows[0]
    return rows


def test_a_set_that_repeats_one_picture_is_not_called_too_small_for_its_distinct_ones():
    rng = np.random.default_rng(0)
    analysis = analysed(rng.standard_normal((400, 6)), repeating(rng, 400, 6, 60))
    assert analysis.effective_fake < 2 * 6  # what was counted before
    assert analysis.units_fake == 60
    assert notes(analysis) == []


def test_too_few_images_are_told_with_whose_they_are():
    rng = np.random.default_rng(0)
    fake = repeating(rng, 120, 30, 40)
    (note,) = notes(analysed(rng.standard_normal((120, 30)), fake))
    assert note.startswith("fd under pixels uses 40 distinct images of gan (of 120) for 30 features (1.3 per feature)")
    (note,) = notes(analysed(rng.standard_normal((50, 30)), rng.standard_normal((120, 30))))
    assert note.startswith("fd under pixels uses 50 images of the reference for 30 features")


def test_clusters_of_the_reference_widen_what_is_said_of_other_references_and_say_so():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(20), 20)
    real = rng.standard_normal((20, 3))[label] + 0.3 * rng.standard_normal((400, 3))
    fake = rng.standard_normal((300, 3)) + 0.5
    plain, grouped = analysed(real, fake), analysed(real, fake, design_real=Design(clusters=label))
    se = {
        reference: [interval(a, level=0.95, target="T_N", reference=reference).se for a in (plain, grouped)]
        for reference in ("fixed", "random")
    }
    assert se["fixed"][0] == se["fixed"][1]
    assert se["random"][1] > 1.5 * se["random"][0]
    said = marked(grouped, Groups({"clusters": label}), Groups())
    assert said.method.endswith(", by clusters (real)")
    assert said.method_fixed == grouped.method_fixed
