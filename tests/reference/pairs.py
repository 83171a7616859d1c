"""Drawn class means and their pairs, for the tests of what looks at pairs."""

from __future__ import annotations

import itertools

import numpy as np
import torch


def drawn_means(classes: int, dim: int = 5) -> torch.Tensor:
    """Centred means (K, D)."""
    drawn = np.random.default_rng(classes).normal(size=(classes, dim))
    return torch.from_numpy(drawn - drawn.mean(axis=0))


def pairs(classes: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(classes), 2))
