"""The grid as data: cells, states, and settings that cannot be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.grid import Study, texts_of
from nc_hf.study.preset import PRESETS, load_study

SMOKE = "smoke"
ONE = {"width": 32, "depth": 1}


@pytest.fixture
def study() -> Study:
    return load_study(SMOKE)


def test_every_combination_is_a_cell_with_a_name_of_its_own(study: Study) -> None:
    grid = study.changed(width=(32, 64), depth=(1, 2), epochs=(1, 3), seed=(0, 1))
    assert len(grid.cells) == len({cell.name for cell in grid.cells}) == 16
    sizes = [cell.width * cell.depth for cell in grid.cells]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("family", ("gpt_neo", "llama")),
        ("heads", (2, 4)),
        ("window", (8, 64)),
        ("dropout", (0.0, 0.1)),
        ("head", ("free", "simplex", "random")),
        ("tied", (True, False)),
        ("optimizer", ("adamw_torch", "sgd")),
        ("learning_rate", (0.002, 0.006)),
        ("lr_scheduler", ("linear", "cosine")),
        ("warmup_steps", (0, 50)),
        ("batch_size", (4, 8)),
        ("label_smoothing", (0.0, 0.1)),
        ("data_seed", (3, 4)),
        ("corpus", ("builtin", "some/stories")),
        ("validation_corpus", (None, "other")),
        ("measure_also", (None, "other")),
        ("tokenizer", ("builtin", "train")),
        ("vocab_size", (500, 2048)),
        ("packing", ("documents", "paper")),
        ("block_size", (64, 128)),
        ("max_train_tokens", (20_000, None)),
    ],
)
def test_every_setting_can_be_an_axis(study: Study, name: str, values: tuple[object, ...]) -> None:
    cells = study.changed(**ONE, **{name: values}).cells
    assert sorted(map(str, values)) == sorted(str(getattr(cell, name)) for cell in cells)
    assert len({cell.name for cell in cells}) == len(values)
    assert all(cell.name.startswith("01x0032_02_wd0.0005_s0_") for cell in cells)


def test_an_added_loss_and_its_weight_are_one_thing(study: Study) -> None:
    grid = study.changed(**ONE, added_loss=("none", "cdnv", "duality"), added_weight=(0.0, 0.1, 1.0))
    found = {(cell.added_loss, cell.added_weight) for cell in grid.cells}
    assert len(grid.cells) == 5
    assert found == {("none", 0.0), ("cdnv", 0.1), ("cdnv", 1.0), ("duality", 0.1), ("duality", 1.0)}


def test_the_order_of_the_data_is_that_of_the_seed_unless_it_is_given(study: Study) -> None:
    assert {(cell.seed, cell.data_seed) for cell in study.changed(seed=(3, 4)).cells} == {(3, 3), (4, 4)}
    assert {(cell.seed, cell.data_seed) for cell in study.changed(seed=(3, 4), data_seed=7).cells} == {(3, 7), (4, 7)}


def test_cells_share_a_text_and_a_beginning_where_nothing_of_these_differs(study: Study) -> None:
    grid = study.changed(**ONE, learning_rate=(0.1, 0.2), seed=(0, 1), vocab_size=(500, 600))
    assert len(grid.cells) == 8
    assert len(texts_of(grid.cells)) == 2
    assert len({cell.initial_key for cell in grid.cells}) == 4  # seeds and vocabularies


def test_extra_cells_join_the_grid_and_each_is_there_once() -> None:
    extra = [
        {"width": [32], "depth": [2], "weight_decay": [0.0005, 0.1]},  # the first of them is the grid's own
        {"width": [64], "depth": [1], "seed": [1, 2]},
    ]
    study = load_study(SMOKE, {"extra": extra})
    plain = {cell.name for cell in load_study(SMOKE).cells}
    added = {"02x0032_02_wd0.1_s0", "01x0064_02_wd0.0005_s1", "01x0064_02_wd0.0005_s2"}
    assert sorted(cell.name for cell in study.cells) == sorted(plain | added)


def test_an_axis_given_on_the_command_line_holds_in_extra_too(tmp_path: Path) -> None:
    preset = tmp_path / "own.yaml"
    preset.write_text((PRESETS / "smoke.yaml").read_text() + "extra: [{width: [64], depth: [4], seed: [1, 2]}]\n")
    assert {cell.width for cell in load_study(preset).cells if cell.depth == 4} == {64}
    assert {cell.width for cell in load_study(preset, {"width": ["16"]}).cells} == {16}
    assert {cell.seed for cell in load_study(preset, {"seed": ["7"]}).cells} == {7}


def test_states_are_of_epochs_and_of_steps_on_a_log_axis(study: Study) -> None:
    cell = replace(study.cells[0], epochs=10)

    def saved(states: Study, of: object = cell) -> list[float]:
        return [state.saved_epoch for state in states.states_of(of, 100)]  # type: ignore[arg-type]

    assert saved(study.changed(states="all"), replace(cell, epochs=3)) == [-1, 0, 1, 2]
    assert saved(study.changed(states="last", initial=False)) == [9]
    both = study.changed(states="last", log_states=4, initial=False)
    assert [state.step for state in both.states_of(cell, 100)] == [1, 10, 100, 1000]
    assert saved(both) == [-0.99, -0.9, 0, 9]
    later = study.changed(states="last", log_states=3, log_first=250, initial=False)
    assert [state.step for state in later.states_of(cell, 100)] == [250, 500, 1000]
    assert (both.count_states(cell), both.epochs_run(cell)) == (5, 10)  # one of the four is the last
    named = load_study(SMOKE, {"epochs": [3, 10], "states": {10: [9, 5]}, "initial": False})
    assert [saved(named, cell) for cell in named.cells[:2]] == [[2], [5, 9]]


def test_a_batch_is_one_number_or_the_first_pattern_that_fits() -> None:
    study = load_study(SMOKE, {"batch_size": "{01x0064: 4, 01x*: 16, '*': 2}"})
    batches = {(cell.width, cell.depth): cell.batch_size for cell in study.cells}
    assert batches == {(32, 1): 16, (64, 1): 4, (32, 2): 2, (64, 2): 2}


def test_expected_blocks_are_forgotten_with_the_text_that_they_count() -> None:
    assert load_study("paper").expected_blocks == (229_367, 2_303)
    assert load_study("paper", {"width": [64]}).expected_blocks == (229_367, 2_303)
    assert load_study("paper", {"corpus": "builtin"}).expected_blocks is None


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_is_a_study(name: str) -> None:
    study = load_study(name)
    assert len({cell.name for cell in study.cells}) == len(study.cells) > 1
    assert len(study.cells) == {"smoke": 4, "mini": 24, "paper": 170}.get(name, len(study.cells))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"widths": "8"}, "'widths' of smoke.yaml is unknown"),
        ({"width": ["wide"]}, "setting width"),
        ({"width": [30]}, "does not divide among 4 heads"),
        ({"depth": [0]}, "give a number from 1"),
        ({"seed": [1, 1]}, "each once"),
        ({"seed": []}, "each once"),
        ({"width": [32.5]}, "give a whole number"),
        ({"weight_decay": [float("nan")]}, "give a number from 0"),
        ({"extra": [{"width": [30]}]}, "does not divide among 4 heads"),
        ({"extra": [{"widths": 32}]}, "extra has the key 'widths'"),
        ({"extra": [{"seed": [1, 1]}]}, "each once"),
        ({"extra": [{"width": ["wide"]}]}, "setting width is 'wide'"),
        ({"extra": "wide"}, "give a list of axes"),
        ({"states": "first"}, "give all, last, or lists"),
        ({"states": {2: [2]}}, "give numbers from 0 to 1"),
        ({"log_states": -1}, "give a number from 0"),
        ({"log_first": 0}, "log_first is 0: give a number from 1"),
        ({"batch_size": {"01x*": 4}}, "no entry for 02x0032"),
        ({"batch_size": 0}, "give a number from 1"),
        ({"learning_rate": float("inf")}, "give a positive number"),
        ({"dropout": [0, 1]}, "below 1"),
        ({"label_smoothing": 1}, "below 1"),
        ({"head": "frozen"}, "give free or simplex or random"),
        ({"added_loss": "nc1"}, "give none or cdnv or duality or uniformity"),
        ({"added_weight": -1}, "give a number from 0"),
        ({"block_size": 1}, "give a number from 2"),
        ({"packing": "docs"}, "give documents or paper"),
        ({"seed": [2**32]}, "to below 4,294,967,296"),
        ({"batch_size": float("inf")}, "give a whole number"),
        ({"max_train_tokens": "inf"}, "give a whole number"),
        ({"max_train_tokens": 0}, "null for all"),
        ({"heads": 0}, "heads is 0: give a number from 1"),
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
        load_study("huge")
