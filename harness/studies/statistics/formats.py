"""The kinds of npz that `harness stats make` writes, and what each peer calls its own modes. Light to import."""

from __future__ import annotations

# A peer reads whatever lies in its file; a file in its name must therefore hold what the peer itself would compute.
PEERS: dict[str, tuple[str, ...]] = {
    "pytorch-fid": ("pytorch-fid",),
    "clean-fid": ("clean", "clean-legacy-pytorch", "clean-legacy-tensorflow"),
    "adm": ("adm",),
    "edm": ("edm",),
}
PLAIN = "plain"
FORMATS = (PLAIN, *PEERS)
CLEAN_MODES = {
    "clean": "clean",
    "clean-legacy-pytorch": "legacy_pytorch",
    "clean-legacy-tensorflow": "legacy_tensorflow",
}
