"""Whether the tensors of a state can be statistics of any features: what a file says is not believed unseen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

REQUIRED = {"class_ids", "counts", "sums", "squares"}

_ROUNDING = 1e-6
"""Of the largest square: how far below zero float64 may bring what is a sum of squares."""

_OFF_TRACE = 1e-3
"""Of the squares: how far from their sum the trace of the moment may lie; they are added up in different orders."""


def fault_of(state: Mapping[str, Tensor]) -> str | None:
    """Say what cannot be of a state of statistics; None where it can be one.

    >>> zeros = torch.zeros(2, 4, dtype=torch.float64)
    >>> state = {"counts": torch.tensor([1, 1]), "sums": zeros, "squares": zeros[:, 0], "pivot": zeros[0]}
    >>> fault_of({**state, "class_ids": torch.tensor([3, 1])})
    'its classes are not ascending from 0'
    """
    if not fit_together(state):
        return "it lacks a part of the statistics"
    for name, tensor in state.items():
        wanted = torch.int64 if name in ("class_ids", "counts") else torch.float64
        if tensor.dtype != wanted:
            return f"its {name} are {tensor.dtype}"
        if wanted is torch.float64 and not bool(torch.isfinite(tensor).all()):
            return f"its {name} are not finite"
    ids, counts = state["class_ids"], state["counts"]
    if len(ids) and (int(ids[0]) < 0 or not bool((ids[1:] > ids[:-1]).all())):
        return "its classes are not ascending from 0"
    if bool((counts < 1).any()) or int(counts.double().sum()) >= 2**62:
        return "its counts are not from 1"
    return _impossible_squares(state)


def fit_together(state: Mapping[str, Tensor]) -> bool:
    """Whether the parts of a state are there, of one length and width, and no others."""
    if not state.keys() >= REQUIRED or state["sums"].dim() != 2:
        return False
    classes, dim = state["sums"].shape
    wanted = {name: (classes,) for name in REQUIRED} | {"sums": (classes, dim)}
    wanted |= {"pivot": (dim,)} if classes or "pivot" in state else {}
    wanted |= {"moment": (dim, dim)} if "moment" in state else {}
    same = state.keys() == wanted.keys() and dim > 0
    return same and all(tuple(state[name].shape) == shape for name, shape in wanted.items())


def _impossible_squares(state: Mapping[str, Tensor]) -> str | None:
    squares = state["squares"]
    if not len(squares):
        return None
    least = -_ROUNDING * float(squares.abs().max())
    scatter = squares - torch.linalg.vector_norm(state["sums"], dim=1).square() / state["counts"]
    if bool((squares < least).any()) or not bool((scatter >= least).all()):
        return "a class of it has a scatter below zero"
    moment = state.get("moment")
    if moment is not None and abs(float(moment.trace() - squares.sum())) > _OFF_TRACE * float(squares.abs().sum()):
        return "its moment is not that of its squares"
    return None
