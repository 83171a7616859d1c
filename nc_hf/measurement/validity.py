"""Whether the tensors of a checkpoint can be the state of a pass: what a file says is not believed unseen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nc_hf.model.forward_pass import FINAL
from nc_hf.statistics.validity import fault_of as fault_of_statistics

_COLUMNS = {"hash": torch.int64, "labels": torch.int64, "group": torch.int64, "positions": torch.int64}
_COLUMNS |= {"predictions": torch.int64, "tied": torch.bool}
_LEAST = {"labels": 0, "group": 0, "positions": 0, "predictions": -1}


def fault_of(state: Mapping[str, Tensor], groups: int) -> str | None:
    """Say what cannot be of the state of a pass; None where it can be one.

    Args:
        state: as `nc_hf.measurement.collection.Collection.state_dict` gives it.
        groups: of rows, that the final layer keeps apart.
    """
    error = state.get("head_error")
    if error is None or error.dtype != torch.float64 or error.dim() or not float(error) >= 0:
        return "it does not say how the head was checked"
    if fault := _outcomes(state, groups) or _sample(_below(state, "sample/"), groups):
        return fault
    names = {key.split("/")[1] for key in state if key.startswith("layer/")}
    layers = {name: _below(state, f"layer/{name}/") for name in names}
    faults = (_layer(layer, groups if name == FINAL else None) for name, layer in sorted(layers.items()))
    if fault := next((each for each in faults if each), None):
        return fault
    tokens = [int(layers[FINAL][f"group/{each}/counts"].sum()) if FINAL in layers else 0 for each in range(groups)]
    return None if tokens == state["outcomes"][0].tolist() else "its statistics are not of its tokens"


def _outcomes(state: Mapping[str, Tensor], groups: int) -> str | None:
    sums, marks, confidence = state.get("outcomes"), state.get("marks"), state.get("calibration")
    if sums is None or sums.dtype != torch.float64 or tuple(sums.shape) != (3, groups):
        return "it lacks its sums of outcomes"
    if marks is None or marks.dtype != torch.float64 or marks.dim() != 2 or len(marks) != 2:
        return "it lacks its sums by mark"
    if confidence is not None and (confidence.dtype != torch.float64 or confidence.dim() != 3):
        return "it lacks its sums by confidence"
    tokens, _, right = sums
    counts = [tokens, right, marks[0]]
    if any(not bool(torch.isfinite(each).all()) or bool((each != each.floor()).any()) for each in counts):
        return "its counts are no whole numbers"
    if bool((tokens < 0).any() or (right < 0).any() or (right > tokens).any() or (marks[0] < 0).any()):
        return "its counts are below zero, or more are right than there are"
    return None


def _sample(columns: Mapping[str, Tensor], groups: int) -> str | None:
    if not columns:
        return None
    if not columns.keys() >= _COLUMNS.keys() or any(columns[name].dtype != kind for name, kind in _COLUMNS.items()):
        return "its sample lacks a column"
    tokens = len(columns["hash"])
    features = [each for name, each in columns.items() if name not in _COLUMNS]
    if any(columns[name].dim() != 1 for name in _COLUMNS) or any(each.dim() != 2 for each in features):
        return "its sample lacks a column"
    if any(len(each) != tokens for each in columns.values()):
        return "the columns of its sample are not of one length"
    if any(not each.is_floating_point() or not bool(torch.isfinite(each).all()) for each in features):
        return "the features of its sample are not finite"
    if any(bool((columns[name] < least).any()) for name, least in _LEAST.items()):
        return "a number in its sample is below all that can be"
    if bool((columns["group"] >= groups).any()) or bool((columns["hash"][1:] < columns["hash"][:-1]).any()):
        return "its sample is out of order"
    return None


def _layer(parts: Mapping[str, Tensor], groups: int | None) -> str | None:
    """Look at the statistics of a layer: those of each group, as many as are known to be, and of what was kept out."""
    outliers = parts.get("outliers/positions")
    if outliers is None or outliers.dtype != torch.int64 or outliers.dim() != 1 or bool((outliers < 0).any()):
        return "the outlying positions of a layer are none"
    numbers = {name.split("/")[1] for name in parts if name.startswith("group/")}
    wanted = {str(number) for number in range(len(numbers) if groups is None else groups)}
    if not numbers or numbers != wanted:
        return "it lacks a group of a layer"
    states = [_below(parts, f"group/{number}/") for number in sorted(numbers)] + [_below(parts, "kept_out/")]
    if fault := next((each for each in map(fault_of_statistics, states) if each), None):
        return fault
    return "the groups of a layer differ in width" if len({state["sums"].shape[1] for state in states}) > 1 else None


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
