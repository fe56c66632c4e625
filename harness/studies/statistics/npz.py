"""Reference statistics in the peers' npz, with what made them: mean and covariance of features, and their protocol.

pytorch-fid, clean-fid, EDM and ADM all read `mu` and `sigma` from an npz and ask nothing else of it. A member `harness`
beside them, JSON in a string array that no peer reads, says what they are statistics of.
"""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from harness.base import UsageError, canonical_json, write_atomically
from harness.benchmark import protocols
from harness.metrics import Moments, covariance, moments_of_covariance
from harness.uncertainty import Matrix, Rows, Vector

MEMBER = "harness"
FORMAT = 1
PROSE = {"title", "notes", "sources"}
NAMES = "mu, sigma"
MOST_BYTES = 16 << 30
# What numpy and zipfile raise on damage: a header of numpy's is read with Python's own tokenizer.
UNREADABLE: tuple[type[Exception], ...] = (
    *(ValueError, TypeError, KeyError, EOFError, OSError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile),
    *(zlib.error, MemoryError, NotImplementedError, RuntimeError, OverflowError),
)


@dataclass(frozen=True)
class Made:
    """What statistics are of: enough to refuse another protocol's, and to make them again.

    protocol   every part of it that holds facts, with `name` and `version`; `protocol_digest` their SHA-256
    recipe     SHA-256 of the preprocessing that carried it out
    encoder    use, parameters and the SHA-256 of the weight file, where there is one
    images     content digest of the image set
    random     the weights were drawn, not trained: no measure of quality
    software   versions; they decide nothing here
    """

    protocol: Mapping[str, Any]
    protocol_digest: str
    recipe: str
    encoder: Mapping[str, Any]
    images: str
    random: bool
    software: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and covariance (d, d), float64, of `of_features`; `n` and `made` are None where a file does not say."""

    mu: Vector
    sigma: Matrix
    n: int | None = None
    made: Made | None = None

    def moments(self) -> Moments:
        """The same as the metric takes it: n-1 below the covariance, whatever the file has."""
        sigma = self.sigma if self.n is None else self.sigma * ((self.n - self.ddof) / (self.n - 1))
        return moments_of_covariance(self.n or 0, self.mu, sigma)

    @property
    def ddof(self) -> int:
        """What the protocol subtracts from n below a covariance; 1 where nobody says."""
        return 1 if self.made is None else int(self.made.protocol.get("fid", {}).get("ddof", 1))


def of_features(rows: Rows, *, made: Made | None = None) -> Statistics:
    """The statistics of features (n, d) in float64: n-1 below the covariance, or n where the protocol has it."""
    mu = rows.mean(axis=0, dtype=np.float64)
    found = Statistics(mu, covariance(rows, mu), len(rows), made)
    return replace(found, sigma=found.sigma * ((len(rows) - 1) / (len(rows) - found.ddof)))


def facts_of(protocol: protocols.Protocol) -> dict[str, Any]:
    """The parts of a protocol that hold facts, as JSON from which `protocol_of` makes it again."""
    return {name: value for name, value in protocol.model_dump(mode="json").items() if value and name not in PROSE}


def protocol_of(made: Made) -> protocols.Protocol:
    """The protocol as it was when the statistics were made, whatever the package ships today."""
    return protocols.Protocol.model_validate(
        {"title": str(made.protocol.get("name")), "sources": ["the file"], **made.protocol}
    )


def write(path: Path, statistics: Statistics, *, also: Mapping[str, npt.NDArray[Any]] | None = None) -> bytes:
    """The bytes of the npz, and the file: `mu`, `sigma`, the arrays `also`, and `harness`. Same input, same bytes.

    Raises OSError, which names `path`, with no half a file left, where the disk is full.
    """
    arrays: dict[str, npt.NDArray[Any]] = {"mu": statistics.mu, "sigma": statistics.sigma, **(also or {})}
    if statistics.made is not None:
        said = {"format": FORMAT, "n": statistics.n, **asdict(statistics.made)}
        arrays[MEMBER] = np.array(canonical_json(said))
    payload = io.BytesIO()
    np.savez(payload, allow_pickle=False, **arrays)
    write_atomically(path, payload.getvalue())
    return payload.getvalue()


def read(path: Path, *, mu: str = "mu", sigma: str = "sigma") -> Statistics:
    """The statistics of a file of ours or a peer's; `mu` and `sigma` name the members (ADM's spatial ones are mu_s …).

    Raises UsageError for a file that is no such npz, needs pickle, or whose arrays are no mean and covariance.
    """
    arrays = _arrays(path, (mu, sigma))
    try:
        mean, matrix = (np.asarray(arrays[name], np.float64) for name in (mu, sigma))
    except (ValueError, TypeError) as problem:
        raise UsageError(f"{path}: {mu} and {sigma} are not numbers ({problem}); recreate it") from None
    _check(path, mean, matrix)
    if MEMBER not in arrays:
        return Statistics(mean, matrix)
    try:
        said = json.loads(str(arrays[MEMBER]))
        if said.pop("format") != FORMAT:
            raise ValueError("another version's format")
        n = said.pop("n")
        made = Made(**said)
        sound = protocol_of(made).digest() == made.protocol_digest
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError) as problem:
        raise UsageError(f"{path}: its member '{MEMBER}' cannot be read ({problem}); recreate the file") from None
    if not sound or type(n) is not int or n < 2:
        raise UsageError(f"{path}: its member '{MEMBER}' was changed: its digest does not match; recreate the file")
    return Statistics(mean, matrix, n, made)


def holds_statistics(path: Path) -> bool:
    """Whether a file is an npz with mu: ADM's hold images beside it, and are statistics all the same."""
    if path.suffix.lower() != ".npz":
        return False
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return "mu.npy" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):  # said by whoever reads it
        return False


def _arrays(path: Path, needed: tuple[str, str]) -> dict[str, npt.NDArray[Any]]:
    try:
        # Asked of the file itself: numpy takes whatever is neither npz nor npy for a pickle, and advises to trust it.
        if path.is_file() and not zipfile.is_zipfile(path):
            raise UsageError(f"{path}: is not a readable npz; statistics are an npz with {NAMES}")
        if path.is_file():
            _check_bytes(path)
        with np.load(path, allow_pickle=False) as archive:
            if missing := [name for name in needed if name not in archive.files]:
                raise UsageError(
                    f"{path}: has no {' and no '.join(missing)}; it holds {', '.join(archive.files) or 'nothing'}. "
                    f"Statistics are an npz with {NAMES}"
                )
            return {name: archive[name] for name in (*needed, MEMBER) if name in archive.files}
    except FileNotFoundError:
        raise UsageError(f"{path}: does not exist") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; statistics are an npz file (see `harness stats make`)") from None
    except UNREADABLE as problem:
        said = " ".join(str(problem).split())[:200]
        raise UsageError(f"{path}: is not a readable npz of plain arrays ({said}); download or recreate it") from None


def _check_bytes(path: Path) -> None:
    """Refuse a bomb: numbers hardly shrink in a zip, and 16 GiB are a covariance of 46,000 features."""
    with zipfile.ZipFile(path) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    if total > MOST_BYTES and total > 100 * path.stat().st_size:
        raise UsageError(f"{path}: its arrays would unpack to {total:,} bytes: refused as a decompression bomb")


def _check(path: Path, mean: Vector, matrix: Matrix) -> None:
    if mean.ndim != 1 or matrix.shape != (len(mean), len(mean)) or not len(mean):
        raise UsageError(f"{path}: mu is {mean.shape} and sigma {matrix.shape}; expected (d,) and (d, d)")
    if not (np.isfinite(mean).all() and np.isfinite(matrix).all()):
        raise UsageError(f"{path}: NaN or infinity among its numbers; recreate it")
    scale = float(np.abs(matrix).max(initial=0.0))
    if float(np.abs(matrix - matrix.T).max()) > 1e-4 * scale or (np.diag(matrix) < -1e-6 * scale).any():
        raise UsageError(f"{path}: sigma is not a covariance matrix: not symmetric, or negative variances")
