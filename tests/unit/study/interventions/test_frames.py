"""Fixed heads: against the simplex where there is one, and what is left of it where there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from nc_hf.errors import StudyError
from nc_hf.study.families import FAMILIES, build_model
from nc_hf.study.interventions.frames import fixed_frame
from nc_hf.study.preset import load_study

CELL = load_study("smoke").changed(block_size=16, vocab_size=300).cells[0]


@pytest.mark.parametrize(("rows", "dim"), [(5, 4), (5, 8), (17, 16), (3, 64), (2, 1)])
def test_where_a_simplex_exists_it_is_one(rows: int, dim: int) -> None:
    frame = fixed_frame("simplex", rows, dim, seed=3)
    gram = torch.full((rows, rows), -1 / (rows - 1), dtype=torch.float64).fill_diagonal_(1)
    assert frame @ frame.T == pytest.approx(gram, abs=1e-12)


@pytest.mark.parametrize(("rows", "dim"), [(300, 64), (301, 64), (300, 63), (4096, 128), (12, 10)])
def test_beyond_it_is_tight_centred_and_of_equal_rows(rows: int, dim: int) -> None:
    frame = fixed_frame("simplex", rows, dim, seed=3)
    assert frame.norm(dim=1) == pytest.approx(torch.ones(rows, dtype=torch.float64), abs=1e-12)
    assert frame.sum(dim=0) == pytest.approx(torch.zeros(dim, dtype=torch.float64), abs=1e-9)
    assert frame.T @ frame == pytest.approx(torch.eye(dim, dtype=torch.float64) * rows / dim, abs=1e-9)
    # The mean squared cosine of two rows is the least that so many unit vectors can have (Welch).
    squares = ((frame @ frame.T).square().sum() - rows) / (rows * (rows - 1))
    assert squares.item() == pytest.approx((rows - dim) / (dim * (rows - 1)), rel=1e-9)


def test_no_two_rows_are_nearer_than_random_ones_come() -> None:
    def largest(frame: torch.Tensor) -> float:
        return (frame @ frame.T).fill_diagonal_(-1).max().item()

    assert largest(fixed_frame("simplex", 2048, 64, 0)) < 1.25 * largest(fixed_frame("random", 2048, 64, 0))


def test_random_directions_have_the_cosines_of_the_sphere() -> None:
    frame = fixed_frame("random", 2000, 64, seed=0)
    cosines = (frame @ frame.T)[*torch.triu_indices(2000, 2000, offset=1)]
    assert cosines.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.02)
    assert abs(cosines.mean().item()) < 0.001


@pytest.mark.parametrize("kind", ["simplex", "random"])
def test_the_seed_decides_it_and_nothing_else_moves(kind: str) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (fixed_frame(kind, 100, 16, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), wanted)
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_an_odd_number_in_an_odd_number_of_dimensions_is_refused() -> None:
    with pytest.raises(StudyError, match="give an even width or vocabulary"):
        fixed_frame("simplex", 301, 63, seed=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["simplex", "random"])
def test_a_model_with_a_fixed_head_is_the_free_one_but_for_it(tmp_path: Path, family: str, kind: str) -> None:
    cell = replace(CELL, family=family, tied=False)
    free, fixed = build_model(cell, 300), build_model(replace(cell, head=kind), 300)
    head = fixed.get_output_embeddings().weight
    assert not head.requires_grad
    assert head == pytest.approx(
        (fixed_frame(kind, 300, 32, cell.seed) * math.log(300) / math.sqrt(32)).float(), abs=1e-7
    )
    others = dict(free.named_parameters())
    moved = [name for name, weight in fixed.named_parameters() if not torch.equal(weight, others[name])]
    assert [fixed.get_parameter(name) is head for name in moved] == [True]
    ids = torch.randint(300, (4, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loss = fixed.eval()(input_ids=ids, labels=ids).loss.item()
    assert math.log(300) - 0.5 < loss < math.log(300) + 1.5
    fixed.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.get_output_embeddings().weight, head)
    assert not torch.equal(again.get_input_embeddings().weight, head)
