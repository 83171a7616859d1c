"""Fixed heads: against the simplex where there is one, and what is left of it where there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import StudyError
from nc_hf.study.cell import FIXED_HEADS
from nc_hf.study.families import FAMILIES, build_model
from nc_hf.study.interventions.frames import _FRAMES, fix_head, fixed_frame
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


@pytest.mark.parametrize(("rows", "dim"), [(300, 64), (301, 64), (300, 63), (12, 10), (17, 16), (5, 8)])
def test_its_gram_is_the_nearest_to_the_simplex_that_the_width_allows(rows: int, dim: int) -> None:
    frame = fixed_frame("simplex", rows, dim, seed=3).numpy()
    gram, simplex = frame @ frame.T, np.eye(rows) - 1 / rows
    apart = np.linalg.norm(gram / np.linalg.norm(gram) - simplex / np.linalg.norm(simplex))
    assert apart == pytest.approx(np.sqrt(2 - 2 * np.sqrt(min(1, dim / (rows - 1)))), abs=1e-7)
    features = ClassStatistics(dim)
    features.update(torch.tensor(frame).repeat(2, 1), torch.arange(rows).repeat(2))
    measured = compute_metrics(features, ClassifierHead(torch.tensor(frame)), ["nc2_etf_error"], min_count=2)
    assert measured["nc2_etf_error"] == pytest.approx(apart, abs=1e-7)


def largest_cosine(frame: torch.Tensor) -> float:
    return (frame @ frame.T).fill_diagonal_(-1).max().item()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rows", "dim"), [(2048, 64), (301, 64), (300, 63)])
def test_no_two_rows_come_as_near_as_random_ones(rows: int, dim: int, seed: int) -> None:
    simplex, random = (largest_cosine(fixed_frame(kind, rows, dim, seed)) for kind in ("simplex", "random"))
    assert simplex < 0.65 * random


@pytest.mark.parametrize("dim", [2, 3, 4, 6])
def test_no_two_rows_coincide_however_few_dimensions(dim: int) -> None:
    # Of frequencies that all share a divisor with the number of rows, some rows would be the same.
    assert all(largest_cosine(fixed_frame("simplex", 512, dim, seed)) < 1 - 1e-5 for seed in range(20))


def test_neighbours_in_the_vocabulary_are_none_in_the_frame() -> None:
    frame = fixed_frame("simplex", 2048, 64, seed=0)
    cosines = (frame[1:] * frame[:-1]).sum(dim=1)
    assert cosines.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.1)  # and not one and the same


@pytest.mark.parametrize("dim", [4, 5, 9])
def test_a_simplex_has_no_place_of_its_own(dim: int) -> None:
    # Over seeds, a row is uniform on the sphere: its mean vanishes, and no coordinate is longer than another.
    rows = torch.stack([fixed_frame("simplex", 5, dim, seed)[2] for seed in range(2000)])
    assert rows.mean(dim=0) == pytest.approx(torch.zeros(dim, dtype=torch.float64), abs=4.5 / math.sqrt(2000 * dim))
    assert rows.square().mean(dim=0) == pytest.approx(torch.full((dim,), 1 / dim, dtype=torch.float64), rel=0.15)


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
    # Logits of the spread s add s^2 / 2 to ln V; 60 tokens leave a standard error of s / sqrt(60).
    spread = math.log(300) / math.sqrt(32)
    assert loss == pytest.approx(math.log(300) + spread**2 / 2, abs=4 * spread / math.sqrt(60))
    fixed.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.get_output_embeddings().weight, head)
    assert not torch.equal(again.get_input_embeddings().weight, head)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_that_was_tied_gets_a_table_of_its_own(tmp_path: Path, family: str) -> None:
    model = build_model(replace(CELL, family=family, tied=True), 300)
    embeddings = model.get_input_embeddings().weight
    before = embeddings.clone()
    fix_head(model, "simplex", 7)
    model.tie_weights()  # as a Trainer does when it loads a checkpoint
    head = model.get_output_embeddings().weight
    assert model.get_input_embeddings().weight is embeddings
    assert torch.equal(embeddings, before)
    assert embeddings.requires_grad
    assert not head.requires_grad
    assert head.norm(dim=1) == pytest.approx(torch.full((300,), math.log(300) / math.sqrt(32)), rel=1e-6)
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert not again.config.tie_word_embeddings
    assert torch.equal(again.get_output_embeddings().weight, head)
    assert torch.equal(again.get_input_embeddings().weight, before)


def test_the_settings_name_the_frames_that_there_are() -> None:
    assert set(FIXED_HEADS) == set(_FRAMES)
