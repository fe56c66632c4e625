"""`python coco_captions.py captions_val2014.json`: the 30,000 captions of coco30k.yaml, and the digest that pins them.

The first caption (by its id) of each image, images by their id, 30,000 of them drawn by Python's Random(0). Writes
coco30k.tsv (file_name, caption) beside this file and holds its SHA-256 against coco30k.sha256, which the first run
writes: commit it, and another list is refused from then on. Nobody publishes a digest of the list that a paper used.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

HERE, N, SEED = Path(__file__).resolve().parent, 30_000, 0


def drawn(annotations: dict, *, n: int = N, seed: int = SEED) -> bytes:
    """The list as tab-separated UTF-8 with a header; the same for the same annotations in whatever order."""
    names = {image["id"]: image["file_name"] for image in annotations["images"]}
    first: dict[int, str] = {}
    for one in sorted(annotations["annotations"], key=lambda one: one["id"]):
        first.setdefault(one["image_id"], " ".join(one["caption"].split()))
    images = sorted(random.Random(seed).sample(sorted(first), n))
    lines = ["file_name\tcaption", *(f"{names[image]}\t{first[image]}" for image in images)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def main(path: Path, folder: Path = HERE, *, n: int = N) -> str:
    """Write the list and return its SHA-256; exits where another list is pinned."""
    listed = drawn(json.loads(path.read_text("utf-8")), n=n)
    digest = hashlib.sha256(listed).hexdigest()
    pin = folder / "coco30k.sha256"
    if pin.is_file() and pin.read_text("ascii").split()[0] != digest:
        sys.exit(f"{path} gives a list with SHA-256 {digest}; {pin} pins {pin.read_text('ascii').split()[0]}")
    (folder / "coco30k.tsv").write_bytes(listed)
    pin.write_text(f"{digest}  coco30k.tsv\n", encoding="ascii")
    return digest


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(main(Path(sys.argv[1])))
