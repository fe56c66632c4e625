"""`harness compare --paired`: two folders whose images belong together, from files to the interval."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

from harness.cli.main import main

pytestmark = pytest.mark.slow

FOLDERS = """\
generators:
  plain: {use: folder, path: plain}
  lighter: {use: folder, path: lighter}
  mixed: {use: folder, path: mixed}
training_seeds"""


@pytest.fixture
def widths(small):
    """Of the FD interval between two folders: by the names of both, and whether paired."""
    rng = np.random.default_rng(0)
    plain = (load_digits().images[rng.permutation(1797)[:120]] * 255 / 16).astype(np.uint8)
    lighter = np.minimum(plain.astype(int) + 6, 255).astype(np.uint8)
    for name, images in (("plain", plain), ("lighter", lighter), ("mixed", lighter[rng.permutation(120)])):
        (small.folder / name).mkdir()
        for i, pixels in enumerate(images):
            Image.fromarray(pixels).save(small.folder / name / f"{i:03d}.png")
    text = small.bench.read_text()
    head, _, rest = text.partition("generators:")
    small.bench.write_text(head + FOLDERS + rest.partition("training_seeds")[2].replace("[0, 1]", "[0]"))
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr

    def width(first, second, *options):
        file = small.folder / "told.json"
        asked = ["compare", small.folder / "results/small", first, second, "--metric", "fd", "--reference", "fixed"]
        told = CliRunner().invoke(main, [*map(str, asked), "--json", str(file), *options])
        assert told.exit_code == 0, told.output
        assert ("in the order of their names" in told.output) == ("--paired" in options)
        (row,) = json.loads(file.read_text())
        return row["comparison"]["high"] - row["comparison"]["low"]

    return width


def test_two_folders_of_as_many_images_are_paired_in_the_order_of_their_names(widths):
    assert widths("plain", "lighter", "--paired") < 0.4 * widths("plain", "lighter")
    # The same images under other names have other partners: nothing is gained.
    assert widths("plain", "mixed", "--paired") > 0.7 * widths("plain", "mixed")
