"""The preset ``paper`` against the published files: the same models, states and sizes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nc_hf.study.analysis.published import SETUP, WEIGHT_DECAY, load_published
from nc_hf.study.grid import Cell, Study, load_study
from nc_hf.study.models import count_parameters
from nc_hf.study.runner import ALL, RECORDED
from tests.paths import RECIPES

PAPER = RECIPES / "presets" / "paper.yaml"
LETTERS = {decay: letter for letter, decay in WEIGHT_DECAY.items()}


@pytest.fixture(scope="module")
def paper() -> Study:
    return load_study(PAPER)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pd.DataFrame:
    return load_published(shared_data / "published")


def published_id(cell: Cell, state: int, own_seed: int) -> str:
    """Name a state as the published files do: the grid's own seed has no number."""
    seed = "" if cell.seed == own_seed else f"{cell.seed:02d}"
    return f"{cell.depth:02d}x{cell.width:04d}_{cell.epochs:02d}{LETTERS[cell.weight_decay]}{seed}@{state}"


def test_the_cells_and_states_are_the_published_ones(paper: Study, published: pd.DataFrame) -> None:
    ids = [published_id(cell, state, paper.seeds[0]) for cell in paper.cells for state in paper.states_of(cell)]
    assert len(ids) == len(set(ids)) == 230
    assert set(ids) == set(published.index)


def test_every_model_has_as_many_parameters_as_was_published(paper: Study, published: pd.DataFrame) -> None:
    architectures = {(cell.width, cell.depth): cell for cell in paper.cells}
    assert len(architectures) == 30
    expected = published.groupby(["width", "depth"])["parameters"].first()
    counted = {size: count_parameters(paper, cell, paper.vocab_size) for size, cell in architectures.items()}
    assert counted == {size: int(expected[size]) for size in counted}


def test_batches_and_text_are_the_published_ones(paper: Study) -> None:
    by_depth = {
        depth: [paper.batch_of(Cell(width, depth, 1, 0.1, 42)) for width in paper.widths] for depth in (1, 2, 8)
    }
    assert by_depth == {1: [16] * 6, 2: [16] * 5 + [8], 8: [8] * 3 + [4] * 3}
    assert paper.expected_blocks is not None
    assert paper.expected_blocks[0] * (paper.block_size - 1) == 469_514_249


def test_the_setup_that_tables_are_held_against_is_that_of_the_preset(paper: Study) -> None:
    of_preset = {name: paper.to_dict()[name] for name in SETUP if name not in ("train_tokens", "measured_tokens")}
    assert SETUP == {
        "train_tokens": 469_514_249,
        "measured_tokens": 469_514_249,
        **of_preset,
        "agreement_tokens": paper.agreement_tokens or ALL,
    }
    assert set(RECORDED) <= set(SETUP)
