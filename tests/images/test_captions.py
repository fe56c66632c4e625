"""The prompts of images: from tables, from files beside them, from columns; matched by name, or refused."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.base import UsageError
from harness.images import prompts_of

PROMPTS = ("a red cube", "two dogs, one cat", "naïve café")


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "images"
    where.mkdir()
    for i in range(3):
        (where / f"{i:02d}.png").write_bytes(png(i))
    return where


def asked(folder: Path, **options):
    return prompts_of("folder", {"path": str(folder)}, **options)


def test_a_folder_without_prompts_has_none(folder):
    assert asked(folder) is None


def test_a_text_file_beside_each_image_is_its_prompt_and_one_that_lacks_is_named(folder):
    for i, prompt in enumerate(PROMPTS):
        (folder / f"{i:02d}.txt").write_text(prompt + "\n", encoding="utf-8")
    assert asked(folder) == PROMPTS
    (folder / "01.txt").unlink()
    with pytest.raises(UsageError, match=r"'01.png' has no prompt; add a .txt file beside it"):
        asked(folder)


@pytest.mark.parametrize("kind", ["metadata.csv", "metadata.jsonl"])
def test_a_table_in_the_folder_is_read_as_imagefolder_reads_it(folder, kind):
    rows = [{"file_name": f"{i:02d}.png", "text": prompt} for i, prompt in enumerate(PROMPTS)][::-1]
    if kind.endswith("csv"):
        body = "file_name,text\n" + "".join(f'{r["file_name"]},"{r["text"]}"\n' for r in rows)
    else:
        body = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / kind).write_text(body, encoding="utf-8")
    assert asked(folder) == PROMPTS


def test_a_table_names_images_by_path_or_by_their_last_part_and_a_missing_one_is_told(folder, tmp_path):
    table = tmp_path / "all.csv"
    table.write_text("prompt,file\n" + "".join(f'"{p}",out/{i:02d}.png\n' for i, p in enumerate(PROMPTS)))
    assert asked(folder, table=table) == PROMPTS
    table.write_text("prompt,file\na,00.png\nb,01.png\n")
    with pytest.raises(UsageError, match=r"no row names '02.png'; every image needs its prompt"):
        asked(folder, table=table)
    table.write_text("prompt,file\na,00.png\nb,00.png\n")
    with pytest.raises(UsageError, match=r"'00.png' has two prompts, 'a' and 'b'"):
        asked(folder, table=table)
    table.write_text("words,file\na,00.png\n")
    with pytest.raises(UsageError, match=r"no prompt column 'prompt' or 'caption' or 'text'; it has words, file"):
        asked(folder, table=table)
    assert asked(folder, table=write(tmp_path, "words,file\na,00.png\nb,01.png\nc,02.png\n"), column="words") == tuple(
        "abc"
    )


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


def test_a_prompt_a_line_goes_by_the_order_of_the_images_and_their_number(folder, tmp_path):
    lines = tmp_path / "prompts.txt"
    lines.write_text("\n".join(PROMPTS), encoding="utf-8")
    assert asked(folder, table=lines) == PROMPTS
    np.save(tmp_path / "images.npy", np.zeros((3, 4, 4, 3), np.uint8))
    assert prompts_of("npy", {"path": str(tmp_path / "images.npy")}, table=lines) == PROMPTS
    lines.write_text("one\ntwo\n")
    with pytest.raises(UsageError, match="has 2 prompts for 3 images"):
        asked(folder, table=lines)


def test_a_webdataset_has_its_samples_texts_also_over_shards(tmp_path):
    files = []
    for shard in range(2):
        path = tmp_path / f"s-{shard}.tar"
        files.append(str(path))
        with tarfile.open(path, "w") as archive:
            for i in range(2):
                for suffix, body in (("png", png(i)), ("txt", f"shard {shard} image {i}".encode())):
                    entry = tarfile.TarInfo(f"{i:03d}.{suffix}")
                    entry.size = len(body)
                    archive.addfile(entry, io.BytesIO(body))
    found = prompts_of("tar", {"path": files})
    assert found == tuple(f"shard {shard} image {i}" for shard in range(2) for i in range(2))


def test_a_table_of_images_has_a_column_of_captions(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = {"image": [{"bytes": png(i), "path": None} for i in range(3)], "caption": list(PROMPTS), "n": [1, 2, 3]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "t.parquet", row_group_size=2)
    given = {"path": str(tmp_path / "t.parquet")}
    assert prompts_of("parquet", given) == PROMPTS
    with pytest.raises(UsageError, match="no column 'words' of prompts"):
        prompts_of("parquet", given, column="words")
    with pytest.raises(UsageError, match="column 'n', row 0 is int, not text"):
        prompts_of("parquet", given, column="n")
