"""The mark of no training is that of the shape alone, and changes nothing of what it stands beside."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
import torch
from rich.console import Console

from nc_hf import measure
from nc_hf.corpus.classes import choose_classes
from nc_hf.errors import InputError
from nc_hf.measurement.untrained import UNTRAINED_TOKENS, untrained_values
from nc_hf.report.html import html_metrics
from nc_hf.report.markdown import markdown_card
from tests.training import by_hand, tiny_model, token_blocks

QUIET: dict[str, Any] = {"progress": False, "device": "cpu"}


def trained() -> Any:
    model = tiny_model()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0)
    return model


def test_values_are_those_of_a_fresh_model_of_the_configuration() -> None:
    model, blocks = trained(), token_blocks(20, 3)
    rows = [{"input_ids": row.long(), "labels": row.long()} for row in blocks.input_ids]
    torch.manual_seed(0)
    fresh = type(model)(model.config)
    report = measure(model, blocks, untrained=True, **QUIET)
    again = measure(fresh, blocks, **QUIET)
    assert report.untrained == pytest.approx({name: each.value for name, each in again.metrics.items()}, rel=1e-6)
    assert report.untrained["nc4_agreement"] == pytest.approx(by_hand(fresh, rows)["nc4_agreement"], rel=1e-6)
    assert list(report.untrained) == list(report.metrics)


def test_weights_values_and_the_random_state_are_left_alone() -> None:
    model, blocks = trained(), token_blocks(20, 3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    marked, plain = measure(model, blocks, untrained=True, **QUIET), measure(model, blocks, **QUIET)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert marked.metrics == plain.metrics
    assert plain.untrained == {}


def test_it_reads_a_part_of_a_long_text() -> None:
    blocks = token_blocks(UNTRAINED_TOKENS // 30, 3)
    choice = choose_classes("top:5", blocks.token_counts(), None)
    part = blocks.spread(UNTRAINED_TOKENS, seed=0)
    assert len(part) < len(blocks)
    values = untrained_values(tiny_model(), blocks, ["nc1_trace_ratio"], choice, batch_size=64)
    model = tiny_model()
    torch.manual_seed(0)
    fresh = type(model)(model.config)
    again = measure(fresh, part, preset=["nc1_trace_ratio"], classes=choice.ids.tolist(), batch_size=64, **QUIET)
    assert values["nc1_trace_ratio"] == pytest.approx(again.metrics["nc1_trace_ratio"].value, rel=1e-6)


def test_no_room_for_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained()

    def full(self: object, config: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(model), "__init__", full)
    with pytest.raises(InputError, match="leave untrained out"):
        measure(model, token_blocks(20, 3), untrained=True, **QUIET)


def test_the_paper_counts_every_class() -> None:
    report = measure(trained(), token_blocks(20, 3), preset="paper", untrained=True, **QUIET)
    assert list(report.untrained) == list(report.metrics)


@pytest.mark.parametrize("form", ["markdown", "terminal", "html"])
def test_every_form_shows_it_where_it_is_known(form: str) -> None:
    report = measure(trained(), token_blocks(20, 3), untrained=True, **QUIET)
    report = replace(report, untrained={"nc1_trace_ratio": 123.456})
    shown = {"markdown": markdown_card, "terminal": in_terminal, "html": in_html}[form]
    assert "123.5" in shown(report)
    assert "untrained" in shown(report).lower()
    assert "untrained" not in shown(replace(report, untrained={})).lower()


def in_terminal(report: Any) -> str:
    console = Console(width=120, file=StringIO())
    console.print(report.to_table())
    said: str = console.file.getvalue()
    return said


def in_html(report: Any) -> str:
    return html_metrics(report)
