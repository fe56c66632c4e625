from __future__ import annotations

import gzip
import io
import os
import pickle
import stat
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from harness.base.errors import UsageError
from harness.generators import from_files as generators
from harness.images import files as imagefiles
from harness.images import listing as imagelist
from harness.images.datasets import files as datasets
from harness.images.files import open_images
from tests.conftest import SHARED, needs_shared


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def packed(image: np.ndarray | Image.Image, format: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())).save(stream, format, **options)
    return stream.getvalue()


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def the_line(act: Callable[[], object]) -> str:
    """The one line of the UsageError that `act` raises."""
    with pytest.raises(UsageError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_all(kind: str, **parameters) -> np.ndarray:
    source = open_images(kind, parameters)
    return source.read(range(source.size))


# Folders and zips that are as they should be


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_a_folder_gives_back_the_pixels_that_were_saved(tmp_path, pixels, format):
    options = {"lossless": True} if format == "WEBP" else {}
    for name, image in zip("abcdef", pixels, strict=True):
        (tmp_path / f"{name}.{format.lower()}").write_bytes(packed(image, format, **options))
    np.testing.assert_array_equal(read_all("folder", path=tmp_path), pixels)


def test_folder_and_zip_of_it_agree_in_order_pixels_count_and_digest(tmp_path, pixels):
    names = ["10.png", "2.png", "b/1.png", "a/z/3.PNG", "B.png", "ä.png"]
    files = {name: packed(image) for name, image in zip(names, pixels, strict=True)}
    folder = write_folder(tmp_path / "images", files)
    archive = write_zip(tmp_path / "images.zip", files, zipfile.ZIP_STORED)
    in_order = [names.index(name) for name in sorted(names)]
    for kind, path in (("folder", folder), ("zip", archive)):
        assert imagelist.count(kind, {"path": path}) == 6
        np.testing.assert_array_equal(read_all(kind, path=path), pixels[in_order])
    digests = {imagelist.content_digest(kind, {"path": p}) for kind, p in (("folder", folder), ("zip", archive))}
    assert len(digests) == 1
    (folder / "2.png").write_bytes(packed(pixels[0]))
    assert imagelist.content_digest("folder", {"path": folder}) not in digests


def test_a_zip_of_a_windows_tool_is_the_zip_of_any_other(tmp_path, pixels):
    """Backslashes between names, an entry for each folder, Explorer's and Finder's leavings."""
    files = {f"{folder}/{i}.png": packed(image) for i, image in enumerate(pixels) for folder in [("cat", "dog")[i % 2]]}
    plain = write_zip(tmp_path / "plain.zip", files)
    beside = {"cat/": b"", "dog/": b"", "cat/Thumbs.db": b"x", "__MACOSX/cat/._0.png": b"y", "dog/desktop.ini": b"z"}
    windows = write_zip(
        tmp_path / "windows.zip", {name.replace("/", "\\"): content for name, content in (beside | files).items()}
    )
    assert b"cat\\0.png" in windows.read_bytes()
    for labels in (None, "folders"):
        parameters = [{"path": path, "labels": labels} for path in (plain, windows)]
        one, other = (imagelist.content_digest("zip", each) for each in parameters)
        assert one == other
        theirs, ours = (open_images("zip", each) for each in parameters)
        np.testing.assert_array_equal(theirs.read(range(6)), ours.read(range(6)))
        assert (theirs.labels is None) == (labels is None)
        if labels:
            assert ours.labels.tolist() == [0, 0, 0, 1, 1, 1]
    both = write_zip(tmp_path / "both.zip", {"cat/0.png": packed(pixels[0]), "cat\\0.png": packed(pixels[1])})
    assert "occurs twice" in the_line(lambda: imagelist.count("zip", {"path": both}))
    up = write_zip(tmp_path / "up.zip", {"..\\0.png": packed(pixels[0])})
    assert "points outside" in the_line(lambda: imagelist.count("zip", {"path": up}))


def test_images_in_folders_of_programs_are_left_out_and_counted(tmp_path, pixels):
    files = {f"{i}.png": packed(image) for i, image in enumerate(pixels)}
    plain = write_folder(tmp_path / "plain", files)
    strays = {"@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg": b"j", "a/@eaDir/1.png": b"k", ".thumbnails/2.png": b"l"}
    mixed = write_folder(tmp_path / "mixed", files | strays | {"@eaDir/0.png/index.db": b"m"})
    with pytest.warns(UserWarning, match=r"'.thumbnails/2.png' and 2 more skipped: hidden folders and .*@eadir"):
        assert imagelist.count("folder", {"path": mixed}) == 6
    one, other = (imagelist.content_digest("folder", {"path": path}) for path in (plain, mixed))
    assert one == other


def test_a_few_images_of_another_size_are_named(tmp_path, pixels):
    files = {f"{i:03d}.png": packed(pixels[i % 6]) for i in range(40)}
    sheet = {"sheet.png": packed(np.zeros((50, 70, 3), np.uint8))}
    folder = write_folder(tmp_path / "images", files | sheet)
    words = r"1 of 41 images differ in size from the other 5×7: 'sheet.png' \(50×70\); all count as samples"
    with pytest.warns(UserWarning, match=words):
        assert open_images("folder", {"path": folder}).shape is None
    for count, told in ((4, False), (0, False)):  # more than a tenth: sizes of their own; all of one size
        more = {f"x{i}.png": packed(np.zeros((9, 9 + i, 3), np.uint8)) for i in range(count)}
        other = write_folder(tmp_path / f"with {count}", dict(list(files.items())[:30]) | more)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert (open_images("folder", {"path": other}).shape is None) == bool(count)
        assert bool(said) == told


def test_images_are_read_by_index_in_the_order_asked_for(tmp_path, pixels):
    path = write_zip(tmp_path / "z.zip", {f"{i}.png": packed(image) for i, image in enumerate(pixels)})
    source = open_images("zip", {"path": path})
    np.testing.assert_array_equal(source.read([4, 0, 4]), pixels[[4, 0, 4]])
    assert source.read([]).shape == (0, 5, 7, 3)
    for wrong in ([6], [-1]):
        with pytest.raises(IndexError):
            source.read(wrong)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read([1]), pixels[[1]])


def test_side_files_and_hidden_files_are_left_out(tmp_path, pixels):
    image = packed(pixels[0])
    side = dict.fromkeys(
        ["Thumbs.db", ".DS_Store", "meta.json", "captions.txt", "LICENSE", ".cache/x.bin", "__MACOSX/._a.png"], b"?"
    )
    assert imagelist.count("folder", {"path": write_folder(tmp_path / "f", {"a.png": image, **side})}) == 1
    assert imagelist.count("zip", {"path": write_zip(tmp_path / "z.zip", {"./a.png": image, **side})}) == 1
    # A class that happens to be called like a side file is still a class.
    assert imagelist.count("folder", {"path": write_folder(tmp_path / "g", {"notice/a.png": image})}) == 1


def test_links_to_files_and_folders_are_followed(tmp_path, pixels):
    real = write_folder(tmp_path / "real", {"a.png": packed(pixels[0]), "sub/b.png": packed(pixels[1])})
    view = tmp_path / "view"
    view.mkdir()
    (view / "one.png").symlink_to(real / "a.png")
    (view / "twice").symlink_to(real / "sub")
    np.testing.assert_array_equal(read_all("folder", path=view), pixels[:2])


@pytest.mark.parametrize(
    ("folders", "labels"),
    [(["2", "10", "2"], [10, 2, 2]), (["dog", "cat", "dog"], [0, 1, 1]), (["01", "1", "1"], [0, 1, 1])],
)
def test_class_folders_give_labels(tmp_path, pixels, folders, labels):
    files = {f"train/{name}/{i}.png": packed(pixels[i]) for i, name in enumerate(folders)}
    for kind, path in (("folder", write_folder(tmp_path / "f", files)), ("zip", write_zip(tmp_path / "z.zip", files))):
        found = open_images(kind, {"path": path, "labels": "folders"}).labels
        assert found.tolist() == labels
        assert found.dtype == np.int64
        assert open_images(kind, {"path": path}).labels is None


def test_an_image_outside_the_class_folders_is_refused(tmp_path, pixels):
    path = write_folder(tmp_path, {"0/a.png": packed(pixels[0]), "b.png": packed(pixels[1])})
    line = the_line(lambda: imagelist.count("folder", {"path": path, "labels": "folders"}))
    assert line == f"{path}: 'b.png' is not in a class folder"


def test_palette_1_bit_and_opaque_alpha_lose_nothing(tmp_path, pixels):
    few = (pixels[0] // 128) * 255
    bits = few[..., 0] > 0
    opaque = np.dstack([pixels[0], np.full((5, 7), 255, np.uint8)])
    cases = {
        "palette": (packed(Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE)), few),
        "unused": (packed(Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE), transparency=200), few),
        "bits": (packed(Image.fromarray(bits)), bits[..., None] * np.uint8(255)),
        "alpha": (packed(opaque), pixels[0]),
        "grey": (packed(PICTURE.convert("LA")), np.asarray(PICTURE.convert("L"))[..., None]),
        "gif": (packed(Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE), "GIF"), few),
    }
    for name, (content, expected) in cases.items():
        path = write_folder(tmp_path / name, {"a.png": content})
        np.testing.assert_array_equal(read_all("folder", path=path)[0], expected, err_msg=name)


def test_grey_files_among_rgb_are_repeated_unless_grey_is_declared(tmp_path, pixels):
    grey = np.repeat(pixels[:, :, :, :1], 3, axis=3)
    path = write_folder(tmp_path, {"a.png": packed(pixels[0, ..., 0]), "b.png": packed(grey[1])})
    np.testing.assert_array_equal(read_all("folder", path=path), grey[:2])
    declared = open_images("folder", {"path": path}, expected=(5, 7, 1))
    np.testing.assert_array_equal(declared.read([0, 1]), grey[:2, ..., :1])
    (path / "c.png").write_bytes(packed(pixels[2]))
    line = the_line(lambda: open_images("folder", {"path": path}, expected=(5, 7, 1)).read([0, 1, 2]))
    assert line == f"{path}: 'c.png' is in colour, but the images are declared with 1 channel"


def test_a_set_of_grey_files_stays_grey(tmp_path, pixels):
    path = write_folder(tmp_path, {"a.png": packed(pixels[0, ..., 0])})
    assert read_all("folder", path=path).shape == (1, 5, 7, 1)


# Single files that are refused, by the same words from a folder and a zip


def png(depth: int, colour: int, row: bytes, *, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 7, 5, depth, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * 5)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


RANDOM = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PICTURE = Image.fromarray(RANDOM)
CLEAR = Image.fromarray(np.dstack([RANDOM, np.arange(35, dtype=np.uint8).reshape(5, 7)]))
FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - RANDOM)]}
FLIPPED = bytearray(packed(PICTURE))
FLIPPED[60] ^= 1
BAD_FILES = {
    "zero bytes": (b"", "is empty (0 bytes)"),
    "text": (b"hello", "is not an image in a known format"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "is not an image in a known format"),
    "numpy array": (b"\x93NUMPY\x01\x00", "is not an image in a known format"),
    **{f"truncated {f}": (packed(PICTURE, f)[:-9], "truncated") for f in ("PNG", "JPEG", "BMP", "TIFF", "PPM", "GIF")},
    "truncated WEBP": (packed(PICTURE, "WEBP")[:-9], "is truncated or damaged"),
    "progressive JPEG": (packed(PICTURE, "JPEG", progressive=True)[:-20], "truncated"),
    "last byte": (packed(PICTURE)[:-1], "is truncated (no end of PNG)"),
    "flipped bit": (bytes(FLIPPED), "damaged"),
    "16-bit grey": (png(16, 0, bytes(14)), "is not 8 bits per channel (I;16)"),
    "16-bit RGB": (png(16, 2, bytes(42)), "is not 8 bits per channel (RGB;16B)"),
    "16-bit RGBA": (png(16, 6, bytes(56)), "is not 8 bits per channel (RGBA;16B)"),
    "integers": (packed(Image.new("I", (7, 5)), "TIFF"), "is not 8 bits per channel (I)"),
    "floats": (packed(Image.new("F", (7, 5)), "TIFF"), "is not 8 bits per channel (F)"),
    "deep PPM": (b"P6\n7 5\n65535\n" + bytes(210), "is not 8 bits per channel (maxval 65535)"),
    "shallow PPM": (b"P6\n7 5\n15\n" + bytes(105), "is not 8 bits per channel (maxval 15)"),
    "CMYK": (packed(PICTURE.convert("CMYK"), "JPEG"), "is CMYK, not grey or RGB"),
    "YCbCr": (packed(PICTURE.convert("YCbCr"), "TIFF"), "is YCbCr, not grey or RGB"),
    "LAB": (packed(Image.new("LAB", (7, 5)), "TIFF"), "is LAB, not grey or RGB"),
    "alpha": (packed(CLEAR), "is partly transparent"),
    "grey alpha": (packed(CLEAR.convert("LA")), "is partly transparent"),
    "clear palette entry": (packed(PICTURE.quantize(4), transparency=1), "is partly transparent"),
    "clear colour": (packed(PICTURE, transparency=tuple(map(int, RANDOM[0, 0]))), "is partly transparent"),
    "animated GIF": (packed(PICTURE, "GIF", **FRAMES), "holds several frames or pages"),
    "animated WebP": (packed(PICTURE, "WEBP", **FRAMES), "holds 2 frames or pages"),
    "APNG": (packed(PICTURE, **FRAMES), "holds 2 frames or pages"),
    "two pages": (packed(PICTURE, "TIFF", **FRAMES), "holds 2 frames or pages"),
    "phone's picture pair": (packed(PICTURE, "MPO", **FRAMES), "holds 2 frames or pages"),
    **{
        f"turned {format}": (packed(PICTURE, format, exif=turned(6)), "has EXIF orientation 6")
        for format in ("JPEG", "PNG", "WEBP", "TIFF")
    },
    "upside down": (packed(PICTURE, "JPEG", exif=turned(3)), "has EXIF orientation 3"),
    "90 million pixels": (packed(Image.new("1", (30_000, 3_000))), "over 89,478,485 pixels: a decompression bomb?"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_in_one_line_that_names_it(tmp_path, case):
    content, words = BAD_FILES[case]
    files = {"0.png": packed(PICTURE), "bad.png": content}
    for kind, path in (("folder", write_folder(tmp_path / "f", files)), ("zip", write_zip(tmp_path / "z.zip", files))):
        line = the_line(lambda kind=kind, path=path: read_all(kind, path=path))
        assert line.startswith(f"{path}: 'bad.png' ")
        assert words in line
        assert "(and" not in line


def test_orientation_1_and_unknown_are_taken(tmp_path):
    files = {f"{i}.png": packed(PICTURE, exif=turned(i)) for i in (0, 1)}
    assert len(read_all("folder", path=write_folder(tmp_path, files))) == 2


def test_half_a_picture_is_refused_though_the_program_told_pillow_to_be_lenient(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = write_folder(tmp_path / "a", {"a.jpg": packed(PICTURE, "JPEG")[:-30]})
    assert "truncated" in the_line(lambda: read_all("folder", path=path))
    path = write_folder(tmp_path / "b", {"a.png": packed(Image.new("1", (30_000, 3_000)))})
    assert "decompression bomb" in the_line(lambda: read_all("folder", path=path))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_reading_leaves_the_programs_warnings_as_they_were(tmp_path, pixels):
    path = write_folder(tmp_path, {"a.png": packed(pixels[0])})
    before = list(warnings.filters)
    read_all("folder", path=path)
    assert warnings.filters == before


def test_the_line_counts_the_other_bad_files(tmp_path):
    files = {"a.png": packed(PICTURE), "b.png": b"x", "c.png": b"y", "d.png": b""}
    line = the_line(lambda: read_all("folder", path=write_folder(tmp_path / "1", files)))
    assert "'b.png' is not an image" in line
    assert line.endswith("(and 2 more of the files there)")
    clear = {f"{i}.png": packed(CLEAR if i % 2 else PICTURE) for i in range(8)}  # bad, but not by the header
    source = open_images("folder", {"path": write_folder(tmp_path / "2", clear)})
    line = the_line(lambda: source.read([2, 3]))
    assert "'3.png' is partly transparent" in line
    assert line.endswith("(and 3 more of the files there)")
    np.testing.assert_array_equal(source.read([2])[0], RANDOM)


def test_the_count_of_bad_files_says_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(imagefiles, "CHECKED_AFTER_FAILURE", 3)
    path = write_folder(tmp_path, {f"{i}.png": packed(CLEAR) for i in range(6)})
    assert the_line(lambda: read_all("folder", path=path)).endswith("(and 2 more of the first 3 files)")


def test_files_of_several_sizes_come_each_at_its_own_unless_one_is_declared(tmp_path, pixels):
    held = [pixels[0], pixels[1], pixels[2][:4], pixels[3][:4, :, :1]]
    files = {f"{name}.png": packed(image) for name, image in zip("abcd", held, strict=True)}
    for kind, path in (("folder", write_folder(tmp_path / "f", files)), ("zip", write_zip(tmp_path / "z.zip", files))):
        source = open_images(kind, {"path": path})
        assert source.shape is None
        found = source.read([3, 0, 2])
        assert found.shapes == [(4, 7, 3), (5, 7, 3), (4, 7, 3)]  # one RGB file makes the set RGB
        np.testing.assert_array_equal(found[0], np.repeat(held[3], 3, axis=2))
        np.testing.assert_array_equal(found[2], held[2])
        line = the_line(lambda kind=kind, path=path: open_images(kind, {"path": path}, expected=(5, 7, 3)).shape)
        words = "'c.png' is 4×7, declared 5×7; set `image: any` to allow all sizes (and 1 more of the files there)"
        assert line == f"{path}: {words}"


def test_a_size_other_than_the_declared_one_is_refused(tmp_path, pixels):
    path = write_folder(tmp_path, {"a.png": packed(pixels[0])})
    line = the_line(lambda: open_images("folder", {"path": path}, expected=(28, 28, 3)).shape)
    assert line == f"{path}: 'a.png' is 5×7, declared 28×28; set `image: any` to allow all sizes"


# Folders that cannot be listed


def test_an_unknown_suffix_is_refused_by_name_with_a_count(tmp_path, pixels):
    image = packed(pixels[0])
    files = {"a.png": image, "b.psd": b"", "c.exe": b"", "d.zip": b""}
    for kind, path in (("folder", write_folder(tmp_path / "f", files)), ("zip", write_zip(tmp_path / "z.zip", files))):
        line = the_line(lambda kind=kind, path=path: imagelist.count(kind, {"path": path}))
        assert line.startswith(f"{path}: 'b.psd' is not an image (.png, ")
        assert line.endswith("(and 2 more of the files there)")


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing yet")
    assert "holds no images" in the_line(lambda: imagelist.count("folder", {"path": tmp_path}))
    assert "holds no images" in the_line(lambda: imagelist.count("zip", {"path": write_zip(tmp_path / "z.zip", {})}))


def test_a_missing_path_or_the_wrong_kind_is_said(tmp_path, pixels):
    missing, folder, file = tmp_path / "missing", tmp_path, tmp_path / "a.png"
    file.write_bytes(packed(pixels[0]))
    for kind in ("folder", "zip", "npz"):
        assert the_line(lambda kind=kind: imagelist.count(kind, {"path": missing})) == f"{missing}: does not exist"
    assert the_line(lambda: imagelist.count("idx", {"images": missing})) == f"{missing}: does not exist"
    assert "is a file, expected a folder" in the_line(lambda: imagelist.count("folder", {"path": file}))
    assert "is a folder, expected a zip" in the_line(lambda: imagelist.count("zip", {"path": folder}))
    assert "is not a zip archive" in the_line(lambda: imagelist.count("zip", {"path": file}))
    assert "cannot be read as IDX" in the_line(lambda: imagelist.count("idx", {"images": folder}))


def test_circles_and_broken_links_are_refused(tmp_path, pixels):
    def folder(name: str) -> Path:
        return write_folder(tmp_path / name, {"sub/a.png": packed(pixels[0])})

    (folder("circle") / "sub" / "up").symlink_to(tmp_path / "circle")
    (folder("self") / "me.png").symlink_to("me.png")
    (folder("broken") / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(folder("pipe") / "pipe.png")
    for name, words in {
        "circle": "'sub/up' is a link to a folder above it",
        "self": "'me.png' cannot be opened (Too many levels",
        "broken": "'gone.png' is a broken link",
        "pipe": "'pipe.png' is a broken link or no regular file",
    }.items():
        assert words in the_line(lambda name=name: imagelist.count("folder", {"path": tmp_path / name}))


def test_a_name_that_is_not_utf8_is_refused(tmp_path, pixels):
    try:
        (tmp_path / os.fsdecode(b"a\xff.png")).write_bytes(packed(pixels[0]))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert the_line(lambda: imagelist.count("folder", {"path": tmp_path})).endswith(
        r"'a\udcff.png' has a file name that is not UTF-8; rename it"
    )


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path):
    path = write_folder(tmp_path, {"a\nb.png": b"x"})
    assert r"'a\nb.png' is not an image" in the_line(lambda: read_all("folder", path=path))


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX here")
def test_what_may_not_be_read_is_said(pixels):
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        file = write_folder(Path(name) / "file", {"a.png": packed(pixels[0])})
        inner = write_folder(Path(name) / "inner", {"a.png": packed(pixels[0]), "sub/b.png": packed(pixels[0])})
        (file / "a.png").chmod(0)
        (inner / "sub").chmod(0)
        became = os.geteuid() == 0
        if became:
            os.seteuid(65534)  # the superuser may read everything
        try:
            lines = [the_line(lambda path=path: read_all("folder", path=path)) for path in (file, inner)]
            digest_line = the_line(lambda: imagelist.content_digest("folder", {"path": file}))
        finally:
            if became:
                os.seteuid(0)
            (inner / "sub").chmod(0o755)
    assert lines[0].startswith(f"{file}: 'a.png' cannot be read (Permission denied)")
    assert lines[1] == f"{inner}: 'sub/' cannot be listed (Permission denied)"
    assert digest_line == f"{file}: 'a.png' cannot be read (Permission denied)"


# Zips that are refused


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../a.png", "points outside the archive with '..'"),
        ("x/../../a.png", "points outside the archive with '..'"),
        ("x\\..\\..\\a.png", "points outside the archive with '..'"),
        ("/etc/a.png", "has an absolute path"),
        ("\\a.png", "has an absolute path"),
        ("C:/a.png", "has an absolute path"),
    ],
)
def test_a_member_that_would_leave_the_archive_is_refused(tmp_path, pixels, member, words):
    path = write_zip(tmp_path / "z.zip", {"ok.png": packed(pixels[0]), member: packed(pixels[1])})
    line = the_line(lambda: imagelist.count("zip", {"path": path}))
    assert line.startswith(f"{path}: member {member!r} {words}")


def test_encrypted_linked_and_repeated_members_are_refused(tmp_path, pixels):
    image = packed(pixels[0])
    secret = write_zip(tmp_path / "secret.zip", {"a.png": image})
    raw = bytearray(secret.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1  # flag bit 0 in the central directory
    secret.write_bytes(raw)
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.png", image)
        archive.writestr("a.png", packed(pixels[1]))
    for name, words in {"secret": "is encrypted", "link": "is a symbolic link", "twice": "occurs twice"}.items():
        assert words in the_line(lambda name=name: imagelist.count("zip", {"path": tmp_path / f"{name}.zip"}))


def test_a_member_that_unpacks_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.png", "w") as stream:
        for _ in range(80):
            stream.write(bytes(1 << 20))
    line = the_line(lambda: imagelist.count("zip", {"path": path}))
    assert "would unpack from" in line
    assert "decompression bomb" in line


def test_many_members_over_the_same_bytes_are_refused(tmp_path):
    path = tmp_path / "overlap.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.bmp", bytes(32 << 20))
        first = archive.filelist[0]
        for i in range(1, 40):
            twin = zipfile.ZipInfo(f"{i}.bmp")
            for field in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
                setattr(twin, field, getattr(first, field))
            archive.filelist.append(twin)
    assert "its members would unpack to" in the_line(lambda: imagelist.count("zip", {"path": path}))


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    bitmap = packed(Image.new("RGB", (200, 200)), "BMP")
    for declared in (1000, len(bitmap) + 1000):
        path = write_zip(tmp_path / f"{declared}.zip", {"a.bmp": bitmap})
        raw = bytearray(path.read_bytes())
        raw[(at := raw.index(b"PK\1\2") + 24) : at + 4] = struct.pack("<I", declared)
        path.write_bytes(raw)
        for act in (
            lambda path=path: read_all("zip", path=path),
            lambda path=path: imagelist.content_digest("zip", {"path": path}),
        ):
            line = the_line(act)
            assert line.startswith(f"{path}: 'a.bmp' ")
            assert "truncated or damaged" in line or "is damaged" in line or "cannot be read" in line


def test_a_damaged_member_and_a_truncated_zip_are_refused(tmp_path, pixels):
    path = write_zip(tmp_path / "z.zip", {"a.png": packed(pixels[0])}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[80] ^= 0xFF
    path.write_bytes(broken)
    assert "'a.png'" in the_line(lambda: read_all("zip", path=path))
    assert "Bad CRC-32" in the_line(lambda: imagelist.content_digest("zip", {"path": path}))
    path.write_bytes(whole[:-10])
    assert "is not a zip archive, or a truncated one" in the_line(lambda: imagelist.count("zip", {"path": path}))


def test_nothing_of_a_zip_is_written_to_disk(tmp_path, pixels):
    path = write_zip(tmp_path / "z.zip", {"x/a.png": packed(pixels[0])})
    read_all("zip", path=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["z.zip"]


# npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_gives_back_the_array_stored_or_compressed(tmp_path, pixels, save, order):
    path = tmp_path / "a.npz"
    save(path, np.asarray(pixels, order=order), np.arange(6))  # ADM's layout: arr_0 images, arr_1 labels
    assert imagelist.count("npz", {"path": path}) == 6
    assert imagelist.shape("npz", {"path": path}) == (5, 7, 3)
    source = open_images("npz", {"path": path, "labels": "arr_1"})
    np.testing.assert_array_equal(source.read([5, 0, 3]), pixels[[5, 0, 3]])
    assert source.labels.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read([1]), pixels[[1]])


def test_an_uncompressed_npz_is_mapped_not_loaded(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", images=pixels)
    source = open_images("npz", {"path": tmp_path / "a.npz"})
    source.read([0])
    assert isinstance(source._array, np.memmap)


def test_a_stored_npz_whose_local_header_is_shifted_is_refused_not_misread(tmp_path, pixels):
    path = tmp_path / "a.npz"
    np.savez(path, images=pixels)
    raw = bytearray(path.read_bytes())
    raw[28] ^= 1  # length of the extra field, which only this copy of the header holds
    path.write_bytes(raw)
    assert "is not a readable array" in the_line(lambda: read_all("npz", path=path))


def test_a_flipped_pixel_of_a_stored_npz_is_found_by_the_digest(tmp_path, pixels):
    """A mapped read does not look at the checksum; a run takes the digest of every generator of files first."""
    path = tmp_path / "a.npz"
    np.savez(path, images=np.tile(pixels, (50, 1, 1, 1)))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert "is truncated or damaged" in the_line(lambda: imagelist.content_digest("npz", {"path": path}))


def test_npz_digest_does_not_depend_on_compression_but_on_pixels_and_labels(tmp_path, pixels):
    def digest(save, array, **parameters) -> str:
        save(tmp_path / "a.npz", images=array, labels=np.arange(6))
        return imagelist.content_digest("npz", {"path": tmp_path / "a.npz", **parameters})

    assert digest(np.savez, pixels) == digest(np.savez_compressed, pixels)
    distinct = [
        digest(np.savez, pixels),
        digest(np.savez, pixels, labels="labels"),
        digest(np.savez, pixels[::-1]),
        digest(np.savez, np.ascontiguousarray(pixels).reshape(6, 7, 5, 3)),
        digest(np.savez, np.asarray(pixels, order="F")),
    ]
    assert len(set(distinct)) == 5


def test_npz_array_is_images_then_the_only_one_of_the_shape_of_images(tmp_path, pixels):
    def found(**arrays) -> int:
        np.savez(tmp_path / "a.npz", **arrays)
        return imagelist.count("npz", {"path": tmp_path / "a.npz"})

    assert found(arr_0=pixels, images=pixels[:4]) == 4
    assert found(arr_0=pixels[:5], arr_1=np.arange(5), mu=np.zeros(4), sigma=np.eye(4)) == 5
    assert found(samples=pixels[:3]) == 3
    assert found(x=pixels[:3], y=np.arange(3), named=np.array([None] * 3)) == 3
    line = the_line(lambda: found(a=pixels, b=pixels))
    assert "2 arrays have the shape of images, 'a' (6×5×7×3), 'b' (6×5×7×3); choose one" in line
    assert imagelist.count("npz", {"path": tmp_path / "a.npz", "array": "b"}) == 6
    assert "no array 'c'; it holds 'a', 'b'" in the_line(
        lambda: imagelist.count("npz", {"path": tmp_path / "a.npz", "array": "c"})
    )


def test_grey_npz_may_leave_the_channel_out(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", pixels[..., 0])
    assert read_all("npz", path=tmp_path / "a.npz").shape == (6, 5, 7, 1)


class Trap:
    """Leaves a file behind if anybody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_an_npz_that_needs_pickle_is_refused_and_not_unpickled(tmp_path):
    trapped = np.empty(1, dtype=object)
    trapped[0] = Trap(tmp_path / "sprung")
    np.savez(tmp_path / "a.npz", images=trapped)
    line = the_line(lambda: read_all("npz", path=tmp_path / "a.npz"))
    assert "array 'images' needs pickle, which can run code; save plain arrays" in line
    assert not (tmp_path / "sprung").exists()
    np.savez(tmp_path / "a.npz", images=np.zeros((1, 8, 8), np.uint8), labels=trapped)
    assert "array 'labels' needs pickle" in the_line(lambda: read_all("npz", path=tmp_path / "a.npz", labels="labels"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "is <f4, not uint8; save uint8 by its scale: of [0, 1] (x * 255).round()"),
        (np.zeros((2, 8, 8, 3), np.int64), "is <i8, not uint8"),
        (np.zeros((2, 3, 8, 8), np.uint8), "is 2×3×8×8, channels first; save channels last"),
        (np.zeros((2, 3, 8, 3), np.uint8), "the channel axis is ambiguous"),
        (np.zeros((8, 8, 3), np.uint8), "one image or 8?"),
        (np.zeros((2, 8, 8, 4), np.uint8), "is 2×8×8×4; allowed: n×H×W grey"),
        (np.zeros((2, 192), np.uint8), "is 2×192; allowed: n×H×W grey"),
        (np.zeros((0, 8, 8, 3), np.uint8), "which holds no image"),
        (np.zeros(2, dtype=[("r", "u1"), ("g", "u1")]), "is not an array of plain numbers"),
        (np.zeros(2, dtype="M8[s]"), "is not an array of plain numbers"),
    ],
)
def test_an_array_that_is_no_uint8_nhwc_is_refused(tmp_path, array, words):
    np.savez(tmp_path / "a.npz", array)
    assert words in the_line(lambda: imagelist.count("npz", {"path": tmp_path / "a.npz"}))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.arange(5), "holds 5 labels for 6 images"),
        (np.arange(6.0), "labels must be n whole numbers"),
        (np.eye(6, dtype=int), "labels must be n whole numbers"),
        (np.arange(6) - 1, "labels run from -1 to 4"),
        (np.full(6, 2**63, np.uint64), "labels run from 9223372036854775808 to 9223372036854775808; allowed"),
        (np.arange(6) * 10_000, "labels run from 0 to 50000; allowed: 0 to 9999"),
    ],
)
def test_labels_that_cannot_be_labels_are_refused(tmp_path, pixels, labels, words):
    np.savez(tmp_path / "a.npz", images=pixels, labels=labels)
    assert words in the_line(lambda: open_images("npz", {"path": tmp_path / "a.npz", "labels": "labels"}).labels)


def test_npy_headers_that_lie_or_are_none_are_refused(tmp_path, pixels):
    saved = io.BytesIO()
    np.save(saved, pixels)
    member = saved.getvalue()
    shape, padding = b"(6, 5, 7, 3)", b" \n"
    cases = {
        "promises 945 bytes of pixels and the member holds 630": member.replace(shape, b"(9, 5, 7, 3)"),
        "holds 600": member[:-30],
        "not in numpy's format": b"hello world, this is no array",
        "is not a readable array": member.replace(shape, b"((((((((((((")[:200],
        r"not an array of plain numbers ('\x0bu1')": member.replace(b"'|u1'", b"'\x0bu1'"),
        "shape (-6, 5, 7, 3)": member.replace(shape, b"(-6, 5, 7, 3)").replace(b" " + padding, padding),
    }
    for words, content in cases.items():
        path = write_zip(tmp_path / "a.npz", {"images.npy": content})
        assert words in the_line(lambda path=path: imagelist.count("npz", {"path": path}))


def test_a_compressed_npz_with_a_flipped_bit_is_refused(tmp_path, pixels):
    path = tmp_path / "a.npz"
    np.savez_compressed(
        path, images=np.tile(pixels, (50, 1, 1, 1)) ^ np.arange(300, dtype=np.uint8)[:, None, None, None]
    )
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert "is truncated or damaged" in the_line(lambda: read_all("npz", path=path))


def test_a_npz_that_is_a_bomb_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((70, 1024, 1024), np.uint8))
    assert "decompression bomb" in the_line(lambda: imagelist.count("npz", {"path": tmp_path / "a.npz"}))


# idx


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_gives_back_images_and_labels_packed_or_not(tmp_path, pixels, suffix):
    pack = gzip.compress if suffix else bytes
    images, labels = tmp_path / f"images{suffix}", tmp_path / f"labels{suffix}"
    images.write_bytes(pack(idx(pixels[..., 0])))
    labels.write_bytes(pack(idx(np.array([3, 1, 4, 1, 5, 9], dtype=np.uint8))))
    parameters = {"images": images, "labels": labels}
    assert imagelist.count("idx", parameters) == 6
    assert imagelist.shape("idx", parameters) == (5, 7, 1)
    source = open_images("idx", parameters)
    np.testing.assert_array_equal(source.read([2, 0]), pixels[[2, 0], ..., :1])
    assert source.labels.tolist() == [3, 1, 4, 1, 5, 9]


def test_idx_digest_does_not_depend_on_gzip(tmp_path, pixels):
    (tmp_path / "a").write_bytes(idx(pixels[..., 0]))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(pixels[..., 0]), mtime=1))
    (tmp_path / "b.gz").write_bytes(gzip.compress(idx(pixels[::-1, ..., 0])))
    plain, packed_, other = (imagelist.content_digest("idx", {"images": tmp_path / n}) for n in ("a", "a.gz", "b.gz"))
    assert plain == packed_ != other


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kind", ["more", "absurdly more", "less"])
def test_an_idx_header_that_lies_is_refused(tmp_path, pixels, suffix, kind):
    honest = idx(pixels[..., 0])
    said = {"more": 7, "absurdly more": 2**31, "less": 5}[kind]
    content = honest[:4] + struct.pack(">I", said) + honest[8:]
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    line = the_line(lambda: read_all("idx", images=path))
    assert line.startswith(f"{path}: ")
    assert "promises" in line
    if not suffix or kind == "absurdly more":  # said before anything is unpacked
        assert "do not hold" in the_line(lambda: imagelist.count("idx", {"images": path}))


def test_damaged_idx_files_are_refused(tmp_path, pixels):
    honest = idx(pixels[..., 0])
    flipped = bytearray(gzip.compress(honest))
    flipped[-6] ^= 1  # the CRC
    cases = {
        "truncated.gz": (gzip.compress(honest)[:-20], "is truncated or damaged"),
        "crc.gz": (bytes(flipped), "is truncated or damaged"),
        "plain.gz": (honest, "cannot be read as gzipped IDX"),
        "stub.gz": (gzip.compress(honest)[:12], "cannot be read as gzipped IDX"),
        "packed": (gzip.compress(honest), "is not an IDX file"),
        "empty": (b"", "is not an IDX file"),
        "short": (honest[:9], "is not an IDX file"),
        "float": (b"\0\0\x0d\3" + honest[4:], "IDX type 0x0d is float32, not uint8 (0x08)"),
        "flat": (idx(np.zeros(6, np.uint8)), "allowed: n×H×W grey"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert words in the_line(lambda name=name: read_all("idx", images=tmp_path / name))


# Rows and order


def test_rows_of_one_file_make_disjoint_splits_that_cover_it(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(6))
    dataset = datasets.ImageFiles(
        "npz",
        splits={
            "a": {"path": tmp_path / "a.npz", "labels": "labels", "rows": [0, 4], "order_seed": 3},
            "b": {"path": tmp_path / "a.npz", "labels": "labels", "rows": [4, 6], "order_seed": 3},
            "plain": {"path": tmp_path / "a.npz", "labels": "labels", "rows": [1, 3]},
        },
        image=[5, 7, 3],
    )
    a, b, plain = dataset.load("a"), dataset.load("b"), dataset.load("plain")
    order = [*a.labels, *b.labels]
    assert sorted(order) == list(range(6))
    assert order != list(range(6))
    np.testing.assert_array_equal(np.concatenate([a.images, b.images]), pixels[order])
    assert plain.labels.tolist() == [1, 2]
    assert imagelist.count("npz", dataset.splits["a"]) == 4


def test_the_order_of_a_seed_is_pinned():
    """Golden: the order itself is part of every digest in a datasets.yaml that uses it."""
    assert list(imagelist.selected("npz", {"path": "x", "order_seed": 1}, 6)) == [2, 5, 0, 1, 3, 4]


def test_rows_beyond_the_end_are_refused(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", images=pixels)
    for rows in ([0, 7], [3, 3], [-1, 2]):
        line = the_line(lambda rows=rows: imagelist.count("npz", {"path": tmp_path / "a.npz", "rows": rows}))
        assert line.endswith(f"rows {rows} out of range; it holds 6 images, numbered from 0")


# As datasets and generators


def test_a_dataset_of_files_loads_its_splits_and_names_those_it_has(tmp_path, pixels):
    files = {f"{i % 2}/{i}.png": packed(image) for i, image in enumerate(pixels)}
    write_folder(tmp_path / "f", files)
    write_zip(tmp_path / "z.zip", files)
    folder = datasets.ImageFiles(
        "folder", splits={"train": {"path": tmp_path / "f", "labels": "folders"}}, image=[5, 7, 3]
    )
    archive = datasets.ImageFiles("zip", splits={"train": {"path": tmp_path / "z.zip", "labels": "folders"}})
    for dataset in (folder, archive):
        images = dataset.load("train")
        np.testing.assert_array_equal(images.images, pixels[[0, 2, 4, 1, 3, 5]])
        assert images.classes == [3, 3]
        assert the_line(lambda d=dataset: d.load("test")) == "the dataset has no split 'test'; it has train"


def test_arrays_of_another_shape_than_declared_are_refused(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", images=pixels)
    dataset = datasets.ImageFiles("npz", splits={"a": {"path": tmp_path / "a.npz"}}, image=[5, 7, 1])
    assert the_line(lambda: dataset.load("a")) == f"{tmp_path / 'a.npz'}: images are 5×7×3, declared 5×7×1"


def test_generators_of_files_are_pools_that_give_the_files(tmp_path, pixels):
    files = {f"{i}.png": packed(image) for i, image in enumerate(pixels)}
    np.savez(tmp_path / "a.npz", samples=pixels, other=pixels[:2])
    for generator in (
        generators.Files("folder", path=str(write_folder(tmp_path / "f", files))),
        generators.Files("zip", path=str(write_zip(tmp_path / "z.zip", files))),
        generators.Files("npz", path=str(tmp_path / "a.npz"), array="samples"),
    ):
        assert not hasattr(generator, "fit")  # nothing to learn, so no training split is needed
        assert generator.size == 6
        np.testing.assert_array_equal(generator.sample(np.array([5, 1])), pixels[[5, 1]])


def test_paths_are_resolved_against_the_declaring_folder_and_nothing_else_is_touched():
    resolved = imagelist.resolve("idx", {"images": "a/b", "labels": None, "rows": [0, 1]}, Path("/data"))
    assert resolved == {"images": "/data/a/b", "labels": None, "rows": [0, 1]}
    assert imagelist.resolve("zip", {"path": "/abs.zip"}, Path("/data")) == {"path": "/abs.zip"}
    assert imagelist.resolve("npz", {"path": "a.npz", "labels": "arr_1"}, Path("/d"))["labels"] == "arr_1"


def test_listing_imports_neither_numpy_nor_pillow():
    code = "import sys, harness.images.listing; print([m for m in ('numpy', 'PIL', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Real files

MNIST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "gmgan_ngau.zip", "gmgan_merigot.zip")


@needs_shared(*(f"mnist/{name}" for name in MNIST))
def test_mnist_and_two_generators_of_it_are_read_as_they_are():
    parameters = {
        "images": SHARED / "mnist" / "t10k-images-idx3-ubyte.gz",
        "labels": SHARED / "mnist" / "t10k-labels-idx1-ubyte.gz",
    }
    assert imagelist.count("idx", parameters) == 10_000
    images = datasets.ImageFiles("idx", splits={"test": parameters}, image=[28, 28, 1]).load("test")
    assert images.images.shape == (10_000, 28, 28, 1)
    assert images.classes == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for name in ("gmgan_ngau", "gmgan_merigot"):
        assert imagelist.count("zip", {"path": SHARED / "mnist" / f"{name}.zip"}) == 10_000
    sampled = generators.Files("zip", path=str(SHARED / "mnist" / "gmgan_ngau.zip")).sample([0, 9_999, 5_000])
    assert sampled.shape == (3, 28, 28, 3)
    assert (sampled == sampled[..., :1]).all()
