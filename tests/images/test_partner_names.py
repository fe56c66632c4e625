"""What a person tells a file by, so that two folders of one picture's versions are paired."""

import pytest

from harness.images.formats.names import as_people_count, partner_keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.png", "0001.png"),
        ("img_7.PNG", "IMG_007.jpg"),
        ("a/0010.png", "a/10.webp"),
        ("e\u0301.png", "\u00e9.png"),
        ("v2.0_3.png", "V2.0_0003.png"),
        ("seed0000.png", "seed0.png"),
    ],
)
def test_case_padding_extension_and_unicode_form_are_no_part_of_a_name(one, other):
    beside = "zz/other.png"  # so that neither's folder is the one that all share
    assert partner_keys([one, beside]) == partner_keys([other, beside])


@pytest.mark.parametrize(("one", "other"), [("1.png", "10.png"), ("a/1.png", "b/1.png"), ("100.png", "1.png")])
def test_other_numbers_and_other_folders_are_other_names(one, other):
    assert len(set(partner_keys([one, other]))) == 2


def test_folders_that_all_share_are_no_part_of_a_name():
    assert partner_keys(["out/run1/a/1.png", "out/run1/b/1.png"]) == ["a/1", "b/1"]
    assert partner_keys([]) == []


def test_two_folders_of_partners_are_in_the_same_order_and_a_padded_one_keeps_its_own():
    plain, padded = [f"{i}.png" for i in range(1, 61)], [f"{i:04d}.png" for i in range(1, 61)]
    first, second = sorted(plain), sorted(padded)
    assert first != [name.lstrip("0") for name in second]
    told = [[int(names[at].partition(".")[0]) for at in as_people_count(names)] for names in (first, second)]
    assert told == [list(range(1, 61))] * 2
    assert as_people_count(second) == list(range(60))
