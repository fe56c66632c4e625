"""Tar files as image sets: order, names, labels, shards, and every way in which an archive can be no such set."""

import io
import pickle
import tarfile

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.images import listing as imagelist
from harness.images.files import open_images
from harness.images.formats.shards import shards
from tests.images.test_files import packed, the_line, write_folder

NAMES = ["10.png", "2.png", "b/1.png", "a/z/3.PNG", "B.png", "ä.png"]


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def write_tar(path, files, *, mode="w", format=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=format) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def read_all(path, **parameters):
    source = open_images("tar", {"path": path, **parameters})
    return source.read(range(source.size))


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_and_a_folder_of_the_same_agree_in_order_pixels_count_and_digest(tmp_path, pixels, format):
    files = {name: packed(image) for name, image in zip(NAMES, pixels, strict=True)}
    files[f"{'long/' * 40}c.png"] = packed(pixels[0])  # longer than the header's field
    folder = write_folder(tmp_path / "images", files)
    archive = write_tar(
        tmp_path / "images.tar", {"./" + name: content for name, content in files.items()}, format=format
    )
    assert imagelist.count("tar", {"path": archive}) == 7
    from_folder = open_images("folder", {"path": folder})
    np.testing.assert_array_equal(read_all(archive), from_folder.read(range(7)))
    digests = [imagelist.content_digest(kind, {"path": p}) for kind, p in (("folder", folder), ("tar", archive))]
    assert digests[0] == digests[1]
    files["2.png"] = packed(pixels[0])
    write_tar(archive, files)
    assert imagelist.content_digest("tar", {"path": archive}) != digests[0]


def test_images_are_read_by_index_where_they_lie_also_in_another_process(tmp_path, pixels):
    path = write_tar(tmp_path / "t.tar", {f"{i}.png": packed(image) for i, image in enumerate(pixels)})
    source = open_images("tar", {"path": path})
    np.testing.assert_array_equal(source.read([4, 0, 4]), pixels[[4, 0, 4]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read([1]), pixels[[1]])
    with pytest.raises(IndexError):
        source.read([6])
    chosen = open_images("tar", {"path": path, "rows": [2, 5]})
    np.testing.assert_array_equal(chosen.read(range(3)), pixels[2:5])


def test_shards_come_in_the_order_given_whether_listed_or_braced(tmp_path, pixels):
    for i in range(3):
        write_tar(tmp_path / f"part-{i:03d}.tar", {"1.png": packed(pixels[2 * i + 1]), "0.png": packed(pixels[2 * i])})
    braced = f"{tmp_path}/part-{{000..002}}.tar"
    np.testing.assert_array_equal(read_all(braced), pixels)
    listed = [f"{tmp_path}/part-{i:03d}.tar" for i in (2, 0)]
    np.testing.assert_array_equal(read_all(listed), pixels[[4, 5, 0, 1]])
    digests = {imagelist.content_digest("tar", {"path": path}) for path in (braced, listed, listed[::-1], listed[0])}
    assert len(digests) == 4


def test_brace_patterns_mean_what_they_mean_in_a_shell():
    def named(text):
        return [str(path) for path in shards(text)]

    assert named("p-{08..11}.tar") == ["p-08.tar", "p-09.tar", "p-10.tar", "p-11.tar"]
    assert named("{b,a}/{0..1}.tar") == ["b/0.tar", "b/1.tar", "a/0.tar", "a/1.tar"]
    assert named("plain.tar") == ["plain.tar"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{3..1}.tar", "must count upwards"),
        ("{a}.tar", "{a} is not a pattern; expected {000..012} or {a,b}"),
        ("{0..99999999}.tar", "must count upwards, to less than 100,000 files"),
        ("{0..999}{0..999}.tar", "matches more than 100,000 files"),
        (["a.tar", "./a.tar"], "a.tar: is named twice"),
        ("{a,a}.tar", "a.tar: is named twice"),
    ],
)
def test_a_pattern_that_is_a_slip_of_the_pen_is_refused(pattern, words):
    assert words in the_line(lambda: shards(pattern))


def test_a_file_whose_own_name_has_braces_is_that_file(tmp_path, pixels):
    path = write_tar(tmp_path / "odd{x}.tar", {"a.png": packed(pixels[0])})
    assert imagelist.count("tar", {"path": path}) == 1


def test_names_with_the_separator_of_windows_are_those_of_a_folder(tmp_path, pixels):
    names = ["cat/1.png", "cat/2.png", "dog/1.png"]
    files = {name: packed(image) for name, image in zip(names, pixels[:3], strict=True)}
    folder = write_folder(tmp_path / "images", files)
    told = {name.replace("/", "\\"): content for name, content in files.items()}
    extra = {"cat\\": b"", "__MACOSX\\._1.png": b"?", "cat\\Thumbs.db": b"?", "@eaDir\\1.png": packed(pixels[3])}
    archive = write_tar(tmp_path / "windows.tar", extra | told)
    with pytest.warns(UserWarning, match="'@eaDir/1.png' skipped"):
        source = open_images("tar", {"path": archive, "labels": "folders"})
    assert source.names == tuple(names)
    assert source.labels.tolist() == [0, 0, 1]
    with pytest.warns(UserWarning, match="skipped"):
        digest = imagelist.content_digest("tar", {"path": archive})
    assert digest == imagelist.content_digest("folder", {"path": folder})
    write_tar(archive, {"..\\1.png": packed(pixels[0])})
    assert "points outside the archive" in the_line(lambda: imagelist.count("tar", {"path": archive}))


# Labels


def test_cls_files_are_labels_of_the_samples_that_share_their_name(tmp_path, pixels):
    files = {
        "a/0.seg.png": packed(pixels[0]),
        "a/0.cls": b"7",
        "a/1.png": packed(pixels[1]),
        "a/1.cls": b" 03\n",
        "a/1.json": b"{}",
    }
    path = write_tar(tmp_path / "t.tar", files)
    assert open_images("tar", {"path": path, "labels": "cls"}).labels.tolist() == [7, 3]
    assert open_images("tar", {"path": path, "labels": "cls", "rows": [1, 2]}).labels.tolist() == [3]
    assert open_images("tar", {"path": path}).labels is None
    digests = {imagelist.content_digest("tar", {"path": path, "labels": labels}) for labels in (None, "cls")}
    write_tar(path, files | {"a/0.cls": b"8"})
    digests.add(imagelist.content_digest("tar", {"path": path, "labels": "cls"}))
    assert len(digests) == 3  # another label is another set


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (None, "'0.png' has no .cls file ('0.cls') beside it"),
        (b"cat", "'0.cls' holds 'cat'; expected a whole number from 0 to 9999"),
        (b"-1", "holds '-1'"),
        (b"10000", "holds '10000'"),
        (b"", "holds ''"),
        (b"1" * 65, "holds 65 bytes"),
    ],
)
def test_a_label_that_is_missing_or_no_number_is_named(tmp_path, pixels, label, words):
    files = {"0.png": packed(pixels[0])} | ({} if label is None else {"0.cls": label})
    path = write_tar(tmp_path / "t.tar", files)
    assert words in the_line(lambda: open_images("tar", {"path": path, "labels": "cls"}))


def test_class_folders_are_labels_across_shards(tmp_path, pixels):
    for i in range(2):
        write_tar(tmp_path / f"{i}.tar", {"dog/0.png": packed(pixels[0]), "cat/0.png": packed(pixels[1])})
    source = open_images("tar", {"path": f"{tmp_path}/{{0,1}}.tar", "labels": "folders"})
    assert source.labels.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(source.read([0, 1]), pixels[[1, 0]])
    loose = write_tar(tmp_path / "2.tar", {"0.png": packed(pixels[0])})
    several = [f"{tmp_path}/0.tar", str(loose)]
    assert "is not in a class folder" in the_line(lambda: open_images("tar", {"path": str(loose), "labels": "folders"}))
    assert "is not in a class folder" in the_line(lambda: open_images("tar", {"path": several, "labels": "folders"}))


# What is no set of images


def test_a_member_that_is_no_image_is_named_and_side_files_are_left_out(tmp_path, pixels):
    image = packed(pixels[0])
    side = dict.fromkeys(["0.json", "0.txt", "0.cls", ".DS_Store", "README", "__MACOSX/._0.png"], b"?")
    assert imagelist.count("tar", {"path": write_tar(tmp_path / "a.tar", {"0.png": image, **side})}) == 1
    path = write_tar(tmp_path / "b.tar", {"0.png": image, "1.npy": b"?", "2.pyd": b"?"})
    line = the_line(lambda: imagelist.count("tar", {"path": path}))
    assert line.startswith(f"{path}: '1.npy' is not an image (")
    assert line.endswith("(and 1 more of the files there)")
    path = write_tar(tmp_path / "c.tar", {"0.png": image, "1.png": b"words"})
    assert "'1.png' is not an image in a known format" in the_line(lambda: read_all(path))
    path = write_tar(tmp_path / "d.tar", {"0.png": image, "1.png": image[:-20]})
    assert "'1.png' is truncated" in the_line(lambda: read_all(path))
    assert "holds no images" in the_line(lambda: imagelist.count("tar", {"path": write_tar(tmp_path / "e.tar", {})}))


def test_an_archive_cut_anywhere_is_refused(tmp_path, pixels):
    whole = write_tar(tmp_path / "t.tar", {f"{i}.png": packed(image) for i, image in enumerate(pixels)}).read_bytes()
    with tarfile.open(tmp_path / "t.tar") as archive:
        last = archive.getmembers()[-1]
    end = last.offset_data + -(-last.size // 512) * 512
    path = tmp_path / "cut.tar"
    for length in {0, 100, 512, 700, *range(1024, end + 512, 512), last.offset_data + 1, last.offset, end - 1, end}:
        path.write_bytes(whole[:length])
        line = the_line(lambda: imagelist.count("tar", {"path": path}))
        assert line.startswith(f"{path}: "), length
        assert "truncated" in line, length
    path.write_bytes(whole[: end + 512])  # one block of the end mark is enough, as GNU tar takes it
    assert imagelist.count("tar", {"path": path}) == 6


def test_a_damaged_header_in_the_middle_does_not_end_the_archive_quietly(tmp_path, pixels):
    path = write_tar(tmp_path / "t.tar", {f"{i}.png": packed(image) for i, image in enumerate(pixels)})
    with tarfile.open(path) as archive:
        third = archive.getmembers()[2]
    content = bytearray(path.read_bytes())
    content[third.offset] ^= 1
    path.write_bytes(content)
    assert "damaged after member '1.png'" in the_line(lambda: imagelist.count("tar", {"path": path}))


def test_two_tars_in_one_file_are_refused_not_halved(tmp_path, pixels):
    one = write_tar(tmp_path / "a.tar", {"0.png": packed(pixels[0])}).read_bytes()
    (tmp_path / "b.tar").write_bytes(one + one)
    line = the_line(lambda: imagelist.count("tar", {"path": tmp_path / "b.tar"}))
    assert "continues after its end marker; if several tars were joined" in line


@pytest.mark.parametrize(("mode", "word"), [("w:gz", "gzip"), ("w:bz2", "bzip2"), ("w:xz", "xz")])
def test_a_compressed_tar_is_named_as_such(tmp_path, pixels, mode, word):
    path = write_tar(tmp_path / "t.tar", {"0.png": packed(pixels[0])}, mode=mode)
    assert f"is compressed ({word})" in the_line(lambda: imagelist.count("tar", {"path": path}))


@pytest.mark.parametrize(
    ("name", "type", "words"),
    [
        ("../a.png", tarfile.REGTYPE, "points outside the archive"),
        ("/a.png", tarfile.REGTYPE, "has an absolute path"),
        ("c:\\a.png", tarfile.REGTYPE, "has an absolute path"),
        ("a.png", tarfile.SYMTYPE, "is a link"),
        ("a.png", tarfile.LNKTYPE, "is a link"),
        ("a.png", tarfile.FIFOTYPE, "is not a regular file"),
        ("./0.png", tarfile.REGTYPE, "occurs twice"),
    ],
)
def test_members_that_a_set_cannot_have_are_refused(tmp_path, pixels, name, type, words):
    path = write_tar(tmp_path / "t.tar", {"0.png": packed(pixels[0])})
    assert imagelist.count("tar", {"path": path}) == 1
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = type, "0.png"
        archive.addfile(entry)
    assert words in the_line(lambda: imagelist.count("tar", {"path": path}))


def test_a_hostile_header_is_refused_in_one_line(tmp_path):
    huge = tarfile.TarInfo("././@LongLink")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 1 << 70
    (tmp_path / "t.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    the_line(lambda: imagelist.count("tar", {"path": tmp_path / "t.tar"}))
    nested = tarfile.TarInfo("././@LongLink")
    nested.type, nested.size = tarfile.GNUTYPE_LONGNAME, 1
    (tmp_path / "u.tar").write_bytes((nested.tobuf(tarfile.GNU_FORMAT) + b"a" * 512) * 5000)
    the_line(lambda: imagelist.count("tar", {"path": tmp_path / "u.tar"}))


def test_a_tar_that_is_none_or_is_not_there_is_named(tmp_path, pixels):
    (tmp_path / "a.tar").write_bytes(packed(pixels[0]) * 20)
    assert "is not a tar archive" in the_line(lambda: imagelist.count("tar", {"path": tmp_path / "a.tar"}))
    assert "no.tar: does not exist" in the_line(lambda: imagelist.count("tar", {"path": tmp_path / "no.tar"}))
    (tmp_path / "none").mkdir()
    assert "none: holds no .tar file" in the_line(lambda: imagelist.count("tar", {"path": tmp_path / "none"}))


def test_two_shards_of_one_name_and_one_member_cannot_be_told_apart(tmp_path, pixels):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        write_tar(tmp_path / folder / "0.tar", {"0.png": packed(pixels[0])})
    path = f"{tmp_path}/{{a,b}}/0.tar"
    assert "another shard has the same name" in the_line(lambda: imagelist.count("tar", {"path": path}))


def test_a_tar_that_is_shortened_after_it_was_listed_is_refused_not_padded(tmp_path, pixels):
    path = write_tar(tmp_path / "t.tar", {f"{i}.png": packed(image) for i, image in enumerate(pixels)})
    source = open_images("tar", {"path": path})
    assert source.shape == (5, 7, 3)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(UsageError, match="is damaged in the archive"):
        source.read([5])


def test_a_picture_and_its_mask_are_one_sample_and_which_is_meant_is_asked(tmp_path):
    def count(*members):
        return imagelist.count("tar", {"path": write_tar(tmp_path / "t.tar", dict.fromkeys(members, b"x"))})

    line = the_line(lambda: count("a/0.png", "a/0.seg.png", "a/1.png", "a/1.seg.png"))
    assert "'a/0.png' and 'a/0.seg.png' are two images of one sample ('a/0')" in line
    assert count("step.0001.png", "step.0002.png", "a/0.png", "b/0.png", "a/1.png", "a/1.cls", "a/1.json") == 5
