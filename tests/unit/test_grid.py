"""The grid as data, and the ledger of what is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.grid import Study, load_study
from nc_hf.study.ledger import Ledger

SMOKE = Path(__file__).resolve().parents[2] / "recipes" / "presets" / "smoke.yaml"


@pytest.fixture
def study() -> Study:
    return load_study(SMOKE)


def test_every_combination_is_a_cell_with_a_name_of_its_own(study: Study) -> None:
    grid = replace(study, widths=(32, 64), depths=(1, 2), epochs=(1, 3), seeds=(0, 1))
    assert len(grid.cells) == len({cell.name for cell in grid.cells}) == 16
    sizes = [cell.width * cell.depth for cell in grid.cells]
    assert sizes == sorted(sizes)


def test_overrides_take_the_type_of_the_setting() -> None:
    study = load_study(SMOKE, {"widths": ["8", "16"], "learning_rate": "0.01", "corpus": None})
    assert study.widths == (8, 16)
    assert study.learning_rate == 0.01
    assert study.corpus == "builtin"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"width": "8"}, "'width' of smoke.yaml is unknown"),
        ({"widths": ["wide"]}, "setting widths"),
        ({"widths": [30]}, "does not divide among 4 heads"),
        ({"depths": [0]}, "give numbers from 1"),
        ({"seeds": [1, 1]}, "each once"),
        ({"seeds": []}, "each once"),
    ],
)
def test_what_cannot_be_trained_is_refused(overrides: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load_study(SMOKE, overrides)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(StudyError, match="smoke"):
        load_study(SMOKE.with_name("huge.yaml"))


def test_a_ledger_remembers_finished_cells_in_the_order_of_the_grid(tmp_path: Path, study: Study) -> None:
    ledger = Ledger(tmp_path, study)
    first, second = study.cells[:2]
    assert not ledger.is_done(first)
    ledger.record(second, [{"width": second.width, "val_loss": 2.5}])
    ledger.record(first, [{"width": first.width, "val_loss": 3.5}])
    again = Ledger(tmp_path, study)
    assert [again.is_done(cell) for cell in study.cells] == [True, True, False, False]
    assert again.rows() == [{"width": first.width, "val_loss": 3.5}, {"width": second.width, "val_loss": 2.5}]


def test_a_folder_of_another_study_is_refused_and_left_alone(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study).record(study.cells[0], [{"val_loss": 1.0}])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(StudyError, match="other learning_rate"):
        Ledger(tmp_path, replace(study, learning_rate=1.0))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


@pytest.mark.parametrize("damage", ['[{"val_loss": 1.', '{"val_loss": 1.0}', "[1]"])
def test_an_entry_cut_short_or_edited_is_refused(tmp_path: Path, study: Study, damage: str) -> None:
    ledger = Ledger(tmp_path, study)
    ledger.record(study.cells[0], [{"val_loss": 1.0}])
    next((tmp_path / "cells").iterdir()).write_text(damage)
    with pytest.raises(StudyError, match=study.cells[0].name):
        ledger.rows()
