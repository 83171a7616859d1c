"""A user's cells beside the published models of the same settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.against_published import compare, setup_note
from nc_hf.study.analysis.published import SETUP
from tests.results import table


def published_like() -> pd.DataFrame:
    """Four seeds of one cell, whose losses spread by 10 %, and a lone wider model."""
    seeds = table(4, val_loss=[1.8, 2.2, 1.8, 2.2], nc1_cdnv_paper=[9.0, 11.0, 9.0, 11.0])
    return pd.concat([seeds, seeds[:1].assign(width=128, val_loss=1.0, nc1_cdnv_paper=5.0)], ignore_index=True)


def test_cells_are_held_against_those_of_the_same_settings() -> None:
    tolerance = np.std([9, 11, 9, 11], ddof=1) / 10
    mine = table(1, weight_decay=1e-1, nc1_cdnv_paper=13.0, val_loss=2.0)
    wider = table(1, width=128.0, nc1_cdnv_paper=6.0, val_loss=1.0)
    other = table(1, width=96, nc1_cdnv_paper=6.0)
    rows = compare(pd.concat([mine, wider, other]), published_like()).set_index(["width", "metric"])
    cdnv = rows.xs("nc1_cdnv_paper", level="metric")
    assert cdnv["models"].tolist() == [4, 1]
    assert cdnv["published"].tolist() == [10, 5]
    assert cdnv["ratio"].tolist() == pytest.approx([1.3, 1.2])
    assert cdnv["tolerance"].tolist() == pytest.approx([tolerance] * 2)
    expected = [3 / (tolerance * 10 * np.sqrt(1.25)), 1 / (tolerance * 5 * np.sqrt(2))]
    assert cdnv["deviation"].tolist() == pytest.approx(expected)
    assert cdnv["within"].tolist() == [False, True]
    assert rows.loc[(64, "val_loss"), "deviation"] == pytest.approx(0)


def test_what_else_differs_from_the_published_setup_is_named() -> None:
    same = {name: 16 if isinstance(value, dict) else value for name, value in SETUP.items()}
    mine, published = table(2, nc1_cdnv_paper=13.0, **same), published_like()
    assert setup_note(mine, published) == "Every other setting is as published."
    other = mine.assign(heads=[4, 16], block_size=256.0, batch_size=4, corpus="stories/a.txt", classes=["all", np.nan])
    beside = table(1, width=96, nc1_cdnv_paper=1.0, window=7)  # a cell that was not published
    assert setup_note(pd.concat([other, beside]).drop(columns="packing"), published) == (
        "Not as published: corpus stories/a.txt (published: tinystories); block_size 256 (published: 2,048); "
        "heads 4 (published: 16); batch_size 4 (published: 16). "
        "Unknown, since the table does not tell: packing, classes."
    )


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(StudyError, match="choose width from 64, 128"):
        compare(table(3, width=96, nc1_cdnv_paper=1.0), published_like())
    with pytest.raises(StudyError, match="preset paper or full"):
        compare(table(3, nc1_cdnv=1.0), published_like())
