"""The grid as data, and the ledger of what is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.grid import Study, load_study
from nc_hf.study.ledger import Ledger
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
    with pytest.raises(StudyError, match=study.cells[0].name):
        Ledger(tmp_path, study)


def test_an_edited_number_is_found(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study).record(study.cells[0], [{"val_loss": 1.25}])
    entry = next((tmp_path / "cells").iterdir())
    entry.write_text(entry.read_text().replace("1.25", "1.24"))
    with pytest.raises(StudyError, match="edited or cut short"):
        Ledger(tmp_path, study)


def test_settings_cut_short_or_gone_are_refused(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study).record(study.cells[0], [{"val_loss": 1.0}])
    settings = tmp_path / "study.json"
    settings.write_text(settings.read_text()[:40])
    with pytest.raises(StudyError, match="edited or cut short"):
        Ledger(tmp_path, study)
    settings.unlink()
    with pytest.raises(StudyError, match="but no study"):
        Ledger(tmp_path, study)


def test_a_start_that_came_to_nothing_does_not_bind_the_folder(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study)
    (tmp_path / "tokenizer.json").write_text("of the settings before")
    Ledger(tmp_path, replace(study, vocab_size=999))
    assert not (tmp_path / "tokenizer.json").exists()
    Ledger(tmp_path, replace(study, vocab_size=999)).record_failure(study.cells[0], "it trained for a while")
    with pytest.raises(StudyError, match="other vocab_size"):
        Ledger(tmp_path, study)


def test_other_settings_are_refused_while_a_cell_is_claimed(tmp_path: Path, study: Study) -> None:
    ledger = Ledger(tmp_path, study)
    with ledger.claim(study.cells[0]) as mine:
        assert mine
        with pytest.raises(StudyError, match="holds a study with other learning_rate"):
            Ledger(tmp_path, replace(study, learning_rate=1.0))
    Ledger(tmp_path, replace(study, learning_rate=1.0))  # nothing was trained


def test_a_folder_that_another_start_took_over_is_left_to_it(tmp_path: Path, study: Study) -> None:
    first = Ledger(tmp_path, study)
    second = Ledger(tmp_path, replace(study, learning_rate=1.0))
    with pytest.raises(StudyError, match=r"another start gave .* other learning_rate: give each its own"):
        with first.claim(study.cells[0]):
            pass
    with second.claim(study.cells[0]) as mine:
        assert mine


def test_a_later_start_leaves_the_weights_of_finished_cells(tmp_path: Path, study: Study) -> None:
    ledger, cell = Ledger(tmp_path, replace(study, keep_states=True)), study.cells[0]
    (ledger.cell_folder(cell) / "state-00").mkdir(parents=True)
    ledger.record(cell, [{"val_loss": 1.0}])
    Ledger(tmp_path, study).tidy(cell)
    assert (ledger.cell_folder(cell) / "state-00").is_dir()


def test_how_a_study_is_run_may_change(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study)
    Ledger(tmp_path, replace(study, save_steps=7, keep_states=True))


def test_timings_are_kept_apart_from_the_table(tmp_path: Path, study: Study) -> None:
    ledger, cell = Ledger(tmp_path, study), study.cells[0]
    ledger.record(cell, [{"saved_epoch": 0, "val_loss": 1.0, "train_seconds": 9.5, "measure_seconds": 0.5}])
    assert ledger.rows() == [{"saved_epoch": 0, "val_loss": 1.0}]
    assert ledger.timings() == [{"cell": cell.name, "saved_epoch": 0, "train_seconds": 9.5, "measure_seconds": 0.5}]


@pytest.mark.parametrize("keep", [True, False])
def test_a_finished_cell_keeps_its_log_and_asked_weights_alone(tmp_path: Path, study: Study, keep: bool) -> None:
    study = replace(study, keep_states=keep)
    ledger, cell = Ledger(tmp_path, study), study.cells[0]
    folder = ledger.cell_folder(cell)
    for name in ("checkpoint-9", "state-00", "measuring-00-1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("x")
    (folder / "log.json").write_text("{}")
    (folder / "row-00.json").write_text("{}")
    ledger.record(cell, [{"val_loss": 1.0}])
    assert (tmp_path / "logs" / f"{cell.name}.json").read_text() == "{}"
    assert folder.exists() == keep
    assert not keep or [path.name for path in folder.iterdir()] == ["state-00"]


def test_a_failure_is_kept_until_the_cell_succeeds(tmp_path: Path, study: Study) -> None:
    ledger, cell = Ledger(tmp_path, study), study.cells[0]
    assert ledger.failure(cell) is None
    ledger.record_failure(cell, "Traceback\nMemoryError")
    assert ledger.failure(cell) == "Traceback\nMemoryError\n"
    assert not ledger.is_done(cell)
    ledger.record(cell, [{"val_loss": 1.0}])
    assert ledger.failure(cell) is None


def test_a_cell_is_claimed_once_and_given_back(tmp_path: Path, study: Study) -> None:
    one, other = Ledger(tmp_path, study), Ledger(tmp_path, study)
    first, second = study.cells[:2]
    with one.claim(first) as mine:
        with other.claim(first) as theirs, other.claim(second) as another:
            assert (mine, theirs, another) == (True, False, True)
    with other.claim(first) as theirs:
        assert theirs
    one.record(first, [{"val_loss": 1.0}])
    with other.claim(first) as theirs:
        assert not theirs  # it is done
