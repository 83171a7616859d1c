"""The ledger: what is done is kept whole, and a folder belongs to one study."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import FileError, StudyError
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger
from nc_hf.study.preset import load_study

SMOKE = "smoke"


@pytest.fixture
def study() -> Study:
    return load_study(SMOKE)


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
        Ledger(tmp_path, study.changed(learning_rate=1.0))
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
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "tokenizer.json").write_text("of the settings before")
    Ledger(tmp_path, study.changed(vocab_size=999))
    assert not (tmp_path / "texts").exists()
    Ledger(tmp_path, study.changed(vocab_size=999)).record_failure(study.cells[0], "it trained for a while")
    with pytest.raises(StudyError, match="other vocab_size"):
        Ledger(tmp_path, study)


def test_other_settings_are_refused_while_a_cell_is_claimed(tmp_path: Path, study: Study) -> None:
    ledger = Ledger(tmp_path, study)
    with ledger.claim(study.cells[0]) as mine:
        assert mine
        with pytest.raises(StudyError, match="holds a study with other learning_rate"):
            Ledger(tmp_path, study.changed(learning_rate=1.0))
    Ledger(tmp_path, study.changed(learning_rate=1.0))  # nothing was trained


def test_a_folder_that_another_start_took_over_is_left_to_it(tmp_path: Path, study: Study) -> None:
    first = Ledger(tmp_path, study)
    second = Ledger(tmp_path, study.changed(learning_rate=1.0))
    with pytest.raises(StudyError, match=r"another start gave .* other learning_rate: give each its own"):
        with first.claim(study.cells[0]):
            pass
    with second.claim(study.cells[0]) as mine:
        assert mine


def test_a_later_start_leaves_the_weights_of_finished_cells(tmp_path: Path, study: Study) -> None:
    ledger, cell = Ledger(tmp_path, study.changed(keep_states=True)), study.cells[0]
    (ledger.cell_folder(cell) / "state-00").mkdir(parents=True)
    ledger.record(cell, [{"val_loss": 1.0}])
    Ledger(tmp_path, study).tidy(cell)
    assert (ledger.cell_folder(cell) / "state-00").is_dir()


@pytest.mark.parametrize("keep", [True, False])
def test_what_a_kill_left_of_a_finished_cell_is_cleared_by_the_next_start(
    tmp_path: Path, study: Study, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, cell = Ledger(tmp_path, study.changed(keep_states=keep)), study.cells[0]
    for name in ("state-00", "checkpoint-7"):
        (ledger.cell_folder(cell) / name).mkdir(parents=True)
    with monkeypatch.context() as killed:
        killed.setattr(Ledger, "tidy", lambda *_: None)  # between the entry and what follows it
        ledger.record(cell, [{"val_loss": 1.0}])
    Ledger(tmp_path, study.changed(keep_states=not keep)).tidy(cell)
    assert [path.name for path in tmp_path.glob("checkpoints/*/*")] == (["state-00"] if keep else [])
    assert ledger.rows() == [{"val_loss": 1.0}]


def test_how_a_study_is_run_may_change(tmp_path: Path, study: Study) -> None:
    Ledger(tmp_path, study)
    Ledger(tmp_path, study.changed(save_steps=7, keep_states=True))


def test_timings_are_kept_apart_from_the_table(tmp_path: Path, study: Study) -> None:
    ledger, cell = Ledger(tmp_path, study), study.cells[0]
    ledger.record(cell, [{"saved_epoch": 0, "val_loss": 1.0, "train_seconds": 9.5, "measure_seconds": 0.5}])
    assert ledger.rows() == [{"saved_epoch": 0, "val_loss": 1.0}]
    assert ledger.timings() == [{"cell": cell.name, "saved_epoch": 0, "train_seconds": 9.5, "measure_seconds": 0.5}]


@pytest.mark.parametrize("keep", [True, False])
def test_a_finished_cell_keeps_its_log_and_asked_weights_alone(tmp_path: Path, study: Study, keep: bool) -> None:
    study = study.changed(keep_states=keep)
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


def test_where_there_can_be_no_folder_that_is_one_sentence(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper", tmp_path / ("n" * 300)):
        with pytest.raises(FileError, match=r"is no folder and cannot be made one \(.*\): name another"):
            Ledger(path, study)
    assert (tmp_path / "file").read_text() == "mine"
    monkeypatch.setattr("os.access", lambda *_: False)  # as for whoever is not root
    with pytest.raises(FileError, match="cannot be written: open it to you, or give another --output"):
        Ledger(tmp_path, study)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
