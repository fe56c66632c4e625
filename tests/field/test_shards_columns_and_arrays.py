"""Sets as people keep them: shards in a folder, repositories of Hugging Face, patterns, columns and arrays."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness import UsageError
from harness.base.record import read_records
from harness.benchmark import model as benchmark
from harness.benchmark.given import GivenSet, Inside, given_sets, kind_of, spelled_out
from harness.cli.main import main
from harness.images import listing as imagelist
from harness.images.files import open_images
from tests.images.test_arrays_and_parquet import write_parquet
from tests.images.test_files import packed, write_folder
from tests.images.test_tar import write_tar

N = 24


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (N, 6, 6, 3), dtype=np.uint8)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(one: GivenSet) -> np.ndarray:
    source = open_images(one.kind, {"path": str(one.path), **one.inside})
    return source.read(range(source.size))


def given(path, **inside) -> GivenSet:
    return given_sets(Path(path), (), Inside(**inside))[0]


def refusal(path, **inside) -> str:
    with pytest.raises(UsageError) as caught:
        read(given(path, **inside))
    return str(caught.value)


def shards(folder: Path, pixels: np.ndarray, *, name="part-{:03d}.tar", parts=3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, some in enumerate(np.split(pixels, parts)):
        files = {f"{part}-{i:02d}.png": packed(image) for i, image in enumerate(some)}
        write_tar(folder / name.format(part), files | {f"{part}-00.json": b"{}"})
    return folder


def repository(folder: Path, column="image", **splits: np.ndarray) -> Path:
    """What `huggingface-cli download` leaves: a readme, `data/`, and hidden folders of its own."""
    (folder / "data").mkdir(parents=True)
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/data.parquet").write_bytes(b"not this")
    (folder / "README.md").write_text("dataset_info:\n")
    (folder / ".gitattributes").write_text("*.parquet filter=lfs\n")
    for split, images in splits.items():
        for part, some in enumerate(np.split(images, 2)):
            write_parquet(folder / f"data/{split}-{part:05d}-of-00002.parquet", some, column=column)
    return folder


def test_a_folder_of_tar_shards_is_one_set_in_the_order_of_their_names(here, pixels):
    folder = shards(here / "wds", pixels)
    (folder / "README.md").write_text("shards")
    one = given(folder)
    assert (one.kind, one.size) == ("tar", N)
    np.testing.assert_array_equal(read(one), pixels)
    digest = imagelist.content_digest("tar", {"path": str(folder)})
    assert digest == imagelist.content_digest("tar", {"path": f"{folder}/part-{{000..002}}.tar"})
    assert len(imagelist.stamps("tar", {"path": str(folder)})) == 4


def test_tables_that_a_downloader_notes_beside_its_tars_are_no_shards(here, pixels):
    folder = shards(here / "img2dataset", pixels, name="{:05d}.tar")
    for part in range(3):
        pq.write_table(pa.table({"url": ["a"]}), folder / f"{part:05d}.parquet")
        (folder / f"{part:05d}_stats.json").write_text("{}")
    one = given(folder)
    assert one.kind == "tar"
    np.testing.assert_array_equal(read(one), pixels)


def test_several_sets_in_a_folder_are_named_each_as_it_can_be_given(here, pixels):
    folder = shards(shards(here / "wds", pixels, name="train-{:04d}.tar"), pixels[:12], name="val-{:04d}.tar")
    said = refusal(folder)
    assert f"holds 2 sets of .tar files; choose one: '{folder}/train-{{0000..0002}}.tar'" in said
    assert f"'{folder}/val-{{0000..0002}}.tar'" in said
    np.testing.assert_array_equal(read(given(f"{folder}/val-{{0000..0002}}.tar")), pixels[:12])


def test_a_folder_of_images_stays_one_with_a_tar_in_it(here, pixels):
    folder = write_folder(here / "mixed", {"a.png": packed(pixels[0]), "old.tar": b""})
    assert kind_of(folder) == "folder"
    shards(here / "wds", pixels)
    (here / "wds/notes.docx").write_bytes(b"?")
    assert "'notes.docx' is not one of the .tar files or a known side file" in refusal(here / "wds")


def test_a_repository_of_one_split_is_that_split(here, pixels):
    one = given(repository(here / "faces", train=pixels))
    assert (one.kind, dict(one.inside)) == ("parquet", {})
    np.testing.assert_array_equal(read(one), pixels)


def test_a_repository_of_several_splits_says_which_and_how_to_name_one(here, pixels):
    folder = repository(here / "faces", train=pixels, test=pixels[:8])
    said = refusal(folder)
    path = f"{folder}/data/test-{{00000..00001}}-of-00002.parquet"
    assert "holds 2 sets of .parquet files" in said
    assert f"'{path}'" in said
    np.testing.assert_array_equal(read(given(path)), pixels[:8])


def test_a_repository_that_was_not_downloaded_whole_is_refused(here, pixels):
    folder = repository(here / "faces", train=pixels)
    (folder / "data/train-00001-of-00002.parquet").unlink()
    said = refusal(folder)
    assert "holds shard 'data/train-00000-of-00002.parquet' of 2; download the rest, or use what is there: '" in said
    write_parquet(folder / "data/train-00000-of-00001.parquet", pixels)
    assert "holds shards of 1 and of 2, such as 'data/train-00000-of-00001.parquet'" in refusal(folder)


def test_a_column_of_another_name_is_read_where_it_is_the_only_one_of_images(here, pixels):
    one = given(repository(here / "cifar", column="img", train=pixels))
    assert dict(one.inside) == {"column": "img"}
    assert one.taken == [f"{here}/cifar: read from column 'img'"]
    np.testing.assert_array_equal(read(one), pixels)


def pairs(path: Path, pixels: np.ndarray) -> Path:
    held = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    columns = {
        name: pa.array([{"bytes": packed(image), "path": None} for image in images], held)
        for name, images in (("before", pixels), ("after", pixels[::-1]))
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_two_columns_of_images_are_named_and_column_says_which(here, pixels):
    path = pairs(here / "edits.parquet", pixels)
    assert "the columns 'before', 'after' hold images; choose one with `column` (--column)" in refusal(path)
    np.testing.assert_array_equal(read(given(path, column=("after",))), pixels[::-1])
    assert "--column agfter: the sets have 'after', 'before'" in refusal(path, column=("agfter",))
    assert "has 'before' and 'after'; name one column of it" in refusal(path, column=("before", "after"))


def test_each_set_takes_the_one_of_the_named_columns_that_it_has(here, pixels):
    real = pairs(here / "edits.parquet", pixels)
    fake = write_parquet(here / "fake.parquet", pixels, column="img")
    sets = given_sets(real, [fake], Inside(column=("before",)))
    assert [dict(one.inside) for one in sets] == [{"column": "before"}, {"column": "img"}]


@pytest.mark.parametrize("labels", [np.arange(N, dtype=np.int64) % 5, np.arange(N, dtype=np.uint8)])
def test_the_only_array_of_the_shape_of_images_is_read_and_whole_numbers_beside_it_are_labels(here, pixels, labels):
    np.savez("set.npz", x=pixels, y=labels, features=np.zeros((N, 4)), scores=np.zeros(N))
    one = given("set.npz")
    assert dict(one.inside) == {"array": "x", "labels": "y"}
    assert open_images("npz", {"path": "set.npz", **one.inside}).labels.tolist() == labels.tolist()
    fake = given_sets(Path("set.npz"), [Path("set.npz")], Inside())[1]
    assert dict(fake.inside) == {"array": "x"}, "labels are of datasets"


def test_whole_numbers_that_count_files_are_no_labels(here, pixels):
    np.savez("set.npz", images=pixels, ids=np.arange(N) + 20_000)
    assert dict(given("set.npz").inside) == {}
    np.savez("set.npz", images=pixels, fine=np.arange(N), coarse=np.arange(N))
    assert dict(given("set.npz").inside) == {}, "which of two are the labels is not for us to say"


def test_several_arrays_of_images_are_named_and_array_says_which(here, pixels):
    np.savez("mnist.npz", x_train=pixels, x_test=pixels[:8], y_train=np.arange(N), y_test=np.arange(8))
    said = refusal("mnist.npz")
    assert "2 arrays have the shape of images, 'x_test' (8×6×6×3), 'x_train' (24×6×6×3)" in said
    one = given("mnist.npz", array=("x_test",))
    assert dict(one.inside) == {"array": "x_test", "labels": "y_test"}
    np.testing.assert_array_equal(read(one), pixels[:8])
    np.savez("two.npz", pixels, pixels[:8])
    assert "'arr_0' (24×6×6×3), 'arr_1' (8×6×6×3)" in refusal("two.npz")
    assert "--array x: the sets have 'arr_0', 'arr_1'" in refusal("two.npz", array=("x",))
    assert "--column x: no set has a choice of columns" in refusal("two.npz", column=("x",))


def test_a_pattern_of_what_is_no_shard_or_not_there_is_refused(here, pixels):
    np.savez("a0.npz", pixels)
    np.savez("a1.npz", pixels)
    assert "patterns work for shards (arrow, parquet, tar)" in refusal("a{0..1}.npz")
    assert "a2.npz: does not exist (a{0..2}.npz names it)" in refusal("a{0..2}.npz")
    assert "nowhere.tar: does not exist" in refusal("nowhere.tar")


def test_a_pattern_that_the_shell_spelled_out_is_said(here, pixels):
    shards(here, pixels)
    paths = [Path(f"part-{i:03d}.tar") for i in range(3)]
    assert "quote 'part-{000..002}.tar' to score them as one" in spelled_out(
        [GivenSet(path, "tar", {}) for path in paths]
    )
    for name in ("step-100.tar", "step-200.tar"):
        write_tar(here / name, {"a.png": packed(pixels[0])})
    steps = [GivenSet(Path(name), "tar", {}) for name in ("step-100.tar", "step-200.tar")]
    assert spelled_out(steps) is None


def test_score_takes_them_all_and_writes_the_benchmark_that_names_them(here, pixels, monkeypatch):
    monkeypatch.setenv("HARNESS_STORE", str(here / "store"))
    other = np.random.default_rng(1).integers(0, 200, (N, 6, 6, 3), dtype=np.uint8)
    np.savez("real.npz", x=pixels, y=np.arange(N) % 3)
    shards(here / "wds", other)
    shards(here, other, name="out-{:03d}.tar")
    repository(here / "hf", column="img", train=other)
    np.savez("fake.npz", a=other, b=pixels)
    write_folder(here / "files", {f"{i:02d}.png": packed(image) for i, image in enumerate(other)})
    fakes = ("files", "wds", "out-{000..002}.tar", "hf", "fake.npz")
    words = ("score", "real.npz", *fakes, "--array", "a", "--encoder", "pixels", "--workers", "1")
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output + repr(found.exception)
    assert "note: real.npz: read from array 'x', labels 'y'" in found.stderr
    assert "note: hf: read from column 'img'" in found.stderr
    declared = benchmark.load(Path("results/score.yaml"))
    assert list(declared.generators) == ["files", "wds", "out", "hf", "fake"]
    values = {
        record.cell.generator: record.estimate.value
        for record in read_records(Path("results/score/records.jsonl"))
        if (record.metric, record.level, record.estimate.reference) == ("fd", "cell", "fixed")
    }
    assert list(values.values()) == pytest.approx([values["files"]] * 5, rel=1e-9)
    again = CliRunner().invoke(main, ["run", "results/score.yaml", "--out", "again", "--no-tracking", "--workers", "1"])
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("option", [("--column", "x"), ("--array", "x")], ids=str)
def test_what_is_meant_inside_files_is_refused_beside_a_benchmark(option):
    found = CliRunner().invoke(main, ["score", "mine.yaml", *option])
    assert found.exit_code == 2
    assert f"{option[0]}: only with image sets, REAL FAKE" in found.stderr


def test_stats_make_takes_the_same_choices(here, pixels, monkeypatch):
    monkeypatch.setenv("HARNESS_STORE", str(here / "store"))
    pairs(here / "edits.parquet", pixels)
    shards(here / "wds", pixels)
    for number, words in enumerate((["edits.parquet", "--column", "before"], ["wds"], ["wds/part-{000..002}.tar"])):
        out = ["--encoder", "pixels", "--out", f"{number}.npz"]
        found = CliRunner().invoke(main, ["stats", "make", *words, *out])
        assert found.exit_code == 0, found.output + repr(found.exception)
    mu = [np.load(f"{number}.npz")["mu"] for number in range(3)]
    np.testing.assert_array_equal(mu[0], mu[1])
    np.testing.assert_array_equal(mu[0], mu[2])
    found = CliRunner().invoke(main, ["stats", "make", "edits.parquet", "--encoder", "pixels", "--out", "x.npz"])
    assert "the columns 'before', 'after' hold images" in found.stderr
