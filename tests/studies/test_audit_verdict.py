"""An audit's headline claims no more than its intervals: which settings move a metric, and how many flips."""

import pytest

from harness.studies.audit.result import Audited, Change, Flip
from harness.studies.audit.words import brief


def change(variant, generator, by, half):
    low, high = (None, None) if half is None else (by - half, by + half)
    return Change("pixels", generator, "fd", variant, 2.0, 2.0 + by, low, high)


def audited(*changes, flips=()):
    return Audited("b", "fd", 0.95, ("pixels",), changes, flips, (), (printed(),), ())


def printed():
    from harness.studies.audit.result import Printed

    return Printed("pixels", "pinned", "a", 2.0, 1.9, 2.1, 1, False, False)


def headline(found):
    return brief(found, "pixels", {}).splitlines()[0]


def test_a_setting_whose_intervals_all_hold_0_is_named_as_not_shown_and_one_that_moves_with_its_share():
    found = audited(
        *(change("jpeg: 50", g, -0.2, 0.02) for g in "abc"), *(change("n_fake: 400", g, 0.2, 0.3) for g in "abc")
    )
    assert found.knobs("pixels") == [("jpeg", pytest.approx(0.1))]
    assert "jpeg by 10%. No change of fd by n_fake is shown beyond noise." in headline(found)


def test_one_of_many_changes_that_alone_would_pass_for_one_is_not_shown():
    """Just beyond its own interval: shown where it is the only one, not where twenty are looked at (Holm)."""
    alone = [change("n_fake: 400", "a", 0.11, 0.1)]
    many = [change("n_fake: 400", f"g{i}", 0.01, 0.1) for i in range(19)]
    assert dict(audited(*alone).knobs("pixels")) == {"n_fake": pytest.approx(0.055)}
    assert audited(*alone, *many).knobs("pixels") == []
    assert audited(*alone, *many).unshown("pixels") == ["n_fake"]


def test_a_setting_counts_by_its_variants_that_are_shown():
    found = audited(change("jpeg: 90", "a", -0.02, 0.002), change("jpeg: 50", "a", -0.9, 1.0))
    assert found.knobs("pixels") == [("jpeg", pytest.approx(0.01))]


def test_a_change_of_the_last_bits_and_one_without_an_interval_are_not_shown():
    bits = audited(change("batch size: 1", "a", 1e-7, 1e-9))
    assert bits.unshown("pixels") == ["batch size"]
    unknown = audited(change("jpeg: 50", "a", -0.2, None))
    assert unknown.knobs("pixels") == []
    assert "How far noise moves a change of fd is not known" in headline(unknown)


def test_flips_are_counted_by_variant_and_sure_pairs_once():
    ways = [Flip("pixels", f"jpeg: {q}", "a", "b", False) for q in (90, 80, 70, 60, 50)]
    told = headline(audited(change("jpeg: 50", "a", -0.2, 0.02), flips=tuple(ways)))
    assert "5 flips of a pair under a variant are within noise." in told
    sure = [Flip("pixels", f"jpeg: {q}", "a", "b", True) for q in (90, 80)]
    told = headline(audited(change("jpeg: 50", "a", -0.2, 0.02), flips=tuple(sure)))
    assert "the order of 1 pair flips beyond noise: a and b under jpeg: 90; a and b under jpeg: 80." in told
