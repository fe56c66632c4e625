"""Sets whose images have sizes of their own: digest, shards, declaration, and a run from end to end."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from harness import benchmark
from harness.datasets import Images, content_digest
from harness.errors import UsageError
from harness.mixed import Content, Mixed, joined, packed, unpacked
from harness.record import read_records
from harness.report import contact_sheet, image_grid

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


# A benchmark of folders


CATALOGUE = """\
photos:
  use: folder
  source: made here
  licence: none
  image: {image}
  splits:
    reference: {{path: real, size: 24, digest: {digest}}}
"""
BENCH = """\
name: sizes
seed: 3
dataset: photos
n_real: 24
n_fake: 20
batch_size: 7
preprocessing: {recipe}
encoders: {{pixels: {{}}, random_convnet: {{channels: 3}}}}
generators:
  fakes: {{use: folder, path: fake}}
{more}
metrics: {{kd: {{}}, precision: {{}}}}
rank_by: {{metric: kd, encoder: pixels}}
"""
FIXED = "{resize: {library: pillow, filter: bicubic, size: 8}, range: [0, 1]}"
OWN = """\
import numpy as np

class Ragged:
    def sample(self, seeds):
        rngs = [np.random.default_rng(seed) for seed in seeds]
        return [rng.integers(0, 256, (int(rng.integers(9, 15)), 9, 3), np.uint8) for rng in rngs]
"""


@pytest.fixture
def folders(small):
    """`real`, 24 photographs of several sizes, one of them grey, and `fake`, 20 of theirs; a benchmark of both."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    for folder, n, seed in (("real", 24, 0), ("fake", 20, 1)):
        rng = np.random.default_rng(seed)
        (small.folder / folder).mkdir()
        for i in range(n):
            height, width = (int(side) for side in rng.integers(9, 40, 2))
            top, left = int(rng.integers(0, 300)), int(rng.integers(0, 300))
            made = Image.fromarray(photographs[i % 2][top : top + height, left : left + width])
            (made.convert("L") if i == 3 else made).save(small.folder / folder / f"{i:02d}.png")
    declare(small)
    return small


def declare(small, *, image="any", recipe=FIXED, more="", digest=None):
    from harness.imagefiles import open_images

    if digest is None:
        source = open_images("folder", {"path": str(small.folder / "real")})
        digest = content_digest(source.read(range(source.size)))
    (small.folder / "datasets.yaml").write_text(CATALOGUE.format(image=image, digest=digest))
    small.bench.write_text(BENCH.format(recipe=recipe, more=more))


def values(folder):
    return {
        (r.cell.generator, r.cell.encoder, r.metric): r.estimate.value
        for r in read_records(folder / "records.jsonl")
        if r.level == "cell" and r.estimate.reference == "random"
    }


@pytest.mark.slow
def test_a_benchmark_of_mixed_sizes_runs_and_equals_that_of_the_images_prepared_beforehand(folders):
    (folders.folder / "ragged.py").write_text(OWN)
    declare(folders, more='  own: {use: "ragged:Ragged"}')
    outcome = folders.run("--out", "mixed")
    assert outcome.returncode == 0, outcome.stderr
    found = values(folders.folder / "mixed")
    assert {generator for generator, _, _ in found} == {"fakes", "own"}
    assert (folders.folder / "mixed/grids/_all.png").stat().st_size > 1000

    # The same images resized by hand, as a set of one size and a recipe that resizes nothing.
    for folder in ("real", "fake"):
        for path in (folders.folder / folder).iterdir():
            with Image.open(path) as held:
                held.convert("RGB").resize((8, 8), Image.Resampling.BICUBIC).save(path)
    declare(folders, image="[8, 8, 3]", recipe="{range: [0, 1]}")
    outcome = folders.run("--out", "uniform")
    assert outcome.returncode == 0, outcome.stderr
    prepared = values(folders.folder / "uniform")
    assert prepared == {cell: value for cell, value in found.items() if cell[0] == "fakes"}


@pytest.mark.slow
def test_batches_and_shards_leave_no_trace_in_the_features(folders, monkeypatch):
    from harness.stages import Plan
    from harness.stages import images as stage
    from harness.stages.features import load_features

    made = []
    for part, shard, store in ((256, 64 << 20, "one"), (5, 3000, "two")):
        monkeypatch.setattr(stage, "MIXED_PART", part)
        monkeypatch.setattr(stage, "SHARD_BYTES", shard)
        plan = Plan(benchmark.load(folders.bench), folders.folder / store, "cpu")
        made.append(load_features(plan, plan.reference, "pixels"))
        entry = plan.images(plan.reference)
        assert entry.facts["shape"] == "mixed"
        assert (len(entry.shards) > 1) == (store == "two")
    np.testing.assert_array_equal(made[0].rows, made[1].rows)
    assert made[0].entry.facts["images"] == made[1].entry.facts["images"]


@pytest.mark.parametrize("recipe", ["{range: [0, 1]}", "{resize: {library: pillow, filter: bicubic, edge: 8}}"])
def test_a_recipe_that_fixes_no_size_is_refused_at_check(folders, recipe):
    benchmark.load(folders.bench)
    declare(folders, recipe=recipe)
    with pytest.raises(UsageError) as caught:
        benchmark.load(folders.bench)
    line = str(caught.value)
    assert "bench.yaml:7:1: preprocessing: dataset photos has images of any size" in line
    assert "add `resize: {size: …}`, or a crop" in line


@pytest.mark.parametrize("image", ["any", "null"])
def test_any_and_null_are_one_declaration(folders, image):
    declare(folders, image=image)
    loaded = benchmark.load(folders.bench)
    assert loaded.data.image is None
    assert json.loads(json.dumps(loaded.resolved()))["data"]["image"] is None


def test_image_must_still_be_declared_and_be_a_shape_or_any(folders):
    text = (folders.folder / "datasets.yaml").read_text()
    for new, words in (
        ("", "photos.image: this key is missing: [height, width, channels], or any where sizes differ"),
        ("  image: some\n", "photos.image: found the text 'some'"),
        ("  image: [8, 8]\n", "photos.image.2: an entry is missing here"),
    ):
        (folders.folder / "datasets.yaml").write_text(text.replace("  image: any\n", new))
        with pytest.raises(UsageError) as caught:
            benchmark.load(folders.bench)
        assert words in str(caught.value)


def test_generators_that_learn_pixels_are_refused_at_check_for_any_size(folders):
    declare(folders, more="  blur: {split: reference}")
    with pytest.raises(UsageError, match="blur needs images of one size; dataset photos declares `image: any`"):
        benchmark.load(folders.bench)
    declare(folders, more="  memorise: {split: reference}")
    benchmark.load(folders.bench)


def test_a_mixed_folder_of_fakes_beside_one_size_is_refused_before_it_is_encoded(folders):
    for path in (folders.folder / "real").iterdir():
        with Image.open(path) as held:
            held.convert("RGB").resize((8, 8)).save(path)
    declare(folders, image="[8, 8, 3]", recipe="{range: [0, 1]}")
    outcome = folders.run()
    assert outcome.returncode == 2
    assert "fakes: its images have sizes of their own" in " ".join(outcome.stderr.split())


@pytest.mark.slow
def test_two_folders_of_mixed_sizes_are_scored(folders):
    arguments = ("--protocol", "clean", "--random-weights", "--n", "16", "--out", "scored")
    outcome = folders.harness("score", "real", "fake", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert "image: any" in (folders.folder / "scored.datasets.yaml").read_text()
    outcome = folders.harness("score", "real", "fake", "--encoder", "pixels", "--out", "no")
    assert outcome.returncode == 2
    assert "has images of any size" in " ".join(outcome.stderr.split())
