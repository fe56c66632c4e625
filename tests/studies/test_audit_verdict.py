"""An audit's headline claims no more than its intervals: which settings move a metric, and how many flips."""

import pytest

from harness.studies.audit.result import Audited, Change, Flip, Shift
from harness.studies.audit.section import finding
from harness.studies.audit.words import brief, markdown


def change(variant, generator, by, half):
    low, high = (None, None) if half is None else (by - half, by + half)
    return Change("pixels", generator, "fd", variant, 2.0, 2.0 + by, low, high)


def audited(*changes, flips=(), shifts=()):
    return Audited("b", "fd", 0.95, ("pixels",), changes, flips, shifts, (printed(),), ())


def printed():
    from harness.studies.audit.result import Printed

    return Printed("pixels", "pinned", "a", 2.0, 1.9, 2.1, 1, False, False)


def table_of(found):
    """The lines of the terminal's list of settings."""
    lines = [line for line in brief(found, "pixels", {}).splitlines() if line.startswith("  ")]
    assert lines[0].split("   ")[0].strip() == "setting"
    return lines[2:]


def headline(found):
    return brief(found, "pixels", {}).splitlines()[0]


def test_a_setting_whose_intervals_all_hold_0_is_named_as_not_shown_and_one_that_moves_with_its_share():
    found = audited(
        *(change("jpeg: 50", g, -0.2, 0.02) for g in "abc"), *(change("n_fake: 400", g, 0.2, 0.3) for g in "abc")
    )
    assert found.knobs("pixels") == [("jpeg", pytest.approx(0.1))]
    assert "as the median over generators: jpeg by 10%." in headline(found)
    assert "No change of fd by n_fake is shown beyond noise." in headline(found)


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
    assert "5 flips of a pair under a variant are within noise: a and b under jpeg: 90; a and b under jpeg: 80;" in told
    sure = [Flip("pixels", f"jpeg: {q}", "a", "b", True) for q in (90, 80)]
    told = headline(audited(change("jpeg: 50", "a", -0.2, 0.02), flips=tuple(sure)))
    assert "the order of 1 pair flips beyond noise: a and b under jpeg: 90; a and b under jpeg: 80." in told


def test_the_figure_of_the_headline_stands_in_every_table_below_it():
    """Two of three fall and one rises: the median of |change| is 16%, the signed one -12%."""
    moved = [change("resize: pillow nearest", g, by, 0.02) for g, by in (("a", -0.32), ("b", -0.24), ("c", 0.5))]
    found = audited(*moved, shifts=(Shift("pixels", "resize: pillow nearest", "resize", 0.1234),))
    assert "as the median over generators: resize by 16%." in headline(found)
    (line,) = table_of(found)
    assert line.split("   ")[:2] == ["  resize: pillow nearest", "16% up or down"]
    assert "| resize: pillow nearest | 0.1234 | 16% up or down |" in markdown(found, "pixels", {})
    (table,) = finding(found, markdown(found, "pixels", {})).tables
    middle = table.columns.index("median over generators")
    assert {row[middle] for row in table.rows} == {"16% up or down"}


def test_the_largest_change_and_the_reference_against_itself_are_on_the_terminal():
    moved = [
        change("jpeg: 50", "a", -0.2, 0.02),
        change("jpeg: 50", "b", 0.7, 0.02),
        change("jpeg: 90", "a", 0.1, 0.02),
    ]
    found = audited(*moved, shifts=(Shift("pixels", "jpeg: 50", "jpeg", 0.1234),))
    assert "The largest change is that of b under jpeg: 50, 2 → 2.7." in headline(found)
    assert [(line.endswith(" 0.123"), "b 2.000 → 2.700" in line) for line in table_of(found)] == [
        (True, True),
        (False, False),
    ]


def test_more_flips_than_a_sentence_holds_are_all_in_the_tables():
    ways = tuple(Flip("pixels", f"jpeg: {q}", "a", "b", q == 0) for q in range(9))
    found = audited(change("jpeg: 50", "a", -0.2, 0.02), flips=ways)
    assert "a and b under jpeg: 5; and 3 more." in headline(found)
    text = markdown(found, "pixels", {})
    assert [line for line in text.splitlines() if line.startswith("| jpeg: 8 | a | b | no |")]
    (table,) = [t for t in finding(found, text).tables if "another order" in t.caption]
    assert len(table.rows) == 9
