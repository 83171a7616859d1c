"""The preset ``paper`` against the published files: the same models, states and sizes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nc_hf.study.analysis.published import SETUP, WEIGHT_DECAY, load_published
from nc_hf.study.cell import Cell
from nc_hf.study.families import count_parameters
from nc_hf.study.grid import Study
from nc_hf.study.preset import load_study
from nc_hf.study.runner import ALL

LETTERS = {decay: letter for letter, decay in WEIGHT_DECAY.items()}


@pytest.fixture(scope="module")
def paper() -> Study:
    return load_study("paper")


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pd.DataFrame:
    return load_published(shared_data / "published")


def published_id(cell: Cell, state: int, own_seed: int) -> str:
    """Name a state as the published files do: the grid's own seed has no number."""
    seed = "" if cell.seed == own_seed else f"{cell.seed:02d}"
    return f"{cell.depth:02d}x{cell.width:04d}_{cell.epochs:02d}{LETTERS[cell.weight_decay]}{seed}@{state}"


def test_the_cells_and_states_are_the_published_ones(paper: Study, published: pd.DataFrame) -> None:
    (own_seed,) = paper.axes["seed"]
    states = {cell: [state.saved_epoch for state in paper.states_of(cell, 10)] for cell in paper.cells}
    ids = [published_id(cell, state, own_seed) for cell, found in states.items() for state in found]
    assert len(ids) == len(set(ids)) == 230
    assert set(ids) == set(published.index)


@pytest.mark.slow
def test_every_model_has_as_many_parameters_as_was_published(paper: Study, published: pd.DataFrame) -> None:
    architectures = {(cell.width, cell.depth): cell for cell in paper.cells}
    assert len(architectures) == 30
    expected = published.groupby(["width", "depth"])["parameters"].first()
    counted = {size: count_parameters(cell, cell.vocab_size) for size, cell in architectures.items()}
    assert counted == {size: int(expected[size]) for size in counted}


def test_batches_and_text_are_the_published_ones(paper: Study) -> None:
    batches = {(cell.depth, cell.width): cell.batch_size for cell in paper.cells}
    by_depth = {depth: [batches[depth, width] for width in paper.axes["width"]] for depth in (1, 2, 8)}
    assert by_depth == {1: [16] * 6, 2: [16] * 5 + [8], 8: [8] * 3 + [4] * 3}
    assert paper.expected_blocks is not None
    assert paper.expected_blocks[0] * (paper.cells[0].block_size - 1) == 469_514_249


def test_the_setup_that_tables_are_held_against_is_that_of_the_preset(paper: Study) -> None:
    settings = paper.to_dict()
    of_preset = {name: settings[name][0] for name in SETUP if name in paper.axes} | {"classes": settings["classes"]}
    assert SETUP == {
        "train_tokens": 469_514_249,
        "measured_tokens": 469_514_249,
        **of_preset,
        "agreement_tokens": paper.agreement_tokens or ALL,
    }
