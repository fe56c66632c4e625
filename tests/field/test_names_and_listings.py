"""Names in another Unicode form, and what `harness list` says of every key."""

import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

from harness import benchmark
from harness.benchmark import registry
from harness.images import containers, listing
from harness.images.formats.names import class_labels
from harness.images.preprocessing.recipes import STEPS

NAMES = ("z.png", "é.png", "à/1.png", "a.png")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_same_pictures_under_nfc_and_nfd_names_have_one_order_and_digest(tmp_path, kind):
    found, labels = [], []
    for form in ("NFC", "NFD"):
        root = tmp_path / form
        for number, name in enumerate(NAMES):
            file = root / unicodedata.normalize(form, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 4), number, np.uint8)).save(file)
        where = root
        if kind == "zip":
            where = tmp_path / f"{form}.zip"
            with zipfile.ZipFile(where, "w") as archive:
                for file in root.rglob("*.png"):
                    archive.write(file, file.relative_to(root).as_posix())
        given = {"path": str(where)}
        names = [unicodedata.normalize("NFC", name) for name in listing.listing(kind, given).names]
        found.append((names, listing.content_digest(kind, given)))
        classes = [unicodedata.normalize(form, f"{label}/{n}.png") for n, label in enumerate(("z", "é"))]
        labels.append(class_labels(root, classes))
    assert found[0] == found[1]
    assert labels == [(0, 1), (0, 1)]
    assert sorted(NAMES) == ["a.png", "z.png", "à/1.png", "é.png"] == found[0][0]
    raw = [sorted(unicodedata.normalize(form, name) for name in NAMES) for form in ("NFC", "NFD")]
    assert [unicodedata.normalize("NFC", name) for name in raw[1]] != raw[0]  # by code points the orders differ


def test_every_key_of_a_dataset_a_split_a_generator_and_a_step_is_listed_with_its_default():
    datasets = benchmark.listing("datasets")
    for name, container in containers().items():
        for key, field in container.split.model_fields.items():
            assert (key if field.is_required() else f"{key}=") in datasets[name], (name, key)
    assert "images, labels=null" in datasets["idx"]
    assert "labels=null" in datasets["folder"]
    steps = benchmark.listing("preprocessing")
    for name, model in STEPS.items():
        for key in model.model_fields:
            assert key in steps[f"  {name}"], (name, key)
    assert "order=resize-then-crop" in steps["  crop"]
    assert "range=[0.0, 255.0]" in steps["(of your own)"]
    generators = benchmark.listing("generators")
    for component in registry.describe("generators"):
        for key in component.parameters.model_fields if component.parameters else ():
            assert key in generators[component.name], (component.name, key)
