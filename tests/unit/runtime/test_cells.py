"""No text of a CSV file is taken for a formula, and every one is read back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nc_hf.runtime.cells import from_cell, to_cell

FORMULAS = ["=1+1", "+1", "-main", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "'=1", "''@x", "-0.5"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    cell = to_cell(text)
    assert isinstance(cell, str)
    assert cell[0] == "'"
    assert from_cell(cell) == text


@pytest.mark.parametrize("value", [-0.5, 3, None, True, "main", "", "'tis", "a=b", "1-2"])
def test_numbers_and_plain_texts_stay(value: object) -> None:
    assert to_cell(value) is value
    assert from_cell(value) is value


@given(st.text(alphabet="'=+-@\t\ra1,\"\n ", max_size=8) | st.text())
def test_every_text_comes_back_and_none_begins_a_formula(text: str) -> None:
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text(alphabet="'=+-@\ta1,\"\n ", max_size=8))
def test_through_a_file_too(text: str) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([to_cell(text), "end"])
    ((cell, _),) = csv.reader(io.StringIO(file.getvalue()))
    assert from_cell(cell) == text
