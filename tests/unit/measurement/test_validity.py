"""The state of a pass: what a pass leaves is believed, and what none can leave is refused by its reason."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nc_hf.measurement.validity import fault_of
from tests.collected import quietly
from tests.training import tiny_model, token_blocks

GROUPS = 3
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Of a pass over all layers, with all that can be asked for."""
    options = {"batch_size": 2, "agreement_tokens": 90, "groups": GROUPS, "layers": "all", "calibration": True}
    return quietly(tiny_model(), token_blocks(11, 5), **options).state_dict()


def test_a_pass_is_believed(state: State) -> None:
    assert fault_of(state, GROUPS) is None
    assert len(state) > 40


LIES: list[tuple[str, Callable[[Tensor], Tensor | None], str]] = [
    ("head_error", lambda t: None, "how the head was checked"),
    ("head_error", lambda t: t * torch.nan, "how the head was checked"),
    ("outcomes", lambda t: t[:, :2], "sums of outcomes"),
    ("outcomes", lambda t: t + 0.5, "no whole numbers"),
    ("outcomes", lambda t: -t, "below zero"),
    ("outcomes", lambda t: t * torch.inf, "no whole numbers"),
    ("outcomes", lambda t: t + torch.tensor([[1.0], [0], [0]]), "not of its tokens"),
    ("outcomes", lambda t: t.flip(0), "."),
    ("marks", lambda t: t[:1], "sums by mark"),
    ("calibration", lambda t: t[0], "sums by confidence"),
    ("sample/hash", lambda t: t.flip(0), "out of order"),
    ("sample/hash", lambda t: None, "lacks a column"),
    ("sample/tied", lambda t: t.long(), "lacks a column"),
    ("sample/labels", lambda t: t - 200, "below all that can be"),
    ("sample/labels", lambda t: t[:-1], "not of one length"),
    ("sample/predictions", lambda t: t - 200, "below all that can be"),
    ("sample/group", lambda t: t + GROUPS, "out of order"),
    ("sample/features/final", lambda t: t * torch.nan, "not finite"),
    ("sample/features/final", lambda t: t[0], "lacks a column"),
    ("layer/final/group/1/counts", lambda t: t + 1, "not of its tokens"),
    ("layer/final/group/1/counts", lambda t: t * 0, "not from 1"),
    ("layer/final/group/1/class_ids", lambda t: t.flip(0), "not ascending"),
    ("layer/layer.0/group/0/squares", lambda t: -t, "scatter below zero"),
    ("layer/layer.0/outliers/positions", lambda t: None, "outlying positions"),
    ("layer/layer.0/outliers/positions", lambda t: t.new_tensor([-1]), "outlying positions"),
    ("layer/layer.0/kept_out/counts", lambda t: None, "lacks a part"),
]


@pytest.mark.parametrize(
    ("name", "false", "why"), LIES, ids=[f"{name}-{number}" for number, (name, *_) in enumerate(LIES)]
)
def test_what_no_pass_leaves_is_refused(
    state: State, name: str, false: Callable[[Tensor], Tensor | None], why: str
) -> None:
    assert name in state
    told = {**state, name: false(state[name])}
    fault = fault_of({name: tensor for name, tensor in told.items() if tensor is not None}, GROUPS)
    assert re.search(why, str(fault)), fault
    assert fault is not None


def test_a_group_or_a_layer_that_is_lost_is_missed(state: State) -> None:
    for lost in ("layer/final/group/2/", "layer/layer.0/group/", "layer/final/"):
        rest = {name: tensor for name, tensor in state.items() if not name.startswith(lost)}
        assert fault_of(rest, GROUPS) is not None, lost


def test_layers_of_two_widths_are_refused(state: State) -> None:
    narrow = {
        name: tensor[..., :3]
        if name.startswith("layer/final/group/1/") and name.endswith(("sums", "pivot"))
        else tensor
        for name, tensor in state.items()
    }
    assert "differ in width" in str(fault_of(narrow, GROUPS))
