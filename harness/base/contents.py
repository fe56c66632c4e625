"""What the user's own files and folders hold, as digests: a network's weights count by content, wherever they lie."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from harness.base.errors import UsageError
from harness.base.keys import digest, digest_file

# An entry of TensorProto.external_data with the key "location": StringStringEntryProto, key = 1, value = 2
# (onnx.proto, https://github.com/onnx/onnx/blob/main/docs/ExternalData.md). The value's length is a varint.
_LOCATION = re.compile(rb"\n\x08location\x12([\x80-\xff]?[\x00-\x7f])", re.DOTALL)


def digest_path(path: Path) -> str:
    """SHA-256 of a file's bytes, or over the names and bytes in a folder; raises UsageError where there is neither.

    What tools leave hidden in a downloaded folder, such as .cache and .gitattributes, does not count.
    """
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or folder")
    names = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    visible = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return digest({name.as_posix(): digest_file(path / name) for name in visible})


def digest_onnx(path: Path) -> str:
    """As `digest_path`, for an ONNX file and the files beside it in which it keeps its weights, where it does.

    PyTorch's exporter writes such a file, `net.onnx.data`, by default since version 2.9. Two networks that differ in
    their weights alone may then share every byte of the ONNX file itself.
    """
    whole = digest_path(path)
    beside = {name: digest_file(path.parent / name) for name in _beside(path) if (path.parent / name).is_file()}
    return digest({"file": whole, "beside": beside}) if beside else whole


def _beside(path: Path) -> list[str]:
    """Names of the files that hold an ONNX file's external tensors, sorted; one not there is for its loader to miss."""
    if not path.stat().st_size:
        return []  # which cannot be mapped
    names = set()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as held:
        for match in _LOCATION.finditer(held):
            low, *high = match[1]
            length = (low & 127) + (high[0] << 7 if high else 0)
            names.add(held[match.end() : match.end() + length].decode("utf-8", "replace").replace("\0", "\ufffd"))
    return sorted(names)
