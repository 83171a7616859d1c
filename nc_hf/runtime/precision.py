"""How precise products of float32 matrices are in this process: TF32 and bfloat16 may stand in for float32.

torch has two interfaces to this since 2.9, and the older one refuses to read what the newer one has set, as
``TrainingArguments(tf32=True)`` does; so the newer one is used where it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# The dtype whose rounding is like that of the products: TF32 has the mantissa of float16.
_LIKE = {"tf32": torch.float16, "high": torch.float16, "bf16": torch.bfloat16, "medium": torch.bfloat16}


def matmul_dtypes() -> set[torch.dtype]:
    """Return dtypes as coarse as the float32 products of this process may be, on any of its devices."""
    return {_LIKE.get(setting, torch.float32) for setting in _read()}


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply float32 matrices in float32 within the block, whatever is set outside."""
    before = _read()
    _write(["ieee" if _backends() else "highest"] * len(before))
    try:
        yield
    finally:
        _write(before)


def _backends() -> list[Any]:
    """What has the newer interface: one setting for NVIDIA's GPUs and one for CPUs; nothing before torch 2.9."""
    backends: Any = torch.backends  # the newer attributes are not declared
    if not hasattr(backends.cuda.matmul, "fp32_precision"):
        return []
    return [backends.cuda.matmul, backends.mkldnn.matmul]


def _read() -> list[str]:
    return [backend.fp32_precision for backend in _backends()] or [torch.get_float32_matmul_precision()]


def _write(settings: list[str]) -> None:
    for backend, setting in zip(_backends(), settings, strict=False):
        backend.fp32_precision = setting
    if not _backends():
        torch.set_float32_matmul_precision(settings[0])


def float64_device(device: torch.device) -> torch.device:
    """Return the device, or the CPU if it has no float64 (Apple's MPS).

    >>> float64_device(torch.device("mps")), float64_device(torch.device("cuda:1"))
    (device(type='cpu'), device(type='cuda', index=1))
    """
    return torch.device("cpu") if device.type == "mps" else device
