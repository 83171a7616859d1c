"""The models of a study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf.study.grid import Cell, Study, load_study
from nc_hf.study.models import build_model, count_parameters
from tests.paths import RECIPES

SMOKE = RECIPES / "presets" / "smoke.yaml"
CELL = Cell(width=32, depth=3, epochs=2, weight_decay=0.0, seed=0)


@pytest.fixture
def study() -> Study:
    return replace(load_study(SMOKE), block_size=16, vocab_size=300)


def test_parameters_are_counted_without_making_them(study: Study) -> None:
    assert count_parameters(study, CELL, 300) == build_model(study, CELL, 300).num_parameters()
