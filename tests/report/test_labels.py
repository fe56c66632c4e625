"""Names beside points: readable or not there."""

import itertools

import numpy as np

from harness.report.figures.labels import MARK, Box, placed

AREA = Box(64.0, 18.0, 534.0, 488.0)


def marks(points):
    return [Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]


def test_points_that_lie_apart_all_have_their_names_beside_them():
    points = [(100.0, 100.0), (300.0, 100.0), (520.0, 300.0), (300.0, 484.0)]
    found = placed(points, ["vae", "ddpm", "holdout", "kde"], AREA)
    assert [one.text for one in found] == ["vae", "ddpm", "holdout", "kde"]
    assert found[0].x > 100.0
    assert found[2].box.right < 520.0, "left of a point at the right edge"
    assert all(abs(one.y - y) < 30 and one.box.within(AREA) for one, (_, y) in zip(found, points, strict=True))
    for one, (x, y) in zip(found, points, strict=True):  # nor do names lie on the intervals, a cross at the point
        assert not one.box.top < y < one.box.bottom
        assert not one.box.left < x < one.box.right


def test_item_35_no_name_covers_a_point_or_another_name_however_many_there_are():
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.uniform((70, 25), (530, 480), (40, 2))]
    found = placed(points, [f"generator-{i:02d}" for i in range(40)], AREA)
    boxes = [one.box for one in found if one is not None]
    assert 10 < len(boxes) < 40
    assert not any(one.meets(other) for one, other in itertools.combinations(boxes, 2))
    assert not any(box.meets(mark) for box in boxes for mark in marks(points))


def test_points_in_one_place_have_no_names_there():
    found = placed([(300.0, 300.0)] * 7, [f"g{i}" for i in range(7)], AREA)
    assert sum(one is not None for one in found) == 4  # one at each side; the list names the others
