"""Scales and softcaps that may lie between the products ``h W^T + b`` and a model's logits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def candidate_forms(linear: Tensor, target: Tensor, softcaps: list[float]) -> Iterator[tuple[float, float | None]]:
    """Forms (scale, softcap) to try, those that the configuration names and the plainest ones first."""
    yield from ((1.0, cap) for cap in softcaps)
    yield 1.0, None
    power = linear.square().sum().item()
    if power == 0:
        return
    slopes: list[tuple[float, float | None]] = [((linear * target).sum().item() / power, None)]
    slopes += [(1.0, cap) for cap in _solve_softcap(linear, target)]
    for cap in softcaps:
        inside = target.abs() < 0.9 * cap
        inputs, outputs = linear[inside], cap * torch.atanh(target[inside] / cap)
        if inputs.any():
            slopes.append(((inputs * outputs).sum().item() / inputs.square().sum().item(), cap))
    yield from ((scale, cap) for scale, cap in slopes if math.isfinite(scale) and scale > 0)


def _solve_softcap(linear: Tensor, target: Tensor) -> list[float]:
    """The c with ``c tanh(z / c) = l`` at the largest |z|: it grows with c from 0 to z, so bisection finds it."""
    at = int(linear.abs().argmax())
    z, wanted = abs(linear.flatten()[at].item()), abs(target.flatten()[at].item())
    if not 0 < wanted < z:
        return []
    low, high = wanted, z * 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * math.tanh(z / middle) < wanted else (low, middle)
    return [high]


def declared_softcaps(config: Any) -> list[float]:
    """Bounds of the logits that a configuration names, whatever the model does with them."""
    named = {
        key: value
        for key, value in config.to_dict().items()
        if "cap" in key and "soft" in key and not any(other in key for other in ("attn", "attention", "router"))
    }
    return [float(value) for value in named.values() if isinstance(value, int | float) and value > 0]
