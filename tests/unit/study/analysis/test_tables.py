"""A study's tables: what stands in a cell, and what JSON can say of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.tables import (
    GROUP,
    cell_names,
    matched_rows,
    of_analysis,
    sensitivity_rows,
    show,
    to_records,
    to_table,
    to_text,
)
from tests.results import small_study


@pytest.mark.parametrize(
    ("row", "form", "shown"),
    [
        ({"r2": 0.51}, ".3f", "0.510"),
        ({"r2": 0.51, "r2_low": 0.4, "r2_high": 0.6}, ".2f", "0.51 [0.40, 0.60]"),
        ({"r2": 0.51, "r2_low": np.nan, "r2_high": np.nan}, ".2f", "0.51"),
        ({"r2": np.nan}, ".3f", "-"),
        ({"r2": True}, "", "yes"),
        ({"r2": "rises"}, "", "rises"),
    ],
)
def test_a_value_stands_with_its_interval(row: dict[str, object], form: str, shown: str) -> None:
    assert show(row, "r2", form) == shown


def test_equal_values_of_a_group_stand_once_over_their_rows() -> None:
    frame = pd.DataFrame({"cell": ["a", "a", "b"], "metric": ["one", "two", "one"], "value": [1.0, 2.0, 3.0]})
    columns = {"cell": ("cell", GROUP), "metric": ("quantity", ""), "value": ("yours", ".1f")}
    text = to_text(to_table("Beside", frame, columns))
    lines = [line.split() for line in text.splitlines()]
    assert lines == [["Beside"], ["quantity", "yours"], ["a"], ["one", "1.0"], ["two", "2.0"], ["b"], ["one", "3.0"]]


def test_a_line_is_as_wide_as_its_table() -> None:
    frame = pd.DataFrame({"metric": ["m" * 300], "value": [0.5]})
    assert f"{'m' * 300}  0.5" in to_text(to_table("Wide", frame, {"metric": ("metric", ""), "value": ("v", "")}))


def test_json_has_plain_numbers_and_null() -> None:
    frame = pd.DataFrame({"r2": [0.1 + 0.2, np.nan], "n": [3, 4]}, index=pd.Index(["a", "b"], name="metric"))
    records = to_records(frame)
    assert json.loads(json.dumps(records, allow_nan=False)) == [
        {"metric": "a", "r2": 0.3, "n": 3},
        {"metric": "b", "r2": None, "n": 4},
    ]


def test_cells_are_named_like_the_published_ids() -> None:
    row = {"width": 768.0, "depth": 2.0, "epochs": 10.0, "saved_epoch": 5.0, "weight_decay": 5e-4}
    frame = pd.DataFrame([row | {"seed": 7.0}, row | {"seed": np.nan}])
    assert cell_names(frame) == ["2 x 768, 10@5, decay 0.0005, seed 7", "2 x 768, 10@5, decay 0.0005"]


def test_an_answer_below_05_after_holm_is_starred() -> None:
    models = ("factors", "numbers", "architectures", "logs", "ranks", "errors")
    frame = pd.DataFrame({name: [0.5] for name in models} | {f"{name}_holm": [0.2] for name in models})
    rows = sensitivity_rows(frame.assign(factors_holm=0.01, errors=np.nan))
    assert rows.loc[0, ["factors_shown", "numbers_shown", "errors_shown"]].tolist() == ["+0.50*", "+0.50", "-"]


def test_a_contrast_is_named() -> None:
    frame = pd.DataFrame({"setting": ["head"], "level": ["simplex"], "against": ["free"]})
    assert matched_rows(frame)["contrast"].tolist() == ["head: simplex less free"]


@pytest.mark.slow
def test_every_column_of_every_table_is_there_and_empty_tables_are_not() -> None:
    shown = of_analysis(analyze(small_study(), ["full"], resamples=10))
    assert {"correlations", "partial", "sensitivity", "held_out", "trends", "seeds", "spread"} <= set(shown)
    assert "matched" not in shown
    for title, frame, columns in shown.values():
        text = to_text(to_table(title, frame, columns)).splitlines()
        assert text[0] == title
        assert len(text) >= 2 + len(frame)
