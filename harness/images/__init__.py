"""Images: sets, the files and containers they lie in, datasets of real ones, and preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.doors import door

if TYPE_CHECKING:
    from harness.images import listing, preprocessing
    from harness.images.captions import prompts_of
    from harness.images.datasets import torchvision
    from harness.images.datasets.digits import Digits
    from harness.images.datasets.mnist5k import Mnist5k
    from harness.images.datasets.split import Dataset, Images, OpenSplit, content_digest
    from harness.images.datasets.table import DATASETS
    from harness.images.decode import decode as decoded_image
    from harness.images.files import open_images
    from harness.images.formats.arrays import ArrayPair, uint8_advice
    from harness.images.formats.facts import Format, containers
    from harness.images.formats.names import FileList, as_people_count, is_utf8, partner_keys
    from harness.images.formats.shards import pattern_stem, shards, shards_of_one
    from harness.images.preprocessing import recipes
    from harness.images.preprocessing.recipes import RECIPES, Preprocessing, declared
    from harness.images.preprocessing.steps import FILTERS, NORMALISATIONS, Crop, Normalise
    from harness.images.sets import MIXED, Content, ImageSet, Mixed, joined, packed, unpacked

__getattr__ = door(__name__)
