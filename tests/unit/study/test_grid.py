"""The grid as data: cells, states, and settings that cannot be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.grid import Study, load_study
from tests.paths import RECIPES

SMOKE = RECIPES / "presets" / "smoke.yaml"


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


def test_extra_cells_join_the_grid_and_each_is_there_once() -> None:
    extra = [
        {"widths": [32], "depths": [2], "weight_decays": [0.0005, 0.1]},  # the first of them is the grid's own
        {"widths": [64], "depths": [1], "seeds": [1, 2]},
    ]
    study = load_study(SMOKE, {"extra": extra})
    plain = {cell.name for cell in load_study(SMOKE).cells}
    added = {"02x0032_02_wd0.1_s0", "01x0064_02_wd0.0005_s1", "01x0064_02_wd0.0005_s2"}
    assert sorted(cell.name for cell in study.cells) == sorted(plain | added)


def test_an_axis_given_on_the_command_line_holds_in_extra_too(tmp_path: Path) -> None:
    preset = tmp_path / "own.yaml"
    preset.write_text(SMOKE.read_text() + "extra: [{widths: [64], depths: [4], seeds: [1, 2]}]\n")
    assert {cell.width for cell in load_study(preset).cells if cell.depth == 4} == {64}
    assert {cell.width for cell in load_study(preset, {"widths": ["16"]}).cells} == {16}
    assert {cell.seed for cell in load_study(preset, {"seeds": ["7"]}).cells} == {7}


def test_states_are_all_the_last_or_those_named(study: Study) -> None:
    cell = replace(study.cells[0], epochs=10)
    assert replace(study, states="all").states_of(replace(cell, epochs=3)) == (-1, 0, 1, 2)
    assert replace(study, states="last", initial=False).states_of(cell) == (9,)
    named = load_study(SMOKE, {"epochs": [3, 10], "states": {10: [9, 5]}, "initial": False})
    assert [named.states_of(cell) for cell in named.cells[:2]] == [(2,), (5, 9)]


def test_a_batch_is_one_number_or_the_first_pattern_that_fits() -> None:
    study = load_study(SMOKE, {"batch_size": "{01x0064: 4, 01x*: 16, '*': 2}"})
    batches = {(cell.width, cell.depth): study.batch_of(cell) for cell in study.cells}
    assert batches == {(32, 1): 16, (64, 1): 4, (32, 2): 2, (64, 2): 2}


def test_settings_are_read_from_the_command_line_as_from_a_file() -> None:
    given = {"max_train_tokens": "null", "torch_compile": "true", "agreement_tokens": "1e4", "seeds": "3,4"}
    study = load_study(SMOKE, given)
    assert (study.max_train_tokens, study.torch_compile, study.agreement_tokens) == (None, True, 10_000)
    assert study.seeds == (3, 4)


def test_expected_blocks_are_forgotten_with_the_text_that_they_count() -> None:
    paper = SMOKE.with_name("paper.yaml")
    assert load_study(paper).expected_blocks == (229_367, 2_303)
    assert load_study(paper, {"widths": [64]}).expected_blocks == (229_367, 2_303)
    assert load_study(paper, {"corpus": "builtin"}).expected_blocks is None


@pytest.mark.parametrize("name", ["smoke", "mini", "paper"])
def test_every_preset_is_a_study(name: str) -> None:
    study = load_study(SMOKE.with_name(f"{name}.yaml"))
    assert len({cell.name for cell in study.cells}) == len(study.cells) == {"smoke": 4, "mini": 24, "paper": 170}[name]


def test_mini_has_what_a_study_needs() -> None:
    study = load_study(SMOKE.with_name("mini.yaml"))
    assert min(len(study.widths), len(study.depths)) >= 3
    assert len(study.epochs) == 2
    by_seed = {replace(cell, seed=0): set() for cell in study.cells}
    by_decay = {replace(cell, weight_decay=0.0): set() for cell in study.cells}
    for cell in study.cells:
        by_seed[replace(cell, seed=0)].add(cell.seed)
        by_decay[replace(cell, weight_decay=0.0)].add(cell.weight_decay)
        assert study.states_of(cell)[0] == -1
    assert max(map(len, by_seed.values())) == 5
    assert max(map(len, by_decay.values())) == 3


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"width": "8"}, "'width' of smoke.yaml is unknown"),
        ({"widths": ["wide"]}, "setting widths"),
        ({"widths": [30]}, "does not divide among 4 heads"),
        ({"depths": [0]}, "give numbers from 1"),
        ({"seeds": [1, 1]}, "each once"),
        ({"seeds": []}, "each once"),
        ({"widths": [32.5]}, "give whole numbers"),
        ({"weight_decays": [float("nan")]}, "give numbers from 0"),
        ({"extra": [{"widths": [30]}]}, "does not divide among 4 heads"),
        ({"extra": [{"width": 32}]}, "extra has the key 'width'"),
        ({"extra": [{"seeds": [1, 1]}]}, "each once"),
        ({"extra": "wide"}, "give a list of axes"),
        ({"states": "first"}, "give all, last, or lists"),
        ({"states": {2: [2]}}, "give numbers from 0 to 1"),
        ({"batch_size": {"01x*": 4}}, "no entry for 02x0032"),
        ({"batch_size": 0}, "give a number from 1"),
        ({"learning_rate": float("inf")}, "give a positive number"),
        ({"dropout": 1}, "below 1"),
        ({"block_size": 1}, "give a number from 2"),
        ({"packing": "docs"}, "give documents or paper"),
        ({"seeds": [2**32]}, "give numbers below"),
        ({"weight_decays": [0.1, 0.10000001]}, "the same six digits"),
        ({"batch_size": float("inf")}, "give a whole number"),
        ({"max_train_tokens": "inf"}, "give a whole number"),
        ({"max_train_tokens": 0}, "null for all"),
        ({"heads": 0}, "does not divide among 0 heads"),
        ({"torch_compile": "perhaps"}, "give true or false"),
        ({"expected_blocks": [1]}, "those of train and of validation"),
        ({"classes": 0}, "classes is 0: pass a share of the text between 0 and 1"),
        ({"classes": 50}, "or top:50 for so many classes"),
        ({"classes": "top:1"}, "a number from 2"),
        ({"classes": [-3, 5]}, "pass whole numbers from 0"),
        ({"classes": "no/such/list"}, "there is no text file of that name"),
        ({"min_count": 10}, "'min_count' of smoke.yaml is unknown"),
    ],
)
def test_what_cannot_be_trained_is_refused(overrides: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load_study(SMOKE, overrides)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(StudyError, match="smoke"):
        load_study(SMOKE.with_name("huge.yaml"))
