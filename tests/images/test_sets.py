"""Sets whose images have sizes of their own: how they are indexed, digested, stored, read and shown."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from harness.images.datasets.files import ImageFiles
from harness.images.datasets.split import Images, content_digest
from harness.images.sets import Content, Mixed, joined, packed, unpacked
from harness.report.html.grids import contact_sheet, image_grid

RNG = np.random.default_rng(5)
SIZES = [(9, 12), (12, 9), (16, 10), (9, 12), (20, 20)]


def image(height: int, width: int, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def mixed() -> Mixed:
    return Mixed([image(*size) for size in SIZES])


def test_a_mixed_set_is_indexed_like_an_array(mixed):
    assert mixed[2] is list(mixed)[2]
    assert mixed[1:3].shapes == [(12, 9, 3), (16, 10, 3)]
    assert mixed[np.array([4, 0])].shapes == [(20, 20, 3), (9, 12, 3)]
    assert mixed[np.array([True, False, False, False, True])].shapes == [(9, 12, 3), (20, 20, 3)]
    with pytest.raises(IndexError, match="a mask of shape"):
        mixed[np.array([True, False])]


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.float32), "a.png"])
def test_a_mixed_set_holds_uint8_images_only(wrong):
    with pytest.raises(ValueError, match=r"image 1 must be uint8 \(H, W, C\)"):
        Mixed([image(2, 2), wrong])


def test_a_set_of_one_size_keeps_its_digest_however_it_is_held():
    array = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
    by_hand = hashlib.sha256(b"[6,5,4,3]\n" + array.tobytes()).hexdigest()
    assert content_digest(array) == f"sha256:{by_hand}"
    assert content_digest(Mixed(array)) == f"sha256:{by_hand}"
    in_parts = Content(6)
    in_parts.add(array[:2])
    in_parts.add(array[2:])
    assert (in_parts.digest, in_parts.shape) == (f"sha256:{by_hand}", [5, 4, 3])


def test_a_mixed_digest_sees_order_pixels_and_shapes_and_not_the_parts(mixed):
    by_hand = hashlib.sha256(b'[5,"mixed"]\n')
    for held in mixed:
        by_hand.update(f"[{held.shape[0]},{held.shape[1]},3]\n".encode() + held.tobytes())
    assert content_digest(mixed) == f"sha256:{by_hand.hexdigest()}"
    cut = Content(5)
    cut.add(mixed[:3])
    cut.add(mixed[3:])
    assert (cut.digest, cut.shape) == (content_digest(mixed), "mixed")
    turned = Mixed([mixed[0].reshape(12, 9, 3), *mixed[1:]])
    other = Mixed([mixed[0] ^ 1, *mixed[1:]])
    assert len({content_digest(s) for s in (mixed, mixed[::-1], turned, other, mixed[:4])}) == 5


def test_arrays_of_two_shapes_in_one_set_are_no_mixed_set():
    content = Content(2)
    content.add(image(4, 4)[None])
    with pytest.raises(ValueError, match="images of two shapes"):
        content.add(image(5, 4)[None])


def test_shards_give_back_what_went_in(mixed):
    back = unpacked(packed(mixed))
    assert isinstance(back, Mixed)
    for one, other in zip(back, mixed, strict=True):
        np.testing.assert_array_equal(one, other)
    array = RNG.integers(0, 256, (3, 5, 4, 1), dtype=np.uint8)
    assert list(packed(array)) == ["images"]  # as ever
    np.testing.assert_array_equal(joined([Mixed(array[:1]), Mixed(array[1:])]), array)
    assert joined([mixed[:2], mixed[2:]]).shapes == mixed.shapes


def test_images_takes_a_list_and_checks_it(mixed):
    assert Images(list(mixed)).images.shapes == mixed.shapes
    with pytest.raises(ValueError, match=r"`labels` must be int64 \(5,\)"):
        Images(mixed, np.zeros(4, np.int64))


def test_a_grid_shows_each_image_whole_at_one_factor():
    small, large = np.full((12, 24, 3), 10, np.uint8), np.full((24, 12, 1), 200, np.uint8)
    pixels = np.asarray(image_grid(Mixed([small, large])))
    assert (pixels == 10).all(axis=2).sum() == 4 * 12 * 24  # the larger side, 24, is doubled to 48
    assert (pixels == 200).all(axis=2).sum() == 4 * 12 * 24
    assert contact_sheet({"a": Mixed([small, large]), "b": small[None]}).width > 100


def test_a_large_mixed_set_is_read_image_by_image(small):
    import tracemalloc

    rng = np.random.default_rng(0)
    (small.folder / "real").mkdir()
    for i in range(24):
        noise = rng.integers(0, 256, (300 + i, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(small.folder / "real" / f"{i:02d}.png")
    splits = {"all": {"path": str(small.folder / "real")}}
    tracemalloc.start()
    try:
        images = ImageFiles("folder", splits=splits).load("all").images
        digest = content_digest(images)
        few = images[np.array([23, 0])]
        assert (images[-1].shape, few[::-1].shapes) == ((323, 300, 3), [(300, 300, 3), (323, 300, 3)])
        lazily = tracemalloc.get_traced_memory()[1]
        kept = images.held()
        assert tracemalloc.get_traced_memory()[1] > kept.nbytes
    finally:
        tracemalloc.stop()
    assert lazily < kept.nbytes / 4
    assert content_digest(kept) == digest
    for one, other in zip(images, kept, strict=True):
        np.testing.assert_array_equal(one, other)
