"""Several tables as one, or why not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.join import read_tables
from tests.results import table


def written(folder: Path, *frames: pd.DataFrame) -> list[Path]:
    paths = [folder / f"{number}.csv" for number in range(len(frames))]
    for frame, path in zip(frames, paths, strict=True):
        frame.to_csv(path, index=False)
    return paths


def mine(**columns: object) -> pd.DataFrame:
    return table(3, nc4_agreement=0.5, **columns)


def test_rows_of_all_tables_are_there(tmp_path: Path) -> None:
    other = mine(learning_rate="6e-3", nc1_cdnv=2.0).assign(width=128)
    frame = read_tables(written(tmp_path, mine(learning_rate=0.002), other))
    assert len(frame) == 6
    assert frame["nc1_cdnv"].isna().sum() == 3
    assert frame.index.tolist() == list(range(6))


def test_a_setting_that_one_table_lacks_is_named(tmp_path: Path) -> None:
    paths = written(tmp_path, mine(), mine(learning_rate=0.006).assign(width=128))
    with pytest.raises(StudyError) as caught:
        read_tables(paths)
    assert str(caught.value).startswith(
        f"{paths[0]} has no column learning_rate, and {paths[1]} has it (0.006): add it"
    )
    assert "learning_rate" not in read_tables(paths, ignore=["learning_rate"])


def test_what_an_old_table_could_not_choose_is_filled_in(tmp_path: Path) -> None:
    new = mine(family="llama", tied=False, added_weight=0.1, added_loss="cdnv", measure_also="b", data_seed=7)
    frame = read_tables(written(tmp_path, mine(), new))
    old = frame[:3]
    assert old[["family", "added_loss"]].drop_duplicates().to_numpy().tolist() == [["gpt_neo", "none"]]
    assert old["data_seed"].tolist() == old["seed"].tolist() == [0, 1, 2]
    assert old["tied"].astype(bool).all()
    assert old["measure_also"].isna().all()


def test_a_bound_is_not_missed_where_the_size_is_told(tmp_path: Path) -> None:
    frames = mine(train_tokens=900), mine(train_tokens=900, max_train_tokens=1000).assign(width=128)
    assert "max_train_tokens" not in read_tables(written(tmp_path, *frames))
    with pytest.raises(StudyError, match="no column max_train_tokens"):
        read_tables(written(tmp_path, mine(), frames[1]))


def test_the_same_state_twice_is_refused(tmp_path: Path) -> None:
    paths = written(tmp_path, mine(), mine(val_loss=9.0).iloc[[2, 0]])
    with pytest.raises(StudyError) as caught:
        read_tables(paths)
    assert str(caught.value).startswith(f"line 4 of {paths[0]} and line 2 of {paths[1]} are the same state of one run")
    with pytest.raises(StudyError, match="same state"):
        read_tables([paths[0], paths[0]])
    assert len(read_tables(written(tmp_path, mine(), mine().assign(saved_epoch=4)))) == 6


def test_a_column_to_ignore_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no column mood to ignore"):
        read_tables(written(tmp_path, mine()), ignore=["mood"])
