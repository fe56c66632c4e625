"""How PyTorch computes here, in encoders and generators: in full float32, on one thread, from a seed of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def exact() -> Iterator[None]:
    """Full float32 on whatever device, also in a program that lets PyTorch round products or cast by itself."""
    import torch

    with ExitStack() as undone:
        for kind in ("cpu", "cuda", "mps", "xpu"):
            if torch.is_autocast_enabled(kind):
                undone.enter_context(torch.autocast(kind, enabled=False))
        try:
            products = torch.get_float32_matmul_precision()
        except RuntimeError:  # the program uses the settings by backend (PyTorch 2.9), and both are not to be mixed
            backends: Any = torch.backends
            for part in (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv):
                if part.fp32_precision not in ("ieee", "none"):
                    undone.callback(setattr, part, "fp32_precision", part.fp32_precision)
                    part.fp32_precision = "ieee"
        else:
            undone.callback(setattr, torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
            torch.backends.cudnn.allow_tf32 = False
            if products != "highest":  # "medium" lets oneDNN round to bfloat16 on a CPU too
                undone.callback(torch.set_float32_matmul_precision, products)
                torch.set_float32_matmul_precision("highest")
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch to one thread, in the whole process, until the block ends. Also usable as a decorator.

    For networks too small to share: with two threads on busy cores a VAE took twenty times the CPU time to train.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def drawn(seed: int) -> Iterator[None]:
    """Weights that libraries draw in here depend on the seed alone, and nothing outside is disturbed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def lacks(device: str, dtype: str) -> str | None:
    """Why a device cannot compute in a type of numbers, in words; None where nothing is known against it."""
    import torch

    kind = torch.device(device).type
    if kind == "mps" and dtype == "float64":
        return "dtype float64: not supported on Apple GPUs (mps); use float32 or --device cpu"
    native = kind != "cuda" or not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
    if dtype == "bfloat16" and not native:
        return f"dtype bfloat16: {torch.cuda.get_device_name(device)} would only emulate it; use float16 or float32"
    return None
