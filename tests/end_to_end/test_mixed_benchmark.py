"""A benchmark of images of sizes of their own: what its declaration may say, and a run from end to end."""

import json

import numpy as np
import pytest
from PIL import Image

from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.benchmark import model as benchmark
from harness.images.datasets.split import content_digest

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
    from harness.images.files import open_images

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
    from harness.images.datasets import split
    from harness.pipeline import sample as stage
    from harness.pipeline.encode import load_features
    from harness.pipeline.plan import Plan

    made = []
    for part, shard, store in ((16, 64 << 20, "one"), (5, 3000, "two")):
        monkeypatch.setattr(split, "FIRST_PART", part)
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


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("[a.tar, 3]", "found 3 in the list"),
        ("[]", "found an empty list"),
        ("7", "found 7"),
        ("''", "found the text ''"),
    ],
)
def test_paths_of_shards_are_texts(folders, path, what):
    declare(folders, more=f"  shards: {{use: tar, path: {path}}}")
    with pytest.raises(UsageError) as caught:
        benchmark.load(folders.bench)
    words = "expected a path, a brace pattern such as part-{000..012}.tar, or a list of them"
    assert f"generators.shards.path: {what}; {words}" in str(caught.value)


@pytest.mark.parametrize("image", ["any", "null"])
def test_any_and_null_are_one_declaration(folders, image):
    declare(folders, image=image)
    loaded = benchmark.load(folders.bench)
    assert loaded.data.image is None
    assert json.loads(json.dumps(loaded.resolved()))["data"]["image"] is None


def test_image_must_still_be_declared_and_be_a_shape_or_any(folders):
    text = (folders.folder / "datasets.yaml").read_text()
    for new, words in (
        ("", "photos.image: this key is missing: [height, width, channels], or `any` if sizes differ"),
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
    assert "fakes: its images differ in size" in " ".join(outcome.stderr.split())


@pytest.mark.slow
def test_two_folders_of_mixed_sizes_are_scored(folders):
    arguments = ("--protocol", "clean", "--random-weights", "--n", "16", "--out", "scored")
    outcome = folders.harness("score", "real", "fake", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert "image: any" in (folders.folder / "scored.datasets.yaml").read_text()
    outcome = folders.harness("score", "real", "fake", "--encoder", "pixels", "--out", "no")
    assert outcome.returncode == 2
    assert "has images of any size" in " ".join(outcome.stderr.split())
