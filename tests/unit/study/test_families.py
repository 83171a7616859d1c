"""The models of a study."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nc_hf.errors import StudyError
from nc_hf.study.cell import Cell
from nc_hf.study.families import FAMILIES, build_model, count_parameters
from nc_hf.study.preset import load_study

TINY = load_study("smoke").changed(block_size=16, vocab_size=300)
CELL = replace(TINY.cells[0], depth=3)


def cell(family: str, **changes: object) -> Cell:
    return replace(CELL, family=family, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
class TestEachFamily:
    def test_it_is_counted_without_being_made(self, family: str) -> None:
        assert count_parameters(cell(family), 300) == build_model(cell(family), 300).num_parameters()

    def test_it_predicts_the_next_of_its_vocabulary(self, family: str) -> None:
        model = build_model(cell(family), 300).eval()
        ids = torch.randint(300, (2, 16), generator=torch.Generator().manual_seed(0))
        other = ids.clone()
        other[:, 10:] = 0
        with torch.no_grad():
            logits, changed = model(input_ids=ids).logits, model(input_ids=other).logits
        assert logits.shape == (2, 16, 300)
        assert torch.allclose(logits[:, :10], changed[:, :10], atol=1e-5)  # the future is not seen
        assert not torch.allclose(logits[:, 10:], changed[:, 10:], atol=1e-3)

    def test_a_layer_has_about_twelve_squares_of_the_width(self, family: str) -> None:
        wide = cell(family, width=256, depth=2, heads=4)
        layers = count_parameters(replace(wide, depth=4), 300) - count_parameters(wide, 300)
        assert layers / 2 == pytest.approx(12 * 256**2, rel=0.12)

    def test_the_seed_makes_it(self, family: str) -> None:
        one, same, other = (build_model(cell(family, seed=seed), 300).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert any(not torch.equal(one[name], other[name]) for name in one)

    def test_the_head_is_tied_or_not(self, family: str) -> None:
        for tied in (True, False):
            model = build_model(cell(family, tied=tied), 300)
            head, table = model.get_output_embeddings().weight, model.get_input_embeddings().weight
            assert (head is table) is tied
        free = count_parameters(cell(family, tied=False), 300)
        assert free - count_parameters(cell(family), 300) == 300 * CELL.width

    def test_dropout_acts_in_training_alone(self, family: str) -> None:
        model, ids = build_model(cell(family, dropout=0.5), 300), torch.arange(16)[None]
        with torch.no_grad():
            trained = [model.train()(input_ids=ids).logits for _ in range(2)]
            evaluated = [model.eval()(input_ids=ids).logits for _ in range(2)]
        assert torch.allclose(*trained) is (family == "mamba")  # which has none
        assert torch.equal(*evaluated)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(StudyError, match="give gpt_neo, llama, gpt_neox, qwen3, mamba, or hf:CONFIG"):
        build_model(cell("gpt5"), 300)
