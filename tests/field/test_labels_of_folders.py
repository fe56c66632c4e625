"""A label is the path of folders below the root, alike in folders, zips and tars; one level of it can be chosen."""

from __future__ import annotations

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from harness.base import UsageError
from harness.images import open_images

PATIENTS = [
    f"patients/p{patient:02d}/{view}/{k}.png" for patient in range(1, 4) for view in ("ax", "cor") for k in "ab"
]


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(stream, "png")
    return stream.getvalue()


@pytest.fixture(params=["folder", "zip", "tar"])
def labels(request, tmp_path):
    """Writes names into a folder, a zip or a tar, and reads the labels of the images in it."""

    def read(names, **parameters):
        path = tmp_path / "set"
        if request.param == "folder":
            for name in names:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(picture())
        elif request.param == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name in names:
                    archive.writestr(name, picture())
        else:
            with tarfile.open(path, "w") as archive:
                for name in names:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(picture())
                    archive.addfile(entry, io.BytesIO(picture()))
        found = open_images(request.param, {"path": path, "labels": "folders", **parameters}).labels
        return found.tolist()

    return read


def test_views_of_one_name_are_not_one_label_over_all_patients(labels):
    assert len(set(labels(PATIENTS))) == 6  # 2 before: ax and cor


def test_a_level_can_be_chosen_from_either_end(labels):
    assert labels(PATIENTS, level=2) == [0] * 4 + [1] * 4 + [2] * 4
    assert labels(PATIENTS, level=-1) == [0, 0, 1, 1] * 3


def test_a_folder_called_images_in_every_class_is_no_label(labels):
    assert labels(["cat/images/1.png", "dog/images/1.png"]) == [0, 1]  # one class before


def test_numbers_stay_labels_below_and_above_folders_that_all_share(labels):
    assert labels(["train/10/images/1.png", "train/2/images/1.png"]) == [10, 2]


def test_nested_folders_are_told_apart(labels):
    assert labels(["a/1.png", "a/b/1.png", "a/b/b/1.png"]) == [0, 1, 2]


def test_a_level_that_a_file_has_not_is_refused(labels):
    with pytest.raises(UsageError, match=r"'a/1\.png' has no folder at level 2"):
        labels(["a/1.png", "a/b/1.png"], level=2)
