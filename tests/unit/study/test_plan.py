"""What a study would cost: memory against a real step, tokens and time."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from nc_hf.study import plan
from nc_hf.study.cell import Cell
from nc_hf.study.cost import forward_flops
from nc_hf.study.families import build_model
from nc_hf.study.grid import Study
from nc_hf.study.preset import load_study
from nc_hf.study.threads import CHOSEN

SMOKE = "smoke"
TINY = load_study(SMOKE).changed(block_size=16, vocab_size=300)
CELL = replace(TINY.cells[0], depth=3, weight_decay=0.0)


@pytest.fixture
def study() -> Study:
    return TINY


@pytest.mark.slow
def test_memory_is_what_a_real_step_keeps(study: Study) -> None:
    model = build_model(CELL, 300)
    own = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    ids = torch.zeros(8, 16, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=ids, labels=ids, use_cache=False)
    activations = sum(storage.nbytes() for pointer, storage in kept.items() if pointer not in own)
    real = 16 * model.num_parameters() + activations + 4 * 8 * 16 * 300
    assert plan.training_memory(CELL, 300) == pytest.approx(real, rel=0.02)


@pytest.mark.slow
def test_a_plan_counts_tokens_and_scales_time(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "flops_a_second", lambda *_: 1e6)
    size = plan.TextSize(10, 5, 300, "")
    (found,) = plan.plan_cells(study.changed(states="last"), [CELL], {CELL.text_key: size})
    assert found.tokens == 10 * 16 * 2
    assert found.states == 2
    passed = 3 * found.tokens + 2 * 15 * 16  # two states, each over training and validation text
    assert found.seconds == pytest.approx(passed * forward_flops(CELL, 300) / 1e6)
    also = plan.plan_cells(study.changed(states="last"), [CELL], {CELL.text_key: replace(size, other=7)})[0].seconds
    assert also == pytest.approx((passed + 2 * 7 * 16) * forward_flops(CELL, 300) / 1e6)
    assert plan.plan_cells(study, [CELL], {CELL.text_key: plan.TextSize(None, None, 300, "")})[0].seconds is None


def test_a_text_that_cells_share_is_looked_at_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def sized(study: Study, cell: Cell) -> plan.TextSize:
        asked.append(cell.vocab_size)
        return plan.TextSize(10, 5, cell.vocab_size, "counted")

    monkeypatch.setattr(plan, "text_size", sized)
    monkeypatch.setattr(plan, "flops_a_second", lambda *_: 1e6)
    several = study.changed(width=32, depth=1, seed=(0, 1, 2), vocab_size=(300, 400))
    text = io.StringIO()
    plan.print_plan(several, several.cells, Console(file=text, width=200))
    assert sorted(asked) == [300, 400]
    assert "6 cells, 18 measured states" in text.getvalue()


def test_the_speed_is_measured(study: Study) -> None:
    assert 1e5 < plan.flops_a_second(CELL, 300) < 1e15


def test_a_text_that_cannot_be_read_is_unknown_and_said_to_be(study: Study) -> None:
    study = study.changed(corpus="no/such/file.txt", tokenizer="train")
    size = plan.text_size(study, study.cells[0])
    assert (size.train, size.validation, size.vocab_size) == (None, None, 300)
    assert "no/such/file.txt" in size.note
    hinted = plan.text_size(study.changed(expected_blocks=(7, 3)), study.cells[0])
    assert (hinted.train, hinted.validation) == (7, 3)


@pytest.mark.parametrize(("width", "threads"), [(16, 1), (256, 2)])
def test_the_speed_is_taken_with_the_threads_of_the_run(
    monkeypatch: pytest.MonkeyPatch, width: int, threads: int
) -> None:
    for name in CHOSEN:
        monkeypatch.delenv(name, raising=False)
    found = []

    def speed(*_: object) -> float:
        found.append(torch.get_num_threads())
        return 1e9

    monkeypatch.setattr(plan, "flops_a_second", speed)
    study = load_study("smoke", {"width": str(width), "depth": "1", "expected_blocks": "[8, 4]"})
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        plan.plan_cells(study, study.cells, {cell.text_key: plan.text_size(study, cell) for cell in study.cells})
    finally:
        torch.set_num_threads(before)
    assert set(found) == {threads}
