"""What can be asked of the table of tokens."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.report import Report
from tests.reports import SCHEMA_8


def test_pieces_of_text_can_be_taken_out_and_nothing_else_goes() -> None:
    table = Report.load(SCHEMA_8).token_table
    assert table is not None
    assert table.map is not None
    assert all(len(quoted) == 3 for quoted in table.map.contexts)
    bare = table.without_contexts()
    assert bare.map is not None
    assert bare.map.contexts == [[]] * len(table.columns.ids)
    assert replace(bare, map=replace(bare.map, contexts=table.map.contexts)) == table
    older = replace(table, map=None)
    assert older.without_contexts() is older
