"""Positions with massive activations are found and kept out of the layers, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from nc_hf import measure
from nc_hf.corpus.marks import Marks
from nc_hf.measurement.outliers import RATIO, norms_by_position, outlying_positions
from tests.reference.oracle import oracle_agreement
from tests.training import token_blocks

QUIET: dict[str, Any] = {"progress": False, "device": "cpu", "uncertainty": False, "layers": "all"}


def model_with(position: int | None, factor: float = 300.0) -> GPT2LMHeadModel:
    """A GPT-2 in which one position has an embedding that is so many times as long in one direction."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    if position is not None:
        with torch.no_grad():
            model.transformer.wpe.weight[position, 5] += factor * model.transformer.wpe.weight.std()
    return model


def test_norms_are_summed_by_position() -> None:
    features = torch.tensor([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0], [0.0, 2.0]])
    sums = norms_by_position(features, torch.tensor([0, 1, 0, 3]), 4)
    assert sums.tolist() == [[15.0, 1.0, 0.0, 2.0], [2.0, 1.0, 0.0, 1.0]]


@pytest.mark.parametrize(("factor", "found"), [(0.99 * RATIO, []), (1.01 * RATIO, [2])])
def test_a_position_is_outlying_beyond_the_ratio_to_the_median(factor: float, found: list[int]) -> None:
    sums = torch.tensor([[2.0, 4.0, 3 * factor, 1.0, 0.0], [2.0, 4.0, 3.0, 1.0, 0.0]], dtype=torch.float64)
    assert outlying_positions(sums).tolist() == found
    assert outlying_positions(torch.zeros(2, 5)).tolist() == []


def test_an_ordinary_model_has_none() -> None:
    assert measure(model_with(None), token_blocks(20, 3), **QUIET).outliers == {}


@pytest.mark.parametrize("position", [0, 7])
def test_the_layer_is_that_of_all_other_positions(position: int) -> None:
    """Both layers before the final norm lose the position, the final one does not; the share is by brute force."""
    model, blocks = model_with(position), token_blocks(20, 3)
    report = measure(model, blocks, preset="full", **QUIET)
    assert {name: kept.positions for name, kept in report.outliers.items()} == {
        "layer.0": [position],
        "layer.1": [position],
    }
    with torch.no_grad():
        hidden = model(blocks.input_ids.long(), output_hidden_states=True).hidden_states[1][:, :-1].double()
    others = [place for place in range(hidden.shape[1]) if place != position]
    rest, every = hidden[:, others].flatten(0, 1), hidden.flatten(0, 1)
    left = (rest - rest.mean(dim=0)).square().sum()
    whole = (every - every.mean(dim=0)).square().sum()
    assert report.outliers["layer.0"].variance_share == pytest.approx(float(1 - left / whole), rel=1e-6)
    labels = blocks.input_ids[:, 1:][:, others].flatten().long()
    counts = torch.bincount(labels)
    counted = (counts >= 2).nonzero().flatten()
    within = sum(float((rest[labels == c] - rest[labels == c].mean(dim=0)).square().sum()) for c in counted)
    kept = rest[torch.isin(labels, counted)]
    total = float((kept - kept.mean(dim=0)).square().sum())
    assert report.layers["layer.0"]["nc1_context_share"].value == pytest.approx(within / total, rel=1e-6)
    assert report.tokens == 20 * 31


@pytest.mark.parametrize("classes", [[1, 2, 4, 7, 8, 10], "all"])
def test_nc4_of_the_layer_is_decided_on_all_other_positions(classes: Any) -> None:
    """The sample is one for all layers: the final one decides the tokens at the position too. By brute force."""
    model, blocks, names = model_with(7), token_blocks(20, 3), ["nc4_agreement", "nc4_ncc_accuracy"]
    report = measure(model, blocks, preset=names, classes=classes, **QUIET)
    assert set(report.outliers) == {"layer.0", "layer.1"}
    with torch.no_grad():
        out = model(blocks.input_ids.long(), output_hidden_states=True)
    listed = None if classes == "all" else classes
    for layer, place, kept in (
        ("layer.0", 1, [number for number in range(31) if number != 7]),
        ("final", -1, list(range(31))),
    ):
        features = out.hidden_states[place][:, kept].flatten(0, 1).double().numpy()
        labels = blocks.input_ids[:, 1:][:, kept].flatten().numpy()
        logits = out.logits[:, kept].flatten(0, 1).double().numpy()
        wanted = oracle_agreement(features, labels, features, labels, logits, leave_one_out=True, classes=listed)
        for name in names:
            assert report.layers[layer][name].value == pytest.approx(wanted[name], abs=1e-12), (layer, name)


def test_layers_are_about_those_of_the_model_without_the_activation() -> None:
    blocks = token_blocks(40, 3)
    plain, massive = (measure(model_with(place), blocks, **QUIET).layers["layer.0"] for place in (None, 0))
    values = plain["nc1_trace_ratio"].value, massive["nc1_trace_ratio"].value
    assert values[1] == pytest.approx(values[0], rel=0.25)


def test_a_place_that_nothing_predicts_in_the_first_batch_is_found_too() -> None:
    """Blocks that begin with a mark and what was read before; only the last few hold the beginning of a document."""
    model, blocks = model_with(0), token_blocks(12, 3)
    ids = blocks.input_ids.clone() + 1
    ids[:, 0] = 0
    ids[10:, 16] = 0
    context = torch.full((12,), 4, dtype=torch.int32)
    blocks = replace(blocks, input_ids=ids, marks=Marks(begin=(0,)), context=context)
    first = blocks.labels(slice(0, 8))[:, 1:] >= 0
    assert not bool(first[:, :3].any()), "the first batch has a label where a document begins"
    report = measure(model, blocks, batch_size=8, **QUIET)
    assert {name: kept.positions for name, kept in report.outliers.items()} == {"layer.0": [0], "layer.1": [0]}
