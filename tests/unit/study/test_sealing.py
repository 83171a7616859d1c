"""The seal of a study's table: an edit is told with the rows then and now, and a kill between two writes is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nc_hf.study import sealing
from nc_hf.study.sealing import edited, seal_path, write_sealed

TABLE = "width,val_loss\n32,1.5\n64,1.25\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "results.csv", TABLE)
    return tmp_path / "results.csv"


def test_a_table_as_it_was_written_is_not_edited(table: Path) -> None:
    assert table.read_text() == TABLE
    assert edited(table) is None
    assert json.loads(seal_path(table).read_text())["rows"] == 2
    assert sorted(path.name for path in table.parent.iterdir()) == ["results.csv", "results.seal.json"]


@pytest.mark.parametrize(
    ("text", "now"),
    [(TABLE.replace("1.25", "1.24"), 2), (TABLE[:21], 1), ("", 0), (TABLE + "128,1.0\n", 3), (TABLE.rstrip(), 2)],
)
def test_an_edit_is_told_with_the_way_out(table: Path, text: str, now: int) -> None:
    table.write_text(text)
    said = edited(table)
    assert said == (
        f"{table} was edited since the study wrote it (2 rows then, {now} now): start the study again to write it "
        "anew, or remove results.seal.json to use it as it is."
    )
    seal_path(table).unlink()
    assert edited(table) is None


@pytest.mark.parametrize("seal", ["", "[]", '{"rows": 2}', '{"rows": 2, "sha256": "x", "seal": "sha256:y"}'])
def test_a_damaged_seal_does_not_pass_for_one(table: Path, seal: str) -> None:
    seal_path(table).write_text(seal)
    assert edited(table) is not None


def test_a_seal_that_was_edited_with_the_table_is_told(table: Path) -> None:
    document = json.loads(seal_path(table).read_text())
    table.write_text(TABLE.replace("1.25", "1.24"))
    document["sha256"] = sealing._digest(table.read_bytes())
    seal_path(table).write_text(json.dumps(document))
    assert "is damaged, so nobody can tell" in str(edited(table))


@pytest.mark.parametrize("stop", [1, 2])
def test_a_kill_between_the_writes_is_no_edit(table: Path, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    calls, real = [0], sealing.write_text

    def write(path: Path, text: str) -> None:
        calls[0] += 1
        if calls[0] > stop:
            raise KeyboardInterrupt
        real(path, text)

    monkeypatch.setattr(sealing, "write_text", write)
    with pytest.raises(KeyboardInterrupt):
        write_sealed(table, TABLE + "128,1.0\n")
    assert (table.read_text() == TABLE) is (stop == 1)
    assert edited(table) is None


def test_equal_tables_have_equal_seals_however_often_they_were_written(table: Path) -> None:
    before = seal_path(table).read_bytes()
    write_sealed(table, TABLE + "128,1.0\n")
    assert seal_path(table).read_bytes() != before
    write_sealed(table, TABLE)
    assert seal_path(table).read_bytes() == before
