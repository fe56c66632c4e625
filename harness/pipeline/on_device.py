"""The arithmetic of metrics on a device, by PyTorch: see `harness.metrics.Processor`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.encoders import exact
from harness.metrics import CPU, KeptProducts, Kernel, KernelPairs, PairSums, Processor
from harness.uncertainty import Index, Matrix, Rows, Vector

if TYPE_CHECKING:
    import torch

SHARE = 0.25  # of the device's free memory that one set of features may take, to stay there between blocks
SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")  # of a driver of NVIDIA, of AMD, of either in WSL


def processor_of(device: str) -> Processor:
    """What multiplies features where `--device` says; the CPU for `auto` without an accelerator that has float64.

    PyTorch is imported only where there is a sign of an accelerator: that takes longer than most scores.
    """
    seen = "torch" in sys.modules or any(map(os.path.exists, SIGNS)) or shutil.which("nvidia-smi")
    if device == "auto" and not seen:
        return CPU
    if device == "cpu" or device.startswith("mps"):  # Apple's GPUs have no float64
        return CPU
    if device == "auto":
        import torch

        if not torch.cuda.is_available():
            return CPU
        device = "cuda"
    return OnDevice(device)


class OnDevice:
    """Multiplies on a device that PyTorch knows, in full float32 (no TF32) or float64; see `Processor`.

    A set of features stays there between blocks where it takes up to `room` bytes (a quarter of what is free by
    default), else its rows go through pinned memory block by block. Sums stay there, and nothing waits for them before
    they are asked for.
    """

    def __init__(self, device: str, *, room: int | None = None) -> None:
        import torch

        self.name = device
        self.device = torch.device(device)
        self._room = room

    def fits(self, size: int) -> bool:
        """Whether a set of so many bytes may stay on the device."""
        import torch

        if self._room is not None:
            return size <= self._room
        if self.device.type != "cuda":
            return True
        return size <= SHARE * torch.cuda.mem_get_info(self.device)[0]

    def moved(self, rows: np.ndarray) -> torch.Tensor:
        """A copy on the device, through a pinned page where that makes it faster; the copy may still be under way."""
        import torch

        kind = torch.float64 if rows.dtype == np.float64 else torch.float32
        page = torch.empty(rows.shape, dtype=kind, pin_memory=self.device.type == "cuda")
        page.numpy()[...] = rows
        # PyTorch hands such a page out again only when the copy from it is done.
        return page.to(self.device, non_blocking=True)

    def numbers(self, index: Index) -> torch.Tensor:
        """Row numbers on the device."""
        import torch

        return torch.from_numpy(index.astype(np.int64)).to(self.device)

    def hold(self, rows: Rows, centre: Rows, scale: float = 1.0) -> _Held:
        """See `Processor`."""
        return _Held(self, rows, centre, scale)

    def product(self, one: Any, other: Any) -> Rows:
        """See `Processor`."""
        with _exactly():
            return np.asarray((one @ other.T).cpu().numpy())

    def bounds(self, one: Any, other: Any, terms_one: Vector, terms_other: Vector) -> Rows:
        """See `Processor`."""
        with _exactly():
            found = (one @ other.T).mul_(-2.0)
            found += self.moved(terms_one).to(found.dtype)[:, None]
            found += self.moved(terms_other).to(found.dtype)
            return np.asarray(found.cpu().numpy())

    def scatter(self, rows: Rows, centre: Rows, parts: Iterable[slice]) -> Matrix:
        """See `Processor`."""
        import torch

        with _exactly():
            middle = self.moved(centre)
            total = torch.zeros((rows.shape[1],) * 2, dtype=torch.float64, device=self.device)
            for part in parts:
                centred = self.moved(rows[part]).to(middle.dtype) - middle
                total += centred.T @ centred
            return np.asarray(total.cpu().numpy())

    def times(self, matrix: Rows) -> Callable[[Rows], Rows]:
        """See `Processor`."""
        with _exactly():
            there = self.moved(matrix)

        def product(rows: Rows) -> Rows:
            with _exactly():
                return np.asarray((self.moved(rows).to(there.dtype) @ there).cpu().numpy())

        return product

    def tally(self, asked: KernelPairs, panel_rows: int, centre: Rows) -> _Tally:
        """See `Processor`."""
        return _Tally(self, asked, centre)


class _Held:
    """See `harness.metrics.processor.Held`."""

    def __init__(self, on: OnDevice, rows: Rows, centre: Rows, scale: float) -> None:
        self.on, self.rows, self.scale = on, rows, scale
        self.centre = on.moved(centre)
        self.stays = on.fits(rows.size * centre.itemsize)
        self.whole: torch.Tensor | None = None  # moved when it is first asked for

    def block(self, index: slice | Index, room: Rows | None = None) -> torch.Tensor:
        """Some of the rows on the device; `room` is the CPU's."""
        import torch

        with _exactly():
            if not self.stays:
                return self._centred(self.rows[index])
            if self.whole is None:
                self.whole = torch.empty(self.rows.shape, dtype=self.centre.dtype, device=self.on.device)
                for start in range(0, len(self.rows), 1024):
                    self.whole[start : start + 1024] = self._centred(self.rows[start : start + 1024])
            return self.whole[index if isinstance(index, slice) else self.on.numbers(index)]

    def _centred(self, rows: Rows) -> torch.Tensor:
        found = self.on.moved(rows).to(self.centre.dtype) - self.centre
        return found if self.scale == 1.0 else found * self.scale


class _Tally:
    """`harness.metrics.kernel.tally.Tally` on a device."""

    def __init__(self, on: OnDevice, asked: KernelPairs, centre: Rows) -> None:
        import torch

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=torch.float64, device=on.device)

        self.on, self.asked = on, asked
        m, n = map(len, asked.terms)
        with _exactly():
            self.terms = [on.moved(terms) for terms in asked.terms]
            self.members = None if asked.members is None else [on.moved(part) for part in asked.members]
            self.left = zeros(m)
            self.right = self.left if asked.own else zeros(n)
            self.square = zeros()
            self.grouped = zeros(0 if self.members is None else self.members[0].shape[1])
            self.kept: torch.Tensor | None = None
            if asked.some is not None:
                kind = torch.float64 if centre.dtype == np.float64 else torch.float32
                shape = (len(asked.some), n if asked.own else m)
                self.kept = torch.empty(shape, dtype=kind, device=on.device)

    def meet(self, rows: slice, right: slice, one: torch.Tensor, other: torch.Tensor) -> None:
        """Left `rows` and `right` ones, as `one` and `other` of the same centre."""
        asked = self.asked
        with _exactly():
            products = one @ other.T
            if asked.own:
                self._keep(products, rows, right)
            self._keep(products.T, right, rows)
            t = products.double().mul_(asked.kernel.scale)
            t += self.terms[1][right]
            t += self.terms[0][rows, None]
            values = _values(asked.kernel, t)
            same = asked.own and rows == right
            if same:
                values.fill_diagonal_(0.0)
            else:
                self.right[right] += values.sum(dim=0)
            self.left[rows] += values.sum(dim=1)
            times = 2.0 if asked.own and not same else 1.0
            self.square += times * values.square().sum()
            if self.members is not None:
                self.grouped += times * (self.members[0][rows] * (values @ self.members[1][right])).sum(dim=0)

    def _keep(self, products: torch.Tensor, rows: slice, others: slice) -> None:
        some = self.asked.some
        if self.kept is None or some is None:
            return
        at = slice(*np.searchsorted(some, (rows.start, rows.stop)))
        if at.stop > at.start:
            self.kept[at, others] = products[self.on.numbers(some[at] - rows.start)]

    def found(self) -> PairSums:
        """The sums so far."""
        kept = None
        if self.kept is not None and self.asked.some is not None:
            kept = KeptProducts(self.asked.some, self.kept.cpu().numpy())
        left = self.left.cpu().numpy()
        return PairSums(
            left,
            left if self.asked.own else self.right.cpu().numpy(),
            kept,
            float(self.square),
            self.grouped.cpu().numpy(),
        )


def _values(kernel: Kernel, t: torch.Tensor) -> torch.Tensor:
    """`Kernel.of` on a device; `t` is overwritten."""
    if kernel.power is None:
        return t.clamp_(max=0.0).exp_()
    values = t.clone()
    for _ in range(kernel.power - 1):
        values *= t
    return values


@contextmanager
def _exactly() -> Iterator[None]:
    import torch

    with exact(), torch.inference_mode():
        yield
