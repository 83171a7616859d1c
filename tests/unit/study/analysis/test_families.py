"""Corrections for many tests, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nc_hf.study.analysis.families import benjamini_hochberg, holm


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_benjamini_hochberg_by_hand() -> None:
    adjusted = benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.9])


def test_a_test_that_was_not_made_is_no_member() -> None:
    assert holm(np.array([0.02, np.nan, 0.01])) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert np.isnan(benjamini_hochberg(np.array([np.nan, np.nan]))).all()
