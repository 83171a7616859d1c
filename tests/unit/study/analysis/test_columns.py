"""What a column is, and how its levels are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.columns import codes, errors_of, is_measured, labels, level_names, numbers_of, settings_of
from nc_hf.study.table import STDERR
from tests.results import table


def test_whatever_is_no_measurement_and_no_size_is_a_setting() -> None:
    measured = {"nc4_agreement": 0.5, "nc4_agreement_half_1": 0.5, "ood_loss": 3.0, "ood_nc1_cdnv_median": 1.0}
    others = {"nc5_ood_orthogonality": 0.1, "val_calibration_error": 0.1, f"val_loss{STDERR}": 0.1}
    sizes = {"parameters": 10, "classes_hash": "a", "train_seconds": 3.0}
    frame = table(3, **measured, **others, **sizes, learning_rate=0.1, mood="good")
    expected = ["width", "depth", "epochs", "weight_decay", "seed", "learning_rate", "mood"]
    assert settings_of(frame) == expected


@pytest.mark.parametrize("name", ["nc4_agreements", "val_losses", "goods", "stderr"])
def test_a_name_that_is_only_like_a_measurement_is_a_setting(name: str) -> None:
    assert not is_measured(name)


def test_levels_do_not_depend_on_how_they_were_written() -> None:
    assert labels(pd.Series([0.0005, 5e-4])).tolist() == labels(pd.Series(["5e-4", ".00050"])).tolist()
    assert labels(pd.Series([True, False])).tolist() == ["True", "False"]
    assert level_names(pd.Series([1024, 64, 128])) == ["64", "128", "1024"]
    assert level_names(pd.Series(["all", 0.5, None], dtype=object)) == ["0.5", "-", "all"]


def test_combinations_are_numbered() -> None:
    frame = pd.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "y", "x", "x"]})
    assert codes(frame, ["a", "b"]).tolist() == [0, 1, 2, 0]
    assert codes(frame, []).tolist() == [0] * 4


def test_words_and_gaps_are_no_numbers() -> None:
    assert numbers_of(pd.Series(["1", "2"])) == pytest.approx([1, 2])
    for other in (["a", "1"], [1.0, np.nan], [True, False]):
        assert numbers_of(pd.Series(other)) is None


def test_errors_are_those_of_every_row_that_has_a_value() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan], "x_stderr": [0.1, np.nan], "y": [1.0, 2.0], "y_stderr": [0.1, np.nan]})
    assert errors_of(frame, "x") == pytest.approx([0.1, np.nan], nan_ok=True)
    assert errors_of(frame, "y") is None
    assert errors_of(frame, "z") is None
