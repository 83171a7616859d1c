"""Numbers mixed, so that a choice by them is even, and the same wherever and whenever it is made."""

from __future__ import annotations

import torch
from torch import Tensor

# Multipliers of the splitmix64 finaliser (Steele, Lea and Flood, 2014), as signed 64-bit numbers.
_MIX = (-4658895280553007687, -7723592293110705685)


def mixed(numbers: Tensor) -> Tensor:
    """Mix the bits of 64-bit integers, so that neighbours land far apart.

    >>> (mixed(torch.arange(12)) % 3).tolist()
    [0, 0, 2, 2, 2, 1, 2, 1, 1, 0, 2, 2]
    """
    hashed = numbers.to(torch.int64)
    for shift, multiplier in zip((30, 27), _MIX, strict=True):
        hashed = (hashed ^ (hashed >> shift)) * multiplier
    return hashed ^ (hashed >> 31)
